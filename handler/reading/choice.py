"""Chooses the rows, of full records one for each pair and slot, by narrow columns only, and creates their views."""

import logging
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from ..slots import DEFAULT_INTERVAL_SECONDS, MAX_INTERVAL_SECONDS
from .columns import ALL_COLUMNS, HEAD, NARROW_SQL, from_lines, quoted
from .files import MAX_ROWS_OF_FILE, File
from .lines import MAX_SHOWN

if TYPE_CHECKING:
    from .source import Records

ALWAYS_COLUMNS = ("pair", "slot", "slot_seconds", *HEAD)  # whatever the question is
EXPRESSIONS = {
    "timestamp": "make_timestamptz(seconds * 1000000) AS timestamp",
    "slot": "make_timestamptz(slot * 1000000) AS slot",
    **{name: f"if(reason IS NULL, {name}, NULL) AS {name}" for name in ("obi", "notional_bid", "notional_ask")},
    "interval_seconds": "CAST(interval_seconds AS BIGINT) AS interval_seconds",
}  # of the columns of `records`

log = logging.getLogger(__name__)

# the commonest interval between the plain samples of a pair, in a tie the shortest; if a file has at least two samples
# for each slot, the interval between its slots
INFERRED = f"""
    WITH moments AS (
        SELECT pair, seconds AS moment, false AS is_slot FROM narrow WHERE interval_seconds IS NULL
        UNION ALL SELECT pair, file_slot, true FROM narrow WHERE interval_seconds IS NULL AND file_slot IS NOT NULL),
    intervals_found AS (
        SELECT pair, is_slot, apart, count(*) AS n FROM (
            SELECT *, moment - lag(moment) OVER (PARTITION BY pair, is_slot ORDER BY moment) AS apart FROM moments)
        WHERE apart IS DISTINCT FROM 0 GROUP BY ALL),
    shared AS (
        SELECT pair, coalesce(2 * sum(n) FILTER (is_slot) <= sum(n) FILTER (NOT is_slot), false) AS is_shared
        FROM intervals_found GROUP BY pair)
    SELECT pair, least(arg_max(apart, (n, -apart)), {MAX_INTERVAL_SECONDS}) AS inferred
    FROM intervals_found JOIN shared USING (pair) WHERE is_slot = is_shared AND apart IS NOT NULL GROUP BY pair"""
# the rows of `narrow` but for the first one of each key; only keys with several rows are sorted
_REPEATED = """
    SELECT part, id FROM (
        SELECT part, id, interval_seconds, row_number() OVER (PARTITION BY {key} ORDER BY {order}, part, id) AS place
        FROM narrow SEMI JOIN (SELECT {near} FROM narrow WHERE {rows} GROUP BY ALL HAVING count(*) > 1) USING ({near})
        WHERE {rows})
    WHERE place > 1"""
# of the full rows of one pair and slot: a measurement before a reason, then the earliest, then the line with levels
DUPLICATES = _REPEATED.format(
    key="pair, own_slot", near="pair, own_slot", rows="interval_seconds IS NOT NULL",
    order="has_data DESC, seconds, has_levels DESC",
)  # fmt: skip
# a plain row is left out only where another row, plain or full, is the same sample
PLAIN_DUPLICATES = _REPEATED.format(
    key="pair, seconds, obi, notional_bid, notional_ask, levels", near="pair, seconds", rows="true",
    order="interval_seconds IS NULL",
) + " AND interval_seconds IS NULL"  # fmt: skip
SHARED_SLOTS = """
    SELECT pair, sum(n - 1)::BIGINT, max(seconds) FROM (
        SELECT pair, slot, count(*) AS n, max(interval_seconds) AS seconds FROM samples WHERE has_data
        GROUP BY pair, slot HAVING n > 1)
    GROUP BY pair ORDER BY pair"""


