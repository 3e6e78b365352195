"""Lines of JSON → the view `lines`: narrow columns of each, and what the question needs besides."""

import gzip
import re
import zlib
from collections.abc import Collection, Sequence
from glob import escape

from ..errors import InvalidRecord, SourceError
from ..record import MAX_NUMBER, SPOT, Record
from ..slots import MAX_INTERVAL_SECONDS
from .columns import DOUBLE, HEAD, NARROW, TEXT, decoded, from_lines, pair_sql, quoted
from .engine import Engine, sql_literal
from .files import File, Problem, clean_copy

MAX_SHOWN = 5
_NUMBER = r"-?[0-9]+(\.[0-9]+)?([eE][-+]?[0-9]+)?"
_AS_TEXT = """columns = {'raw': 'VARCHAR'}, header = false, auto_detect = false, delim = '\x01', quote = '',
    escape = '', comment = '', strict_mode = false, hive_partitioning = false"""
# how this program writes the six keys
CANONICAL = (
    rf'^\{{"timestamp":"[0-9TZ:-]{{20}}","symbol":"[^"\\]+","obi":{_NUMBER},"notional_bid":{_NUMBER},'
    rf'"notional_ask":{_NUMBER},"levels":[0-9]+'
)
# the types of JSON that a key may have; those that have to be there are not null in a valid record
_TYPES = {TEXT: ("VARCHAR", "NULL"), DOUBLE: ("UBIGINT", "BIGINT", "DOUBLE", "HUGEINT", "UHUGEINT", "NULL")}
# the text of a broken line as it can be read: without NUL bytes, blanks and marks of encodings; behind a torn one, the
# whole one
_TRIMMED = r"trim(replace(invalid_line, chr(0), ''), ' ' || chr(9) || chr(13) || chr(65279) || chr(65533))"
_WHOLE = rf"""if(starts_with({_TRIMMED}, '{{"timestamp"') AND NOT json_valid({_TRIMMED}),
    coalesce(nullif(regexp_extract({_TRIMMED}, '.(\{{"timestamp"[^{{}}]*\}})$', 1), ''), {_TRIMMED}), {_TRIMMED})"""
# why it is broken nevertheless: it was cut off while it was written, or its beginning was lost
_BROKEN = """CASE WHEN line = '' THEN 'empty' WHEN length(line) > 10000 THEN 'invalid'
    WHEN starts_with(line, '{') AND NOT ends_with(line, '}') THEN 'torn'
    WHEN NOT contains(line, '{') THEN 'torn' ELSE 'invalid' END"""
VALID = f"""coalesce(seconds >= 0 AND symbol <> '' AND market <> '' AND obi BETWEEN -1 AND 1
    AND levels >= 1 AND levels = floor(levels) AND notional_bid >= 0 AND notional_bid < {MAX_NUMBER}
    AND notional_ask >= 0 AND notional_ask < {MAX_NUMBER} AND (interval_seconds IS NULL OR (interval_seconds BETWEEN 1
    AND {MAX_INTERVAL_SECONDS} AND interval_seconds = floor(interval_seconds))), false)"""  # of the columns of a record
HAS_DATA = "(reason IS NULL AND (interval_seconds IS NOT NULL OR notional_bid <> 0 OR notional_ask <> 0))"
PRINTED = (
    f"if(interval_seconds IS NULL AND NOT regexp_matches(line, {sql_literal(CANONICAL)}), line,"
    f" nullif(regexp_extract(line, {sql_literal(CANONICAL)}), '')"
    f" || if(market = {sql_literal(SPOT)}, '', ',\"market\":' || to_json(market)) || '}}')"
)  # the line without --detail; null where it was not written by this program


def read_lines(
    engine: Engine, files: Sequence[File], pairs: Collection[str], columns: Sequence[str], within: str
) -> list[Problem]:
    """Create the view `lines`; `columns` are kept of the rows that are `within` a range, as SQL.

    Returns what was invalid or torn.
    """
    problems: list[Problem] = []
    try:
        _create(engine, files, pairs, columns, within)
    except SourceError:
        files, problems = _mend(engine, files)
        if not files:
            raise SourceError("; ".join(problem.text for problem in problems)) from None
        _create(engine, files, pairs, columns, within)
    return problems + _invalid_lines(engine, files)


