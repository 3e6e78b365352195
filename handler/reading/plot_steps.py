"""The numbers of a picture: each pair and depth as steps of time, in SQL."""

from collections.abc import Sequence
from math import ceil
from typing import Any, NamedTuple

from ..errors import SourceError
from ..slots import DAY_SECONDS
from .engine import Engine, sql_literal
from .source import Records
from .views import WEEK_SECONDS, Depths, create_gaps, step_start

MAX_POINTS = 1000  # of a line: more samples are drawn as means over longer steps
STEPS_SECONDS = (
    1,
    2,
    5,
    10,
    15,
    30,
    *(60 * n for n in (1, 2, 5, 10, 15, 30, 60, 120, 180, 360, 720)),
    DAY_SECONDS,
    WEEK_SECONDS,
)
NOTHING = (None,) * 6  # between two steps that no line may connect


class Curve(NamedTuple):
    """One pair at one depth: its first slot and the end of its range, in epoch seconds, and the share of its slots."""

    pair: str
    depth: str
    since: float
    until: float
    min_interval: int
    max_interval: int
    has_mid: bool
    hosts: list[str] | None
    share: float


def create_plotted(records: Records, depths: Depths, pairs: Sequence[str]) -> None:
    """Keep what a picture needs as the tables `plotted` and `gaps`. Raises SourceError."""
    wanted = f" AND pair IN ({', '.join(map(sql_literal, pairs))})" if pairs else ""
    records.engine.run(
        "CREATE OR REPLACE TEMP TABLE plotted AS SELECT pair, epoch_us(slot) // 1000000 AS start, view,"
        " if(bps IS NULL, levels || ' levels', 'within ' || bps || ' bps') AS depth,"
        f" slot_seconds AS seconds, obi, mid, host FROM {depths.sql()} WHERE obi IS NOT NULL{wanted}"
    )
    create_gaps(records)


def all_curves(records: Records) -> list[Curve]:
    """Return each pair at each depth. Raises SourceError if there is none."""
    rows = records.engine.rows(f"""
        SELECT pair, depth, min(start), max(greatest(start + seconds, epoch_us(until) // 1000000)), min(seconds),
            max(seconds), count(mid) > 0, list_sort(list(DISTINCT host) FILTER (host IS NOT NULL)), any_value(share)
        FROM plotted JOIN (SELECT pair, until, share FROM gaps WHERE slots IS NOT NULL) USING (pair)
        GROUP BY pair, depth ORDER BY {records.order}, min(view), length(depth), depth""")
    if not rows:
        raise SourceError("there is no record to draw in this range")
    return [Curve(*row) for row in rows]


def fitting_step(curves: list[Curve]) -> int:
    """Return the step: a multiple of the shortest interval, at most MAX_POINTS, one of STEPS_SECONDS if one is near."""
    span = max(one.until for one in curves) - min(one.since for one in curves)
    interval, least = min(one.min_interval for one in curves), ceil(span / MAX_POINTS)
    shortest = interval * max(ceil(least / interval), 1)
    return next((step for step in STEPS_SECONDS if shortest <= step <= 2 * shortest and step % interval == 0), shortest)


def steps(engine: Engine, curve: Curve, step_seconds: int) -> list[tuple[Any, ...]]:
    """Return a row for each step: time in days, mean, 10th and 90th percentile, mid, and whether it is sparse.

    A step is sparse if samples cover less than half of it. A row of NOTHING breaks the line at a gap.

    The first and the last step may be cut short by the range.
    """
    step = step_start("start", step_seconds)
    rows = engine.rows(
        f"SELECT avg(start) / {DAY_SECONDS}, avg(obi), quantile_cont(obi, 0.1), quantile_cont(obi, 0.9), avg(mid),"
        f" sum(seconds) < 0.5 * (least({step} + {step_seconds}, $1) - greatest({step}, $2)),"
        f" min(start), max(start) + greatest(max(seconds), {step_seconds}) FROM plotted WHERE pair = $3 AND depth = $4"
        f" GROUP BY {step} ORDER BY {step}",
        [curve.until, curve.since, curve.pair, curve.depth],
    )
    found: list[tuple[Any, ...]] = []
    for number, row in enumerate(rows):
        if number and row[6] > rows[number - 1][7]:
            found.append(NOTHING)
        found.append(row[:6])
    return found
