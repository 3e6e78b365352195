"""Reads lines of JSON into the view `lines`: narrow columns, and the other columns that the question needs."""

import logging
from collections.abc import Callable, Collection, Iterator, Sequence
from functools import partial
from glob import escape
from io import BytesIO
from itertools import chain
from pathlib import Path

from ..errors import InvalidData, InvalidRecord, SourceError
from ..load.find import as_utf8, find_records
from ..load.open import MAX_PIECE_BYTES, decompressed
from ..record import MAX_NUMBER, SPOT, Record
from ..slots import MAX_EPOCH_SECONDS, MAX_INTERVAL_SECONDS
from .columns import DOUBLE, HEAD, NARROW, TEXT, decoded, from_lines, pair_sql, quoted
from .engine import Engine, sql_literal
from .files import File, file_row, new_path

MAX_SHOWN = 5
TORN = "torn"
MAX_LINE_BYTES = 1_500_000  # Firehose makes 1,400,000 of base64; DuckDB takes 2,000,000
MAX_BLOCK_BYTES = 132_000  # of zstd
BLANKS = b" \t\r\xef\xbb\xbf\xff\xfe"  # and the marks of encodings
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
VALID = f"""coalesce(seconds BETWEEN 0 AND {MAX_EPOCH_SECONDS} AND symbol <> '' AND market <> ''
    AND obi BETWEEN -1 AND 1 AND levels BETWEEN 1 AND 9e18 AND levels = floor(levels)
    AND notional_bid >= 0 AND notional_bid < {MAX_NUMBER} AND notional_ask >= 0 AND notional_ask < {MAX_NUMBER}
    AND (interval_seconds IS NULL OR (interval_seconds BETWEEN 1 AND {MAX_INTERVAL_SECONDS}
    AND interval_seconds = floor(interval_seconds))), false)"""  # of the columns of a record
HAS_DATA = "(reason IS NULL AND (interval_seconds IS NOT NULL OR notional_bid <> 0 OR notional_ask <> 0))"
PRINTED = (
    f"coalesce(nullif(regexp_extract(line, {sql_literal(CANONICAL)}), '') || if(market = {sql_literal(SPOT)}, '',"
    " ',\"market\":' || to_json(market)) || '}', if(interval_seconds IS NULL, line, NULL))"
)  # the line without --detail; null for a full record that was not written by this program

log = logging.getLogger(__name__)


def read_lines(
    engine: Engine, files: Sequence[File], pairs: Collection[str], columns: Sequence[str], within: str
) -> tuple[list[File], list[str]]:
    """Create the views `lines` and `checked_lines`; `columns` are kept where the SQL `within` is true.

    A file with anything odd is read again from a clean copy. Returns the files, and what cannot be read of them.
    """
    failures: list[str] = []
    files = [_clean_copy(file, engine.folder, failures) if _is_cut_off(engine, file) else file for file in files]
    cleaned: set[int] = set()
    while odd := _create(engine, files, _sql(files, pairs, columns, within)) - cleaned:
        for number in odd:
            files[number] = _clean_copy(files[number], engine.folder, failures)
        cleaned |= odd
    row = f"{file_row('coalesce(file, 0)', 'rowid')} AS id, NULL::BIGINT AS file_slot"
    engine.run(f"CREATE VIEW lines AS SELECT *, {row} FROM all_lines; CREATE VIEW checked_lines AS FROM lines")
    return files, failures


def _is_cut_off(engine: Engine, file: File) -> bool:
    """True for zstd that may be cut off in its first block: DuckDB finds nothing in it, and says nothing."""
    is_small = file.kind == "zstd" and Path(file.path).stat().st_size <= MAX_BLOCK_BYTES
    return is_small and not (_is_unreadable(engine, file) or engine.rows(f"SELECT 1 FROM {_scan([file])} LIMIT 1"))


def _create(engine: Engine, files: Sequence[File], sql: str) -> set[int]:
    """Return the numbers of the files with a line that is no record, or else those that DuckDB refuses."""
    try:
        engine.run(f"CREATE OR REPLACE TABLE all_lines AS {sql}")
        return {number for (number,) in engine.rows("SELECT DISTINCT file FROM all_lines WHERE invalid IS NOT NULL")}
    except SourceError:
        refused = {number for number, file in enumerate(files) if _is_unreadable(engine, file)}
        if not refused:
            raise
        return refused


def _is_unreadable(engine: Engine, file: File) -> bool:
    try:
        engine.rows(f"SELECT sum(strlen(raw)) FROM {_scan([file])}")
    except SourceError:
        return True
    return False


def _scan(files: Sequence[File]) -> str:
    """Return SQL that reads lines as they are, with the number of the file."""
    parts = []
    for kind in dict.fromkeys(file.kind for file in files):
        numbers = [number for number, file in enumerate(files) if file.kind == kind]
        paths = ", ".join(sql_literal(escape(files[number].path)) for number in numbers)
        parts.append(
            f"SELECT raw, {numbers}[CAST(file_index AS INTEGER) + 1] AS file FROM read_csv([{paths}],"
            f" compression = '{kind}', {_AS_TEXT}) WHERE raw IS NOT NULL"
        )
    return f"({' UNION ALL '.join(parts)})"


