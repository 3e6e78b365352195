"""Chooses one row for each pair and slot, in SQL on narrow columns only."""

import logging

from ..slots import MAX_INTERVAL_SECONDS
from .engine import Engine

log = logging.getLogger(__name__)

# the commonest distance between the plain samples of a pair, of several the shortest; where a file puts several samples
# into one slot, the one between slots
INFERRED = f"""
    WITH moments AS (
        SELECT pair, seconds AS moment, false AS is_slot FROM narrow WHERE interval_seconds IS NULL
        UNION ALL SELECT pair, file_slot, true FROM narrow WHERE interval_seconds IS NULL AND file_slot IS NOT NULL),
    distances AS (
        SELECT pair, is_slot, distance, count(*) AS n FROM (
            SELECT *, moment - lag(moment) OVER (PARTITION BY pair, is_slot ORDER BY moment) AS distance FROM moments)
        WHERE distance IS DISTINCT FROM 0 GROUP BY ALL),
    shared AS (
        SELECT pair, coalesce(2 * sum(n) FILTER (is_slot) <= sum(n) FILTER (NOT is_slot), false) AS is_shared
        FROM distances GROUP BY pair)
    SELECT pair, least(arg_max(distance, (n, -distance)), {MAX_INTERVAL_SECONDS}) AS inferred
    FROM distances JOIN shared USING (pair) WHERE is_slot = is_shared AND distance IS NOT NULL GROUP BY pair"""
# of the full rows of one pair and slot: a measurement before a reason, then the earliest, then the line with levels
DUPLICATES = """
    SELECT part, id FROM (
        SELECT part, id, row_number() OVER (
            PARTITION BY pair, own_slot ORDER BY has_data DESC, seconds, has_levels DESC, part, id) AS place
        FROM narrow SEMI JOIN (
            SELECT pair, own_slot FROM narrow WHERE interval_seconds IS NOT NULL GROUP BY ALL HAVING count(*) > 1)
        USING (pair, own_slot) WHERE interval_seconds IS NOT NULL)
    WHERE place > 1"""
# a plain row is left out only where another row, plain or full, is the same sample
PLAIN_DUPLICATES = """
    SELECT part, id FROM (
        SELECT part, id, interval_seconds, row_number() OVER (
            PARTITION BY pair, seconds, obi, notional_bid, notional_ask, levels
            ORDER BY interval_seconds IS NULL, part, id) AS place
        FROM narrow
        SEMI JOIN (SELECT pair, seconds FROM narrow GROUP BY ALL HAVING count(*) > 1) USING (pair, seconds))
    WHERE place > 1 AND interval_seconds IS NULL"""
SHARED_SLOTS = """
    SELECT pair, sum(n - 1)::BIGINT, max(seconds) FROM (
        SELECT pair, slot, count(*) AS n, max(interval_seconds) AS seconds FROM samples WHERE has_data
        GROUP BY pair, slot HAVING n > 1)
    GROUP BY pair ORDER BY pair"""


def say_intervals(engine: Engine) -> None:
    """Say which intervals plain lines are taken to have."""
    rows = engine.rows("""
        SELECT inferred, if(count(*) = 1, any_value(pair), count(*) || ' pairs') FROM intervals
        WHERE pair IN (SELECT pair FROM narrow WHERE interval_seconds IS NULL AND file_slot IS NULL) GROUP BY ALL""")
    if rows:
        log.warning(
            "plain lines have no interval: the commonest distance between samples is taken (%s);"
            " set --interval_seconds N to override it",
            ", ".join(f"{seconds} s for {pairs}" for seconds, pairs in sorted(rows)),
        )


def warn_of_shared_slots(engine: Engine) -> None:
    """Say where several samples are in one slot, and what to do."""
    for row in engine.rows(SHARED_SLOTS):
        log.warning(
            "%s: %d sample(s) share a slot of %d s with another: each is given, and their slot counts once; give"
            " --interval_seconds with the interval at which they were sampled",
            *row,
        )
