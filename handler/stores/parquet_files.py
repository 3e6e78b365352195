"""Records out of Parquet files, batch by batch; row groups without a wanted series are not read."""

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import suppress
from typing import IO, Any

from handler.errors import ArchiveError, HandlerError, InvalidRecord, UsageError
from handler.record import KEYS, VALUE_TYPES, Record, Series
from handler.stores.valid_records import record_from_values

try:
    import pyarrow as pa
    import pyarrow.compute as pc
    import pyarrow.parquet as pq
except ImportError:
    raise UsageError("Parquet needs the package pyarrow: run pip install pyarrow") from None

ROWS_PER_BATCH = 5_000
_WHOLE_SECONDS = ("timestamp",)
_SERIES_AND_SLOT = ("series", "slot")
_EXCESS_ZEROS = {"s": r"()\.0+Z$", "ms": r"(\.[0-9]{3})0+Z$"}
"""What a whole second or millisecond ends in, if its column is finer."""

Found = tuple[str, Record | InvalidRecord]
"""Where it stands in its file, and what it is."""


def read_parquet(
    name: str, wanted: Collection[Series] | None, on_unknown_key: Callable[[str], object]
) -> Iterator[Found]:
    """The records of a Parquet file, in its order, or only those of the wanted series.

    Raises HandlerError for a file that cannot be read.
    """
    keys = None if wanted is None else pa.array({series.key for series in wanted}, pa.string())
    try:
        with pq.ParquetFile(name) as file:
            _check_columns(name, file.schema_arrow.names, on_unknown_key)
            row = 1
            for number in range(file.num_row_groups):
                if _may_hold(file, number, wanted):
                    for batch in file.iter_batches(ROWS_PER_BATCH, row_groups=[number]):
                        yield from _records(batch, keys, row)
                        row += batch.num_rows
                else:
                    row += file.metadata.row_group(number).num_rows
    except (pa.ArrowException, OSError) as error:
        reason = str(error).partition("\n")[0]
        raise HandlerError(f"{name}: is not a whole Parquet file of records: {reason}") from error


def _check_columns(name: str, columns: Sequence[str], on_unknown_key: Callable[[str], object]) -> None:
    if missing := [key for key in KEYS if key not in columns]:
        raise HandlerError(f"{name}: no record was found: a Parquet file without a column {missing[0]}")
    if twice := [key for key in (*VALUE_TYPES, *_SERIES_AND_SLOT) if columns.count(key) > 1]:
        raise HandlerError(f"{name}: it has two columns {twice[0]}: write it again with one of each name")
    if unknown := set(columns) - VALUE_TYPES.keys() - set(_SERIES_AND_SLOT):
        on_unknown_key(min(unknown))


def _may_hold(file: Any, row_group: int, wanted: Collection[Series] | None) -> bool:
    """Whether a row group may have a record of a wanted series, by its statistics."""
    if wanted is None or "series" not in file.schema_arrow.names:
        return True
    statistics = file.metadata.row_group(row_group).column(file.schema_arrow.names.index("series")).statistics
    if statistics is None or not statistics.has_min_max:
        return True
    return any(statistics.min <= series.key <= statistics.max for series in wanted)


def _records(batch: Any, keys: Any, first_row: int) -> Iterator[Found]:
    rows: Sequence[int] = range(first_row, first_row + batch.num_rows)
    if keys is not None and "series" in batch.schema.names:
        indices = pc.indices_nonzero(pc.is_in(batch["series"].cast(pa.string()), value_set=keys))
        batch, rows = batch.take(indices), [first_row + index for index in indices.to_pylist()]
    names = [name for name in batch.schema.names if name in VALUE_TYPES]
    columns = [_values(name, batch[name]) for name in names]
    for row, values in zip(rows, zip(*columns, strict=True), strict=True):
        try:
            yield f": row {row}", record_from_values(dict(zip(names, values, strict=True)))
        except InvalidRecord as error:
            yield f": row {row}", error


def _values(name: str, column: Any) -> list[Any]:
    """The values of a column; times as the text that records have."""
    if pa.types.is_timestamp(column.type):
        unit = "s" if name in _WHOLE_SECONDS else "ms"
        with suppress(pa.ArrowInvalid):  # some are finer: they stay so, and make their records invalid
            column = column.cast(pa.timestamp(unit, tz="UTC"))
        text = pc.strftime(column, format="%Y-%m-%dT%H:%M:%SZ")
        column = pc.replace_substring_regex(text, _EXCESS_ZEROS[unit], r"\1Z")
    values: list[Any] = column.to_pylist()
    return values


def rows_by_series(name: str, file: IO[bytes]) -> dict[str, int]:
    """The key of each series → its rows, of a file that `write_records` wrote, or of its end with the footer.

    Raises ArchiveError for any other file.
    """
    rows: Counter[str] = Counter()
    try:
        metadata = pq.read_metadata(file)
        for number in range(metadata.num_row_groups):
            group = metadata.row_group(number)
            rows[group.column(0).statistics.min] += group.num_rows
    except (pa.ArrowException, AttributeError) as error:
        raise ArchiveError(f"{name} is not a file of the archive: {error}") from error
    return dict(rows)
