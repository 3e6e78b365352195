"""Records as Parquet: typed columns, written in row groups, in constant memory.

The same rows in the same row groups give the same bytes, as long as pyarrow is the same.
"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, islice
from typing import IO, Any, TypeVar

from handler.errors import InvalidRecord, UsageError
from handler.stores.store import COLUMN_TYPES, SlotRecord, column_values

try:
    import pyarrow as pa
    import pyarrow.parquet as pq
except ImportError:
    raise UsageError("Parquet needs the package pyarrow: run pip install pyarrow") from None

T = TypeVar("T")

ROWS_PER_ROW_GROUP = 20_000
"""A row group is in memory while it is written: 20,000 rows take about 10 MB."""
ROWS_PER_BATCH = 5_000
"""Rows of Python objects at a time, within a row group; as Arrow's columns they take a tenth of the memory."""

TIME_KEYS = ("slot", "timestamp", "received_at", "exchange_time", "since", "until")
TIME = pa.timestamp("ms", tz="UTC")
_TYPES = {str: pa.string(), int: pa.int64(), float: pa.float64(), bool: pa.bool_()}
_DICTIONARY_KEYS = (
    *("series", "symbol", "market", "host"),
    *("levels", "bps", "levels_bid", "levels_ask", "interval_seconds", "n", "expected"),
)
"""Columns of few different values: text and small integers. Of prices or times, a dictionary would cost space."""


def schema_of(value_types: Iterable[tuple[str, type]]) -> Any:
    """The schema of columns of this name and Python type; those in TIME_KEYS are times, whose values are texts."""
    return pa.schema([(key, TIME if key in TIME_KEYS else _TYPES[value_type]) for key, value_type in value_types])


SCHEMA = schema_of(COLUMN_TYPES)
"""The columns of records: series, slot, and the record's keys in their order."""


def write_records(file: IO[bytes], row_groups: Iterable[Iterable[SlotRecord]]) -> int:
    """Write a Parquet file of records, each group of them as one row group, in the order given.

    Returns the number of rows; without any, the file has the columns alone. Raises InvalidRecord for a value that a
    column cannot hold. If anything is raised, what was written is not to be used.
    """
    return write_rows(file, SCHEMA, (map(column_values, group) for group in row_groups))


def write_rows(file: IO[bytes], schema: Any, row_groups: Iterable[Iterable[Sequence[Any]]]) -> int:
    """Write a Parquet file of rows, whose values are those of the schema's columns. Otherwise as `write_records`."""
    dictionary_columns = [key for key in _DICTIONARY_KEYS if key in schema.names]
    rows = 0
    with pq.ParquetWriter(
        file,
        schema,
        compression="zstd",
        compression_level=3,
        use_dictionary=dictionary_columns,
        store_schema=False,
    ) as writer:
        for group in row_groups:
            table = pa.Table.from_batches(_batches(schema, group), schema)
            if table.num_rows:
                writer.write_table(table.combine_chunks(), row_group_size=table.num_rows)
            rows += table.num_rows
    return rows


def row_groups(rows: Iterable[T]) -> Iterator[Iterator[T]]:
    """The rows in groups of ROWS_PER_ROW_GROUP, each to be consumed before the next one is taken."""
    iterator = iter(rows)
    for first in iterator:
        yield chain([first], islice(iterator, ROWS_PER_ROW_GROUP - 1))


def _batches(schema: Any, rows: Iterable[Sequence[Any]]) -> Iterator[Any]:
    iterator = iter(rows)
    while batch := list(islice(iterator, ROWS_PER_BATCH)):
        yield _batch(schema, batch)


def _batch(schema: Any, rows: Sequence[Sequence[Any]]) -> Any:
    columns = zip(*rows, strict=True)
    return pa.record_batch([_column(field, values) for field, values in zip(schema, columns, strict=True)], schema)


def _column(field: Any, values: Sequence[Any]) -> Any:
    try:
        if field.type == TIME:
            return pa.array(values, pa.string()).cast(TIME)
        return pa.array(values, field.type)
    except (pa.ArrowInvalid, OverflowError) as error:
        raise InvalidRecord(f"a value of {field.name} does not fit into a column of type {field.type}") from error
