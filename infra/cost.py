"""`python -m infra.cost`: what the deployed system costs a month, as the table that the README shows.

Prices: us-east-1, US dollars, 2026, from the AWS pricing pages of each service; free tiers are left out. What a run
takes is measured on one machine, its network time assumed: both stand below, to be replaced by your own.
"""

from collections.abc import Iterator
from typing import NamedTuple

from handler.binance import WEIGHT_PER_MINUTE, request_weight

MONTH_MINUTES = 43_800
GB = 1e9

SCHEDULER_PER_MILLION = 1.00
LAMBDA_PER_MILLION = 0.20
LAMBDA_ARM_GB_SECOND = 0.0000133334
WRITES_PER_MILLION = 0.625
STORAGE_GB_MONTH = 0.25 + 0.20
"""Table and point-in-time recovery."""
LOGS_PER_GB = 0.50
METRIC = 0.30
ALARM = 0.10
DASHBOARD = 3.00

METRICS, ALARMS = 7, 4
MEMORY_GB = 0.25
CPU_SHARE = 256 / 1769
"""Of one CPU, at 256 MB (Lambda Developer Guide, "Configure Lambda function memory")."""

NETWORK_SECONDS = 0.2
"""Assumed: one round to the exchange and one to the table; the pairs wait for theirs together."""
CPU_SECONDS_PER_SAMPLE = 0.002
"""Fetch, record, line and put of one pair."""
ITEM_BYTES = 450
"""One record with its detail keys and DynamoDB's 100 bytes of its own: under 1 KB, so one write unit."""
LINE_BYTES = 400
RUN_LOG_BYTES = 1500
"""Metrics and Lambda's own lines."""


class Line(NamedTuple):
    """One position of the bill, and the price behind it."""

    what: str
    price: str
    dollars: float


def bill(symbols: int, interval_seconds: int) -> list[Line]:
    """The positions of a month. All pairs at one depth."""
    samples_per_run = symbols * (60 // interval_seconds)
    writes = MONTH_MINUTES * samples_per_run
    busy = CPU_SECONDS_PER_SAMPLE * symbols / CPU_SHARE + NETWORK_SECONDS
    run_seconds = 60 - interval_seconds + busy
    logged = MONTH_MINUTES * (RUN_LOG_BYTES + samples_per_run * LINE_BYTES)
    return [
        Line(
            "Scheduler and Lambda requests",
            "$1.00 + $0.20 per million runs",
            MONTH_MINUTES / 1e6 * (SCHEDULER_PER_MILLION + LAMBDA_PER_MILLION),
        ),
        Line(
            "Lambda time, arm64, 256 MB",
            "$0.0000133334 per GB-second",
            MONTH_MINUTES * run_seconds * MEMORY_GB * LAMBDA_ARM_GB_SECOND,
        ),
        Line("DynamoDB writes", "$0.625 per million", writes / 1e6 * WRITES_PER_MILLION),
        Line(
            "DynamoDB storage and backup, after a year",
            "$0.45 per GB-month",
            writes * 12 * ITEM_BYTES / GB * STORAGE_GB_MONTH,
        ),
        Line("logs", "$0.50 per GB", logged / GB * LOGS_PER_GB),
        Line(
            "7 metrics, 4 alarms, a dashboard",
            "$0.30, $0.10, $3.00 each",
            METRICS * METRIC + ALARMS * ALARM + DASHBOARD,
        ),
    ]


def table(
    cases: tuple[tuple[int, int], ...] = ((1, 60), (10, 60), (400, 60), (1, 10), (10, 10), (400, 10)),
) -> Iterator[str]:
    """The bills side by side, as lines of Markdown."""
    bills = [bill(*case) for case in cases]
    yield "| $ a month | price | " + " | ".join(f"{n} × {s} s" for n, s in cases) + " |"
    yield "|---|---|" + "---:|" * len(cases)
    for lines in zip(*bills, strict=True):
        cells = [_cell(case, line.dollars) for case, line in zip(cases, lines, strict=True)]
        yield f"| {lines[0].what} | {lines[0].price} | {' | '.join(cells)} |"
    totals = [_cell(case, sum(line.dollars for line in lines)) for case, lines in zip(cases, bills, strict=True)]
    yield "| **together** | | " + " | ".join(f"**{total}**" for total in totals) + " |"


def _cell(case: tuple[int, int], dollars: float) -> str:
    symbols, interval_seconds = case
    weight = symbols * request_weight(5) * 60 / interval_seconds
    return f"{dollars:.2f}" if weight <= WEIGHT_PER_MINUTE else "–"


if __name__ == "__main__":
    print("\n".join(table()))
