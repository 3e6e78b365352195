"""Parquet files of records → views with the columns of `records`, found by name; nothing is copied."""

from collections.abc import Collection, Sequence
from glob import escape

from ..errors import SourceError
from ..record import PLAIN_KEYS, SPOT
from .columns import DERIVED, LEVELS, LIST, STORED, TIMES, derived, milliseconds, pair_sql
from .engine import Engine, sql_literal
from .files import File, Problem
from .lines import HAS_DATA, MAX_SHOWN, VALID

ROWS_PER_FILE = 1 << 40  # more than any file has
NUMERIC = ("INT", "DOUBLE", "FLOAT", "DECIMAL")  # parts of the names of DuckDB's types of numbers
_NUMBERS = ("obi", "notional_bid", "notional_ask", "levels", "interval_seconds")


def open_parquet(engine: Engine, files: Sequence[File], pairs: Collection[str]) -> tuple[list[str], list[Problem]]:
    """Create views `parquet_0`, `parquet_1`, … of all columns, one for each schema, and their narrow tables `rows_…`.

    Returns their names, and what cannot be read.
    """
    groups: dict[tuple[tuple[str, str], ...], list[File]] = {}
    problems = []
    for file in files:
        try:
            schema = engine.columns(f"SELECT * FROM {_scan([file])}")
        except SourceError as error:
            problems.append(Problem(f"{file.name} is not a whole Parquet file, and is not read: {error}"))
            continue
        if problem := _unfit(schema):
            problems.append(Problem(f"{file.name}: {problem}"))
        else:
            groups.setdefault(tuple(schema.items()), []).append(file)
    names = []
    for number, (columns, group) in enumerate(groups.items()):
        try:
            problems += _create(engine, number, dict(columns), group, pairs)
            names.append(f"parquet_{number}")
        except SourceError as error:
            problems.append(Problem(f"{', '.join(file.name for file in group[:3])}: {error}"))
    return names, problems


def _scan(files: Sequence[File]) -> str:
    paths = ", ".join(sql_literal(escape(file.path)) for file in files)
    return f"read_parquet([{paths}], hive_partitioning = false)"


def _unfit(schema: dict[str, str]) -> str | None:
    """Why a file with these columns has no records; None if it has."""
    if missing := [key for key in PLAIN_KEYS if key not in schema]:
        return f"no record was found: a Parquet file without a column {missing[0]}"
    for key in _NUMBERS:
        kind = schema.get(key, "INTEGER")
        if not any(part in kind for part in NUMERIC) and kind != '"NULL"':
            return f"the column {key} is of type {kind}, not of numbers: convert it"
    return None


def _create(
    engine: Engine, number: int, schema: dict[str, str], files: Sequence[File], pairs: Collection[str]
) -> list[Problem]:
    known = [name for name in DERIVED if name in schema]
    reason = "CAST(reason AS VARCHAR)" if "reason" in schema else "NULL::VARCHAR"
    keys = [f"{_number(name, schema, reason)} AS {name}" for name in _NUMBERS]
    keys += [f'{_stored(name, kind, schema)} AS "{name}"' for name, kind in STORED.items()]
    keys += [f'CAST("{name}" AS DOUBLE) AS {name}' for name in known]
    keys += [f"{_seconds('timestamp', schema)} AS seconds", f"{_seconds('slot', schema)} AS file_slot"]
    market = f"coalesce(CAST(market AS VARCHAR), {sql_literal(SPOT)})" if "market" in schema else sql_literal(SPOT)
    keys += ["CAST(symbol AS VARCHAR) AS symbol", f"{market} AS market", f"{reason} AS reason"]
    pair = "CAST(pair AS VARCHAR)" if "pair" in schema else pair_sql("CAST(symbol AS VARCHAR)", market)
    where = f"WHERE {pair} IN ({', '.join(map(sql_literal, sorted(pairs)))})" if pairs else ""
    keys += [f"{pair} AS pair", f"file_index * {ROWS_PER_FILE} + file_row_number AS id"]
    rows = derived(f"(SELECT {', '.join(keys)} FROM {_scan(files)} {where})", known)
    view = f"(SELECT *, {HAS_DATA} AS has_data, NULL::VARCHAR AS line, NULL::VARCHAR AS printed FROM {rows})"
    whole = ", ".join(f"TRY_CAST({name} AS BIGINT) AS {name}" for name in ("levels", "interval_seconds"))
    engine.run(f"CREATE VIEW parquet_{number} AS SELECT * REPLACE ({whole}) FROM {view} WHERE {VALID}")
    has_levels = "bid_levels IS NOT NULL" if "bid_levels" in schema else "bids IS NOT NULL"
    engine.run(
        f"CREATE TABLE checked_{number} AS SELECT id, pair, seconds, file_slot, interval_seconds, has_data,"
        f" {has_levels} AS has_levels, obi, notional_bid, notional_ask, levels, reason, {VALID} AS is_valid"
        f" FROM {view}"
    )
    engine.run(f"CREATE VIEW rows_{number} AS SELECT * REPLACE ({whole}) FROM checked_{number} WHERE is_valid")
    return _invalid_rows(engine, number, files)


def _number(name: str, schema: dict[str, str], reason: str) -> str:
    """A number; those of a reason may be null. NaN in a column that may be empty is how pandas writes nothing."""
    if name not in schema:
        return "NULL::DOUBLE"
    number = f'CAST("{name}" AS DOUBLE)'
    if name == "interval_seconds":
        return f"if(isnan({number}), NULL, {number})"
    return f"if({reason} IS NULL, {number}, coalesce({number}, {1 if name == 'levels' else 0}))"


def _stored(name: str, kind: str, schema: dict[str, str]) -> str:
    found = schema.get(name)
    if found is None or (kind in (LIST, LEVELS) and not found.endswith("[]")):
        return f"NULL::{'TIMESTAMPTZ' if name in TIMES else kind}"
    if name in TIMES:
        is_time = "TIMESTAMP" in found
        return f"make_timestamptz({_micros(name, found)})" if is_time else milliseconds(f"CAST({name} AS VARCHAR)")
    return f'TRY_CAST("{name}" AS {kind})'


def _seconds(name: str, schema: dict[str, str]) -> str:
    kind = schema.get(name)
    if kind is None:
        return "NULL::BIGINT"
    if "TIMESTAMP" in kind:
        return f"{_micros(name, kind)} // 1000000"
    return f"epoch_us(try_strptime(CAST({name} AS VARCHAR), '%Y-%m-%dT%H:%M:%SZ')) // 1000000"


def _micros(name: str, kind: str) -> str:
    """Epoch microseconds of a time, which is UTC where it has no zone."""
    return f"epoch_us(CAST({name} AS {'TIMESTAMPTZ' if 'TZ' in kind or 'ZONE' in kind else 'TIMESTAMP'}))"


def _invalid_rows(engine: Engine, number: int, files: Sequence[File]) -> list[Problem]:
    values = ", ".join(f"{name} := {name}" for name in _NUMBERS)
    shown = engine.rows(
        f"SELECT id // {ROWS_PER_FILE}, id % {ROWS_PER_FILE} + 1, count(*) OVER (), to_json(struct_pack({values}))"
        f" FROM checked_{number} WHERE NOT is_valid ORDER BY id LIMIT {MAX_SHOWN}"
    )
    problems = [Problem(f"{files[file].name}: row {row}: invalid: {values}") for file, row, _, values in shown]
    if shown and shown[0][2] > MAX_SHOWN:
        problems.append(Problem(f"{shown[0][2] - MAX_SHOWN} more invalid row(s)"))
    return problems