def _mend(engine: Engine, files: Sequence[File]) -> tuple[list[File], list[Problem]]:
    """Each file that DuckDB refuses → a copy that it takes."""
    kept, problems = [], []
    for file in files:
        try:
            engine.rows(f"SELECT sum(strlen(raw)) FROM {_scan([file])}")
            kept.append(file)
        except SourceError as error:
            if file.kind == "zstd":
                problems.append(Problem(f"{file.name} is not a whole zstd file of text, and is not read: {error}"))
                continue
            copy, problem = clean_copy(file, engine.folder)
            kept.append(copy)
            problems += [problem] if problem else []
    return kept, problems


def _scan(files: Sequence[File]) -> str:
    """SQL that reads lines as they are, with the number of the file."""
    parts = []
    for kind in dict.fromkeys(file.kind for file in files):
        numbers = [number for number, file in enumerate(files) if file.kind == kind]
        paths = ", ".join(sql_literal(escape(files[number].path)) for number in numbers)
        parts.append(
            f"SELECT raw, {numbers}[CAST(file_index AS INTEGER) + 1] AS file FROM read_csv([{paths}],"
            f" compression = '{kind}', {_AS_TEXT}) WHERE raw IS NOT NULL"
        )
    return f"({' UNION ALL '.join(parts)})"


def _create(engine: Engine, files: Sequence[File], pairs: Collection[str], columns: Sequence[str], within: str) -> None:
    wanted = "true"
    if pairs:  # most lines of other pairs are not even decoded
        symbols = {pair.rpartition(":")[2] for pair in pairs}
        named = " OR ".join(f"contains(raw, {sql_literal(symbol)})" for symbol in sorted(symbols))
        wanted = rf"({named} OR contains(raw, '\') OR NOT (starts_with(raw, '{{') AND ends_with(raw, '}}')))"
    source = f"(SELECT * FROM {_scan(files)} WHERE {wanted})"
    rest = f"(SELECT file, {_WHOLE} AS raw FROM all_lines WHERE problem = 'broken')"
    names = f"WHERE pair IN ({', '.join(map(sql_literal, sorted(pairs)))}) OR problem <> 'mended'" if pairs else ""

    def rows(lines: str, good: str, broken: str) -> str:
        checked = f"(SELECT * FROM ({_checked(lines, good, broken)}) {names})"
        return f"SELECT {_kept(columns, within)} FROM {from_lines(checked)}"

    engine.run("CREATE OR REPLACE TABLE all_lines AS " + rows(source, "NULL", "'broken'"))
    if engine.rows("SELECT 1 FROM all_lines WHERE problem = 'broken' LIMIT 1"):
        engine.run("INSERT INTO all_lines " + rows(rest, "'mended'", _BROKEN))
    engine.run(
        "CREATE OR REPLACE VIEW lines AS SELECT *, rowid AS id, NULL::BIGINT AS file_slot FROM all_lines"
        " WHERE problem IS NULL OR problem = 'mended'"
    )