def _sql(files: Sequence[File], pairs: Collection[str], columns: Sequence[str], within: str) -> str:
    wanted = is_kept = "true"
    if pairs:  # most lines of other pairs are not even decoded
        symbols = {pair.rpartition(":")[2] for pair in pairs}
        named = " OR ".join(f"contains(raw, {sql_literal(symbol)})" for symbol in sorted(symbols))
        wanted = rf"({named} OR contains(raw, '\') OR NOT (starts_with(raw, '{{') AND ends_with(raw, '}}')))"
        is_kept = f"pair IN ({', '.join(map(sql_literal, sorted(pairs)))}) OR invalid IS NOT NULL"
    rows = from_lines(f"(SELECT * FROM ({_checked_sql(f'{_scan(files)} WHERE {wanted}')}) WHERE {is_kept})")
    narrow = (
        "pair, symbol, market, seconds, obi, notional_bid, notional_ask, TRY_CAST(levels AS BIGINT) AS levels, reason,"
        " TRY_CAST(interval_seconds AS INTEGER) AS interval_seconds, has_data,"
        " contains(line, 'bids\":[') AS has_levels, invalid, if(invalid IS NULL, NULL, file) AS file"
    )
    sql = {"printed": PRINTED}
    kept = [
        f"if({within}, {sql.get(name, quoted(name))}, NULL) AS {quoted(name)}" for name in columns if name not in NARROW
    ]
    return f"SELECT {', '.join([narrow, *kept])} FROM {rows}"


def _checked_sql(lines: str) -> str:
    """Return SQL for the narrow columns of lines, with the text of those that are no valid record."""
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
        f"SELECT file, line, {keys}, coalesce(head.market, {sql_literal(SPOT)}) AS market,"
        " epoch_us(try_strptime(head.timestamp, '%Y-%m-%dT%H:%M:%SZ')) // 1000000 AS seconds,"
        f" if(head IS NULL, NULL, json_type(beginning, {[f'$.{key}' for key in HEAD]})) AS types FROM ({heads})"
    )
    # DuckDB takes the text "0.5" and true as numbers, too
    typed = " AND ".join(
        f"coalesce(types[{number}], 'NULL') IN {_TYPES[kind]}" for number, kind in enumerate(HEAD.values(), 1)
    )
    invalid = f"if(length(timestamp) = 20 AND {typed} AND {VALID}, NULL, left(line, 100)) AS invalid"
    return f"SELECT *, {invalid}, {pair_sql()} AS pair, {HAS_DATA} AS has_data FROM ({rows})"


def _clean_copy(file: File, folder: Path, failures: list[str]) -> File:
    """Copy the records in a text, whatever surrounds them, and whatever its encoding and compression are."""
    copy, torn = new_path(folder), 0
    invalid: list[str] = []
    damages: list[InvalidData] = []
    with Path(file.path).open("rb") as source, copy.open("wb") as target:
        for number, line in enumerate(_lines(partial(source.read, MAX_PIECE_BYTES), damages), 1):
            records, lost = _records_in(line) if line else ([], "")
            target.writelines(record + b"\n" for record in records)
            torn += lost == TORN
            if lost not in ("", TORN) and not damages:  # damaged bytes look like invalid lines
                invalid.append(f"{file.name}: line {number}: invalid: {lost}")
    if torn:
        log.warning("%s: left out %d torn line(s), cut off while they were written", file.name, torn)
    failures += [f"{file.name}: {damage}" for damage in damages] + invalid[:MAX_SHOWN]
    if len(invalid) > MAX_SHOWN:
        failures.append(f"{file.name}: {len(invalid) - MAX_SHOWN} more invalid line(s)")
    return File(file.name, str(copy))


def _records_in(line: bytes) -> tuple[list[bytes], str]:
    """Return the records in a line and, if anything else is in it, TORN or why it is invalid; else an empty text."""
    try:
        Record.from_line(line)
        return [line], ""
    except InvalidRecord as error:
        found = list(find_records(BytesIO(line).read))
        records = [one.text for one in found if isinstance(one.what, Record)]
        if records and len(records) == len(found):
            return records, ""
        has_one_brace = line.startswith(b"{") != line.endswith(b"}")
        if len(line) <= MAX_LINE_BYTES and (records or has_one_brace):
            return records, TORN
        return records, f"{error}: {line[:100].decode(errors='replace')!r}"


def _lines(read: Callable[[], bytes], damages: list[InvalidData]) -> Iterator[bytes]:
    """Yield the lines of any text, as UTF-8; cut overlong ones behind a record, add what is damaged to `damages`."""
    rest = b""
    for piece in chain(decompressed(read), [b"\n"]):
        if isinstance(piece, InvalidData):
            damages.append(piece)
            continue
        *lines, rest = (rest + piece).split(b"\n")
        if len(rest) > MAX_LINE_BYTES:  # such as a JSON array
            end = rest.rfind(b"}") + 1 or len(rest)
            lines, rest = [*lines, rest[:end]], rest[end:]
        yield from (as_utf8(line).strip(BLANKS) for line in lines)