def _create_checked(records: "Records", parts: Mapping[str, Sequence[File]]) -> None:
    """Create the view `checked`, the narrow columns of all parts, and name its invalid rows."""
    tables = [f"SELECT {number} AS part, {NARROW_SQL} FROM checked_{part}" for number, part in enumerate(parts)]
    records.engine.run(f"CREATE VIEW checked AS {' UNION ALL '.join(tables)}")
    shown = records.engine.rows(
        "SELECT part, id, invalid, count(*) OVER () FROM checked WHERE invalid IS NOT NULL"
        f" ORDER BY part, id LIMIT {MAX_SHOWN}"
    )
    files_of_parts = list(parts.values())
    for number, row, values, _ in shown:
        file = files_of_parts[number][row // MAX_ROWS_OF_FILE]
        records.failures.append(f"{file.name}: row {row % MAX_ROWS_OF_FILE + 1}: invalid: {values}")
    if shown and shown[0][3] > MAX_SHOWN:
        records.failures.append(f"{shown[0][3] - MAX_SHOWN} more invalid row(s)")


def create_views(records: "Records", parts: Mapping[str, Sequence[File]]) -> None:
    """Create two views of the parts: `records`, as it was requested, and `samples`, the narrow columns of all rows.

    `samples` also has reasons and rows outside the range. Adds invalid rows to the failures.
    """
    _create_checked(records, parts)
    engine, flag = records.engine, records.interval_seconds
    own_slot = "coalesce(file_slot, seconds // interval_seconds * interval_seconds) AS own_slot"
    engine.run(f"CREATE VIEW narrow AS SELECT *, {own_slot} FROM checked WHERE invalid IS NULL")
    has_plain = bool(engine.rows("SELECT 1 FROM narrow WHERE interval_seconds IS NULL LIMIT 1"))
    is_inferred = has_plain and not flag
    engine.run(f"CREATE TABLE intervals AS {INFERRED if is_inferred else INFERRED + ' LIMIT 0'}")
    invalid = "SELECT part, id FROM checked WHERE invalid IS NOT NULL"
    duplicates = f"{DUPLICATES} UNION ALL {PLAIN_DUPLICATES}" if has_plain else DUPLICATES
    engine.run(f"CREATE TABLE dropped AS {duplicates} UNION ALL {invalid}")
    has_dropped = bool(engine.rows("SELECT 1 FROM dropped LIMIT 1"))
    joined = f"LEFT JOIN intervals USING (pair){' ANTI JOIN dropped USING (part, id)' if has_dropped else ''}"
    # the flag decides about the slot, then the file, the record's own interval, the inferred one
    interval = str(flag) if flag else f"coalesce(interval_seconds, inferred, {DEFAULT_INTERVAL_SECONDS})"
    slot = f"seconds // {interval} * {interval}" if flag else f"coalesce(file_slot, seconds // {interval} * {interval})"
    engine.run(
        f"CREATE VIEW samples AS SELECT * REPLACE ({interval} AS interval_seconds), {slot} AS slot FROM narrow {joined}"
    )
    columns = ALL_COLUMNS if records.columns is None else (*ALWAYS_COLUMNS, *records.columns)
    expressions = EXPRESSIONS | {"slot_seconds": f"{interval} AS slot_seconds"}
    selected = ", ".join(expressions.get(name, quoted(name)) for name in dict.fromkeys(columns))
    wanted = records.range.sql() + ("" if records.with_reasons else " AND has_data")
    selects = []
    for number, part in enumerate(parts):
        rows = f"(SELECT *, {slot} AS slot FROM (SELECT *, {number} AS part FROM {part}) {joined})"
        rows = f"(SELECT * FROM {rows} WHERE {wanted})"
        if records.columns is None and part == "lines":
            rows = from_lines(rows)
        selects.append(f"SELECT {selected} FROM {rows}")
    engine.run(f"CREATE VIEW records AS {' UNION ALL '.join(selects)}")
    if is_inferred:
        _say_intervals(records)
    if has_plain or flag:
        _warn_of_shared_slots(records)


def _say_intervals(records: "Records") -> None:
    rows = records.engine.rows("""
        SELECT inferred, if(count(*) = 1, any_value(pair), count(*) || ' pairs') FROM intervals
        WHERE pair IN (SELECT pair FROM narrow WHERE interval_seconds IS NULL AND file_slot IS NULL) GROUP BY ALL""")
    if rows:
        log.warning(
            "plain lines have no interval: the commonest interval between samples is taken (%s);"
            " set --interval_seconds N to override it",
            ", ".join(f"{seconds} s for {pairs}" for seconds, pairs in sorted(rows)),
        )


def _warn_of_shared_slots(records: "Records") -> None:
    for row in records.engine.rows(SHARED_SLOTS):
        log.warning(
            "%s: %d sample(s) share a slot of %d s with another: all are kept, and the slot counts once; set"
            " --interval_seconds to the interval of the sampler",
            *row,
        )