def _checked(lines: str, good: str, broken: str) -> str:
    """SQL: the narrow columns of lines, and `problem`: `good`, 'invalid' or, where a line is no JSON, `broken`."""
    # a full line of this program is decoded up to the levels only
    cut = "left(raw, instr(raw, ',\"version\":') - 1)"
    is_cut = (
        "starts_with(raw, '{\"timestamp\":') AND (ends_with(raw, ']}') OR ends_with(raw, 'null}'))"
        f" AND NOT raw LIKE '{{%{{%' AND contains({cut}, '\"interval_seconds\":')"
    )
    beginnings = f"SELECT file, raw AS line, if({is_cut}, {cut} || '}}', raw) AS beginning FROM {lines}"
    heads = f"SELECT *, {decoded(HEAD, 'beginning')} AS head FROM ({beginnings})"
    keys = ", ".join(f"head.{key}" for key in HEAD if key != "market")
    rows = (
        f"SELECT file, line, head IS NULL AS is_broken, {keys}, coalesce(head.market, {sql_literal(SPOT)}) AS market,"
        " epoch_us(try_strptime(head.timestamp, '%Y-%m-%dT%H:%M:%SZ')) // 1000000 AS seconds,"
        f" if(head IS NULL, NULL, json_type(beginning, {[f'$.{key}' for key in HEAD]})) AS types FROM ({heads})"
    )
    # DuckDB takes the text "0.5" and true as numbers, too
    typed = " AND ".join(
        f"coalesce(types[{number}], 'NULL') IN {_TYPES[kind]}" for number, kind in enumerate(HEAD.values(), 1)
    )
    problem = (
        f"CASE WHEN is_broken THEN {broken}"
        f" WHEN length(timestamp) = 20 AND {typed} AND {VALID} THEN {good} ELSE 'invalid' END"
    )
    return f"SELECT *, {problem} AS problem, {pair_sql()} AS pair, {HAS_DATA} AS has_data FROM ({rows})"


def _kept(columns: Sequence[str], within: str) -> str:
    narrow = (
        "pair, symbol, market, seconds, obi, notional_bid, notional_ask, CAST(levels AS BIGINT) AS levels, has_data,"
        " CAST(interval_seconds AS INTEGER) AS interval_seconds, reason, contains(line, 'bids\":[') AS has_levels"
    )
    sql = {"printed": PRINTED}
    kept = [
        f"if({within}, {sql.get(name, quoted(name))}, NULL) AS {quoted(name)}" for name in columns if name not in NARROW
    ]
    problem = ["problem", "if(problem IS NULL, NULL, file) AS file", "if(problem IS NULL, NULL, line) AS invalid_line"]
    return ", ".join([narrow, *kept, *problem])


def _invalid_lines(engine: Engine, files: Sequence[File]) -> list[Problem]:
    """Name the invalid lines, and count those that were torn."""
    problems = []
    counts = dict(engine.rows("SELECT problem, count(*) FROM all_lines WHERE problem IS NOT NULL GROUP BY problem"))
    torn, mended, invalid = (counts.get(problem, 0) for problem in ("torn", "mended", "invalid"))
    if torn:
        problems.append(Problem(f"left out {torn} torn line(s), cut off while they were written", is_harmless=True))
    if mended:
        problems.append(Problem(f"read {mended} line(s) behind a torn line, or in another encoding", is_harmless=True))
    # DuckDB does not say that a file of zstd ends too early
    problems.extend(
        Problem(f"{files[file].name}: a line is cut off, and so may be the file: run zstd -t on it")
        for (file,) in engine.rows("SELECT DISTINCT file FROM all_lines WHERE problem = 'torn' ORDER BY file")
        if files[file].kind == "zstd"
    )
    shown = engine.rows(
        f"SELECT file, left(invalid_line, 2000) FROM all_lines WHERE problem = 'invalid' LIMIT {MAX_SHOWN}"
    )
    problems += [Problem(f"{_where(files[file], line)}: invalid: {_why(line)}") for file, line in shown]
    if invalid > MAX_SHOWN:
        problems.append(Problem(f"{invalid - MAX_SHOWN} more invalid line(s)"))
    return problems


def _where(file: File, line: str) -> str:
    """The name of a file and the number of a line, if it can be found."""
    start = line[:100].encode()
    opened = gzip.open if file.kind == "gzip" else open
    try:
        with opened(file.path, "rb") as lines:
            number = next((n for n, each in enumerate(lines, 1) if start in each), None)
    except (OSError, EOFError, zlib.error):
        number = None
    return f"{file.name}: line {number}" if number else file.name


def _why(line: str) -> str:
    try:
        Record.from_line(line)
    except InvalidRecord as error:
        return str(error)
    return f"not a record: {line[:100]!r}" if not re.match(r"\s*\{", line) else "a value is out of range"
