"""Questions about `records` and `samples`, as SQL: other levels and distances, steps, gaps, series."""

from collections.abc import Sequence
from math import ceil
from typing import NamedTuple

from ..book import RUNGS_BPS, STORED_LEVELS
from ..errors import UsageError
from ..slots import SETTLING_SECONDS
from .columns import imbalance, significant, top
from .engine import sql_literal
from .source import Records

MONDAY_SECONDS = 345_600  # the first Monday after the epoch: weeks begin there
WEEK_SECONDS = 604_800
AFTER_EVERY_SLOT = 1 << 40  # later than any slot


class Depths(NamedTuple):
    """The depths to compute from stored books: numbers of levels, and distances in basis points; (): as printed."""

    levels: Sequence[int] = ()
    bps: Sequence[int] = ()

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns of `records` that they are computed from."""
        sides = ("bids", "asks", "limit") if self.levels else ()
        return sides + (("notional_bid_within", "notional_ask_within") if self.bps else ())

    def check(self, records: Records) -> None:
        """Raise UsageError for what cannot be computed from any of the records."""
        if wrong := set(self.bps) - set(RUNGS_BPS):
            raise UsageError(f"--bps {min(wrong)} is not stored: give one of {', '.join(map(str, RUNGS_BPS))}")
        if deep := {levels for levels in self.levels if levels > STORED_LEVELS}:
            rows = records.engine.rows("SELECT DISTINCT levels FROM samples WHERE has_data ORDER BY levels")
            if wrong := deep - {levels for (levels,) in rows}:
                sampled = ", ".join(str(levels) for (levels,) in rows) or "none"
                raise UsageError(
                    f"--levels {min(wrong)} is not stored: give 1 to {STORED_LEVELS}, or the number sampled ({sampled})"
                )

    def sql(self) -> str:
        """Return SQL for a row of `records` at each depth, in order; `bps` is null if a depth is a number of levels."""
        if not self.columns:
            return "(SELECT *, 0 AS view, NULL::BIGINT AS bps FROM records)"
        each = [_levels_columns(levels) for levels in self.levels] + [_bps_columns(bps) for bps in self.bps]
        rows = [f"SELECT * REPLACE ({replaced}), {number} AS view, {bps} AS bps FROM records"
                for number, (replaced, bps) in enumerate(each)]  # fmt: skip
        return f"({' UNION ALL '.join(rows)})"


def _levels_columns(levels: int) -> tuple[str, str]:
    bid, ask = (top(side, str(levels), "x[1] * x[2]") for side in ("bids", "asks"))
    unknown = f'bids IS NULL OR asks IS NULL OR coalesce({levels} > "limit", false) OR {levels} > {STORED_LEVELS}'
    amounts = {"obi": imbalance(bid, ask, None), "notional_bid": bid, "notional_ask": ask}
    replaced = [
        f"CASE WHEN levels = {levels} THEN {name} WHEN {unknown} THEN NULL ELSE {significant(sql)} END AS {name}"
        for name, sql in amounts.items()
    ]
    return ", ".join([*replaced, f"{levels}::BIGINT AS levels"]), "NULL::BIGINT"


def _bps_columns(bps: int) -> tuple[str, str]:
    number = RUNGS_BPS.index(bps) + 1
    bid, ask = f"notional_bid_within[{number}]", f"notional_ask_within[{number}]"
    replaced = f"{significant(imbalance(bid, ask, None))} AS obi, {bid} AS notional_bid, {ask} AS notional_ask"
    return f"{replaced}, NULL::BIGINT AS levels", f"{bps}::BIGINT"


def _timeline(records: Records, *, is_settled: bool) -> str:
    """CTEs that end in `runs`: each known slot of a pair, and what is missing between it and the next.

    Slots are expected from the first sample of a pair on. `missing` slots begin at `missing_since`; `is_known` is true
    for a slot within the range.
    """
    since = ceil(records.range.since or 0)
    return f"""
        timeline AS (
            SELECT pair, slot, coalesce(min(interval_seconds) FILTER (has_data), min(interval_seconds)) AS seconds,
                bool_or(has_data) AS has_data, max(reason) AS reason FROM samples GROUP BY pair, slot),
        linked AS (
            SELECT *, lead(slot) OVER following AS next, lead(seconds, 1, seconds) OVER following AS next_seconds,
                last_value(slot) OVER whole AS last, last_value(seconds) OVER whole AS last_seconds,
                sum(has_data::INTEGER) OVER (following ROWS UNBOUNDED PRECEDING) AS gap
            FROM timeline WINDOW following AS (PARTITION BY pair ORDER BY slot),
                whole AS (following ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING)),
        ranged AS (
            SELECT *, {_stop(records, is_settled)} AS stop, slot >= {since} AND slot < stop AS is_known,
                least(coalesce(next, {AFTER_EVERY_SLOT}), stop) AS before,
                greatest(if(has_data, 1, 0), ceil(({since} - slot) / seconds)::BIGINT) AS skipped
            FROM linked),
        runs AS (
            SELECT *, slot + skipped * seconds AS missing_since, greatest(0, -skipped + if(
                next <= stop AND seconds <> next_seconds,
                (before - slot) // seconds, ceil((before - slot) / seconds)::BIGINT)) AS missing
            FROM ranged)"""


def _stop(records: Records, is_settled: bool) -> str:
    """Return SQL for the moment until which slots of a pair are expected, at most the end of the range.

    Of files, that is the end of the last slot; if the range has an end, also now. Of a table, it is now less
    SETTLING_SECONDS or, unless `is_settled`, the end of the last slot if that is later.
    """
    until = AFTER_EVERY_SLOT if records.range.until is None else ceil(records.range.until)
    settled = f"({records.now - SETTLING_SECONDS:.0f} // last_seconds * last_seconds)"
    if records.is_table:
        return f"least({until}, {settled if is_settled else f'greatest({settled}, last + last_seconds)'})"
    if records.range.until is None:
        return "last + last_seconds"
    return f"least({until}, greatest({records.now:.0f}, last + last_seconds))"


def create_gaps(records: Records) -> None:
    """Create the table `gaps`: a row for each gap, then one for each pair with its `slots` and `share`.

    Nothing is expected of pairs that are absent: their `share` is unknown.
    """
    records.engine.run(f"""
        CREATE OR REPLACE TABLE gaps AS WITH {_timeline(records, is_settled=True)},
        gaps AS (
            SELECT pair, min(missing_since) FILTER (missing > 0) AS since,
                max(least(missing_since + missing * seconds, before)) FILTER (missing > 0) AS until,
                sum(missing)::BIGINT AS missing, histogram(reason) FILTER (is_known AND NOT has_data) AS reasons
            FROM runs WHERE missing > 0 OR NOT has_data GROUP BY pair, gap HAVING sum(missing) > 0),
        totals AS (
            SELECT pair, min(if(is_known, slot, missing_since)) FILTER (is_known OR missing > 0) AS since,
                any_value(stop) AS until, sum(missing)::BIGINT AS missing,
                list_aggregate(list(reason) FILTER (is_known AND NOT has_data), 'histogram') AS reasons,
                (sum(missing) + count(*) FILTER (is_known AND has_data))::BIGINT AS slots
            FROM runs GROUP BY pair),
        both_kinds AS (
            SELECT *, NULL::BIGINT AS slots, NULL::DOUBLE AS share FROM gaps
            UNION ALL SELECT *, round(1 - missing / nullif(slots, 0), 6) FROM totals)
        SELECT pair, make_timestamptz(coalesce(since, until) * 1000000) AS since,
            make_timestamptz(until * 1000000) AS until, missing, coalesce(reasons, map()) AS reasons, slots, share
        FROM both_kinds ORDER BY {records.order}, slots IS NOT NULL, since""")
    for pair in records.absent:
        since, until = (f"make_timestamptz({round((moment or 0) * 1_000_000)})" for moment in records.range)
        records.engine.run(f"INSERT INTO gaps VALUES ({sql_literal(pair)}, {since}, {until}, 0, map(), 0, NULL)")


def step_start(seconds: str, step_seconds: int) -> str:
    """Return SQL for the start of the step of some epoch seconds. Steps count from the epoch, weeks from a Monday."""
    origin = 0 if step_seconds % WEEK_SECONDS else MONDAY_SECONDS
    return f"(({seconds} - {origin}) // {step_seconds} * {step_seconds} + {origin})"


def steps_sql(records: Records, depths: Depths, step_seconds: int) -> str:
    """Return a query with a row for each step of a pair and depth that has a record."""
    bps = "bps, " if depths.bps else ""
    return f"""
        WITH {_timeline(records, is_settled=False)},
        slots AS (
            SELECT pair, slot FROM runs WHERE is_known AND has_data
            UNION ALL SELECT pair, unnest(range(missing_since, missing_since + missing * seconds, seconds))
            FROM runs WHERE missing > 0),
        counts AS (
            SELECT pair, {step_start("slot", step_seconds)} AS step, count(*) AS expected FROM slots GROUP BY ALL),
        means AS (
            SELECT pair, any_value(symbol) AS symbol, any_value(market) AS market, view, levels, bps,
                {step_start("epoch_us(slot) // 1000000", step_seconds)} AS step,
                round(favg(obi), 6) AS obi_mean, min(obi) AS obi_min, max(obi) AS obi_max,
                arg_max(obi, timestamp) AS obi_last, {significant("favg(mid)", 10)} AS mid, count(obi) AS n
            FROM {depths.sql()} GROUP BY pair, view, levels, bps, step HAVING count(obi) > 0)
        SELECT make_timestamptz(step * 1000000) AS timestamp, symbol, levels, {bps}market, obi_mean, obi_min,
            obi_max, obi_last, mid, n, coalesce(expected, n) AS expected
        FROM means LEFT JOIN counts USING (pair, step) ORDER BY step, {records.order}, view, levels"""


def unmeasured_messages(records: Records, depths: Depths) -> list[str]:
    """Return a sentence for each pair and depth that has records, but no imbalance at all."""
    rows = records.engine.rows(f"""
        SELECT pair, if(bps IS NULL, levels || ' levels', bps || ' bps'), count(*) FROM {depths.sql()}
        GROUP BY pair, view, levels, bps HAVING count(obi) = 0 ORDER BY pair, view""")
    return [
        f"{pair}: no imbalance in {count} record(s): within {depth} nothing was measured, or nothing is there"
        for pair, depth, count in rows
    ]


def series_sql(records: Records) -> str:
    """Return a query with a row for each pair: first and last slot, number of records, how the last was sampled."""
    return f"""
        SELECT pair, make_timestamptz(min(slot) * 1000000) AS first, make_timestamptz(max(slot) * 1000000) AS last,
            count(*) FILTER (has_data) AS records, count(*) FILTER (NOT has_data) AS no_data,
            arg_max(interval_seconds, slot)::BIGINT AS interval_seconds, arg_max(levels, slot)::BIGINT AS levels
        FROM samples WHERE {records.range.sql()} GROUP BY pair ORDER BY {records.order}"""


def records_sql(records: Records, depths: Depths, columns: Sequence[str], *, by_pair: bool = False) -> str:
    """Return a query for the rows of `records` with these columns, slot by slot or pair by pair."""
    names = ", ".join(f'"{name}"' for name in columns)
    sorted_by = f"{records.order}, slot" if by_pair else f"slot, {records.order}"
    ties = "timestamp, interval_seconds, view, levels, obi, notional_bid"  # each source gives the same order
    return f"SELECT {names} FROM {depths.sql()} ORDER BY {sorted_by}, {ties}"
