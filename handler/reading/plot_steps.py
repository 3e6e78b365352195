"""The numbers of a picture: each pair and depth as steps of time, in SQL."""

from math import ceil
from typing import Any, NamedTuple

from ..errors import SourceError
from .engine import Engine

MAX_POINTS = 1000  # of a line: more samples are drawn as means over longer steps
DAY, WEEK, MONDAY = 86_400, 604_800, 345_600
STEPS = (1, 2, 5, 10, 15, 30, *(60 * n for n in (1, 2, 5, 10, 15, 30, 60, 120, 180, 360, 720)), DAY, WEEK)
AS_PRINTED = "(SELECT *, NULL::BIGINT AS bps FROM records)"
NOTHING = (None,) * 6  # between two steps that no line may connect


class Series(NamedTuple):
    """One pair at one depth: its first slot, the end of its last one, both in epoch seconds, and what is between."""

    pair: str
    depth: str
    since: float
    until: float
    seconds: float  # that its samples stand for
    min_interval: int
    max_interval: int
    has_mid: bool
    hosts: list[str] | None


def collect(engine: Engine, relation: str) -> None:
    """Keep what a picture needs of a relation, as the table `plotted`."""
    engine.run(
        "CREATE OR REPLACE TEMP TABLE plotted AS SELECT pair, CAST(epoch(slot) AS BIGINT) AS start,"
        " if(bps IS NULL, levels || ' levels', 'within ' || bps || ' bps') AS depth,"
        f" interval_seconds AS seconds, obi, mid, host FROM {relation} WHERE obi IS NOT NULL"
    )


def all_series(engine: Engine) -> list[Series]:
    """Each pair at each depth. Raises SourceError if there is none."""
    rows = engine.rows(
        "SELECT pair, depth, min(start), max(start + seconds), sum(seconds), min(seconds), max(seconds),"
        " count(mid) > 0, list_sort(list(DISTINCT host) FILTER (host IS NOT NULL)) FROM plotted"
        " GROUP BY pair, depth ORDER BY pair, length(depth), depth"
    )
    if not rows:
        raise SourceError("there is no record to draw")
    return [Series(*row) for row in rows]


def fitting_step(series: list[Series]) -> int:
    """A step that gives at most MAX_POINTS points: a multiple of the shortest interval, one of STEPS if one fits."""
    span = max(one.until for one in series) - min(one.since for one in series)
    interval, least = min(one.min_interval for one in series), ceil(span / MAX_POINTS)
    fitting = (step for step in STEPS if step >= max(least, interval) and step % interval == 0)
    return next(fitting, interval * max(ceil(least / interval), 1))


def steps(engine: Engine, series: Series, step_seconds: int) -> list[tuple[Any, ...]]:
    """Time in days, mean, 10th and 90th percentile, mid, and if less than half of the step is there; NOTHING at breaks.

    Steps are aligned to the clock, weeks to Monday. The first and the last one may be cut short by the range.
    """
    origin = MONDAY if step_seconds % WEEK == 0 else 0
    step = f"(start - {origin}) // {step_seconds} * {step_seconds} + {origin}"
    rows = engine.rows(
        f"SELECT avg(start) / {DAY}, avg(obi), quantile_cont(obi, 0.1), quantile_cont(obi, 0.9), avg(mid),"
        f" sum(seconds) < 0.5 * (least({step} + {step_seconds}, $1) - greatest({step}, $2)),"
        f" min(start), max(start) + greatest(max(seconds), {step_seconds}) FROM plotted WHERE pair = $3 AND depth = $4"
        f" GROUP BY {step} ORDER BY {step}",
        [series.until, series.since, series.pair, series.depth],
    )
    found: list[tuple[Any, ...]] = []
    for number, row in enumerate(rows):
        if number and row[6] > rows[number - 1][7]:
            found.append(NOTHING)
        found.append(row[:6])
    return found
