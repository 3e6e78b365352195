"""Opens Parquet files as views with the columns of `records`, found by name; only narrow columns are copied."""

from collections.abc import Collection, Sequence
from glob import escape

from ..errors import SourceError
from ..record import PLAIN_KEYS, SPOT
from .columns import DERIVED, NARROW_SQL, STORED, derived, pair_sql
from .engine import Engine, sql_literal
from .files import File, file_row
from .lines import HAS_DATA, VALID

NUMERIC = ("INT", "DOUBLE", "FLOAT", "DECIMAL")  # parts of the names of DuckDB's types of numbers
_NUMBERS = ("obi", "notional_bid", "notional_ask", "levels", "interval_seconds")


def open_parquet(
    engine: Engine, files: Sequence[File], pairs: Collection[str], failures: list[str]
) -> dict[str, list[File]]:
    """Create a view of all columns and a table `checked_…` of narrow ones for each schema.

    Returns the names of the views, and the files of each.
    """
    groups: dict[tuple[tuple[str, str], ...], list[File]] = {}
    for file in files:
        try:
            schema = engine.columns(f"SELECT * FROM {_scan([file])}")
            groups.setdefault(_valid_schema(schema), []).append(file)
        except SourceError as error:
            failures.append(f"{file.name}: {error}")
    parts: dict[str, list[File]] = {}
    todo = list(groups.items())
    for columns, group in todo:
        name = f"parquet_{len(parts)}"
        try:
            engine.run(f"CREATE OR REPLACE VIEW {name} AS {_rows(dict(columns), group, pairs)}")
            engine.run(f"CREATE TABLE checked_{name} AS SELECT {NARROW_SQL} FROM {name}")
            parts[name] = group
        except SourceError as error:
            if len(group) > 1:  # one of them is damaged
                todo += [(columns, [file]) for file in group]
            else:
                failures.append(f"{group[0].name}: {error}")
    return parts


def _scan(files: Sequence[File]) -> str:
    paths = ", ".join(sql_literal(escape(file.path)) for file in files)
    return f"read_parquet([{paths}], hive_partitioning = false)"


def _valid_schema(schema: dict[str, str]) -> tuple[tuple[str, str], ...]:
    """Return the columns of a file as pairs of name and type. Raises SourceError if they are not those of records."""
    if missing := [key for key in PLAIN_KEYS if key not in schema]:
        raise SourceError(f"no record was found: a Parquet file without a column {missing[0]}")
    for key in _NUMBERS:
        kind = schema.get(key, "INTEGER")
        if not any(part in kind for part in NUMERIC) and kind != '"NULL"':
            raise SourceError(f"the column {key} is of type {kind}, not of numbers: convert it")
    return tuple(schema.items())


def _rows(schema: dict[str, str], files: Sequence[File], pairs: Collection[str]) -> str:
    known = [name for name in DERIVED if name in schema]
    reason = "CAST(reason AS VARCHAR)" if "reason" in schema else "NULL::VARCHAR"
    market = f"coalesce(CAST(market AS VARCHAR), {sql_literal(SPOT)})" if "market" in schema else sql_literal(SPOT)
    pair = "CAST(pair AS VARCHAR)" if "pair" in schema else pair_sql("CAST(symbol AS VARCHAR)", market)
    keys = [f"{_number(name, schema, reason)} AS {name}" for name in _NUMBERS]
    keys += [f'{_stored(name, kind, schema)} AS "{name}"' for name, kind in STORED.items()]
    keys += [f'CAST("{name}" AS DOUBLE) AS {name}' for name in known]
    keys += [f"{_seconds('timestamp', schema)} AS seconds", f"{_seconds('slot', schema)} AS file_slot"]
    keys += ["CAST(symbol AS VARCHAR) AS symbol", f"{market} AS market", f"{reason} AS reason", f"{pair} AS pair"]
    keys += [f"{file_row('file_index', 'file_row_number')} AS id", "NULL::VARCHAR AS line", "NULL::VARCHAR AS printed"]
    keys += [f"{'bid_levels' if 'bid_levels' in schema else 'bids'} IS NOT NULL AS has_levels"]
    where = f"WHERE {pair} IN ({', '.join(map(sql_literal, sorted(pairs)))})" if pairs else ""
    rows = derived(f"(SELECT {', '.join(keys)} FROM {_scan(files)} {where})", known)
    whole = "TRY_CAST(levels AS BIGINT) AS levels, nullif(TRY_CAST(interval_seconds AS BIGINT), 0) AS interval_seconds"
    values = ", ".join(f"{name} := {name}" for name in ("seconds", *_NUMBERS))
    invalid = f"if({VALID}, NULL, to_json(struct_pack({values}))::VARCHAR) AS invalid"
    return f"SELECT * REPLACE ({whole}), {HAS_DATA} AS has_data, {invalid} FROM {rows}"


def _number(name: str, schema: dict[str, str], reason: str) -> str:
    """Return SQL for a number; that of a reason may be null. pandas writes NaN where an interval is missing."""
    if name not in schema:
        return "NULL::DOUBLE"
    number = f'CAST("{name}" AS DOUBLE)'
    if name == "interval_seconds":
        return f"if(isnan({number}), NULL, {number})"
    return f"if({reason} IS NULL, {number}, coalesce({number}, {1 if name == 'levels' else 0}))"


def _stored(name: str, kind: str, schema: dict[str, str]) -> str:
    is_list = kind.endswith("[]")
    if name not in schema or schema[name].endswith("[]") != is_list:
        return f"NULL::{kind}"
    return f'TRY_CAST("{name}" AS {kind})'


def _seconds(name: str, schema: dict[str, str]) -> str:
    """Return SQL for the epoch seconds of a time or its text, which is UTC if it has no zone."""
    return f"epoch_us(TRY_CAST({name} AS TIMESTAMPTZ)) // 1000000" if name in schema else "NULL::BIGINT"
