"""`python -m infra.cost`: what the deployed system costs a month, as the tables of docs/cost.md.

Prices: us-east-1, US dollars, 2026, from the AWS pricing pages of each service, as are the free tiers. What a run takes
is measured on one machine, its network time assumed: both are constants below, to be replaced by your own.
"""

from collections.abc import Iterator
from typing import NamedTuple

from handler.exchanges.binance_spot import WEIGHT_PER_MINUTE, request_weight

from handler.invocation import HAND_OVER_REQUESTS

MONTH_MINUTES = 43_800
GB = 1e9

SCHEDULER_PER_MILLION = 1.00
LAMBDA_PER_MILLION = 0.20
LAMBDA_ARM_GB_SECOND = 0.0000133334
WRITES_PER_MILLION = 0.625
READS_PER_MILLION = 0.125
S3_GB_MONTH = 0.023
"""https://aws.amazon.com/s3/pricing/. The thirty requests a month cost nothing worth a line."""
STORAGE_GB_MONTH = 0.25
BACKUP_GB_MONTH = 0.20
"""Point-in-time recovery."""
LOGS_PER_GB = 0.50
LOGS_SCANNED_PER_GB = 0.005
"""Logs Insights, which draws the log widgets of the dashboard: https://aws.amazon.com/cloudwatch/pricing/"""
EGRESS_PER_GB = 0.09
"""To the exchange; DynamoDB is in the same region: https://aws.amazon.com/ec2/pricing/on-demand/"""
METRIC = 0.30
ALARM = 0.10
DASHBOARD = 3.00

METRICS = 10
ALARMS, DASHBOARD_ALARMS = 6, 3
"""Those that are always there, and those that watch the custom metrics."""
MEMORY_GB = 0.25
CPU_SHARE = 256 / 1769
"""Of one CPU, at 256 MB (Lambda Developer Guide, "Configure Lambda function memory")."""

NETWORK_SECONDS = 0.2
"""Assumed: one request to the exchange and one to the table; the pairs wait concurrently."""
CPU_SECONDS_PER_SAMPLE = 0.002
"""Fetch, record, line and put of one pair."""
HAND_OVER_SAMPLES = 1
"""Below 60 s, of each pair and minute: slots that two invocations sample (python -m infra.simulator --jitter 59)."""
ITEM_BYTES = 450
"""One record with its detail keys and DynamoDB's 100 bytes of its own: under 1 KB, so one write unit."""
LINE_BYTES = 400
RUN_LOG_BYTES = 1500
"""Metrics and Lambda's own lines."""
REQUEST_BYTES = 500
"""What leaves AWS for one sample: the request, TLS, TCP and IP."""
ARCHIVED_BYTES = 94
"""One record with its detail keys in the archive's files (python -m infra.bench.archive), of random values; real ones
change less from one minute to the next."""
ARCHIVE_ALARMS = 4
ARCHIVE_SECONDS, ARCHIVE_MEMORY_GB = 0.5, 1769 / 1024
"""To read and write a day of one series, and the memory of the function that does it."""
CHECK_SECONDS, CHECK_MEMORY_GB, CHECKED_DAYS = 0.3, 0.5, 3
"""To count a day of one series, of so many days each day."""
READ_UNIT_BYTES = 4096
"""Of a consistent read: https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/read-write-operations.html"""
LOG_WIDGETS, LOG_WIDGET_HOURS, REFRESHES = 4, 3, 300
"""Of the dashboard, and how often one looks at it in a month: about ten times a day."""


class Free(NamedTuple):
    """What an account does not pay for, a month."""

    scheduled_runs: float = 0
    lambda_runs: float = 0
    lambda_gb_seconds: float = 0
    storage_gb: float = 0
    logs_gb: float = 0
    metrics: int = 0
    alarms: int = 0
    dashboards: int = 0
    egress_gb: float = 0


NOTHING_FREE = Free()
FREE_TIERS = Free(14e6, 1e6, 400_000, 25, 5, 10, 10, 3, 100)
"""Those that do not expire after a year. On-demand writes and backups of DynamoDB have none."""


class Line(NamedTuple):
    """One line of the bill: the item, its unit price, dollars a month."""

    item: str
    price: str
    dollars: float


def bill(
    symbols: int, interval_seconds: int, *, months: int = 12, dashboard: bool = True, free: Free = NOTHING_FREE
) -> list[Line]:
    """The lines of the last of so many months. All pairs at one depth; `dashboard` includes the custom metrics."""
    hands_over = interval_seconds < 60
    stored_per_run = symbols * (60 // interval_seconds)
    samples_per_run = stored_per_run + hands_over * HAND_OVER_SAMPLES * symbols
    writes = MONTH_MINUTES * samples_per_run  # a put that another invocation was before costs a write too
    busy_seconds = CPU_SECONDS_PER_SAMPLE * symbols / CPU_SHARE + NETWORK_SECONDS
    run_seconds = busy_seconds + hands_over * (60 + interval_seconds / 2)
    logged_gb = MONTH_MINUTES * (RUN_LOG_BYTES + samples_per_run * LINE_BYTES) / GB
    stored_gb = MONTH_MINUTES * stored_per_run * months * ITEM_BYTES / GB
    scanned_gb = logged_gb / (MONTH_MINUTES / 60) * LOG_WIDGET_HOURS * LOG_WIDGETS * REFRESHES
    return [
        Line(
            "Scheduler and Lambda requests",
            "$1.00 + $0.20 per million runs",
            _beyond(MONTH_MINUTES, free.scheduled_runs) / 1e6 * SCHEDULER_PER_MILLION
            + _beyond(MONTH_MINUTES, free.lambda_runs) / 1e6 * LAMBDA_PER_MILLION,
        ),
        Line(
            "Lambda time, arm64, 256 MB",
            "$0.0000133334 per GB-second",
            _beyond(MONTH_MINUTES * run_seconds * MEMORY_GB, free.lambda_gb_seconds) * LAMBDA_ARM_GB_SECOND,
        ),
        Line("DynamoDB writes", "$0.625 per million", writes / 1e6 * WRITES_PER_MILLION),
        Line(
            "DynamoDB storage and backup, after a year",
            "$0.45 per GB-month",
            _beyond(stored_gb, free.storage_gb) * STORAGE_GB_MONTH + stored_gb * BACKUP_GB_MONTH,
        ),
        Line("logs", "$0.50 per GB", _beyond(logged_gb, free.logs_gb) * LOGS_PER_GB),
        Line("egress", "$0.09 per GB", _beyond(writes * REQUEST_BYTES / GB, free.egress_gb) * EGRESS_PER_GB),
        Line("log widgets, 300 refreshes", "$0.005 per GB", scanned_gb * LOGS_SCANNED_PER_GB if dashboard else 0),
        Line(
            f"{METRICS} metrics, {ALARMS + DASHBOARD_ALARMS} alarms, a dashboard",
            "$0.30, $0.10, $3.00 each",
            _beyond(ALARMS + (DASHBOARD_ALARMS if dashboard else 0), free.alarms) * ALARM
            + (_beyond(METRICS, free.metrics) * METRIC + _beyond(1, free.dashboards) * DASHBOARD if dashboard else 0),
        ),
    ]


def _beyond(amount: float, free: float) -> float:
    return max(amount - free, 0)


def table(
    cases: tuple[tuple[int, int], ...] = ((1, 60), (10, 60), (400, 60), (1, 10), (10, 10), (400, 10)),
) -> Iterator[str]:
    """The bills side by side, as lines of Markdown."""
    bills = [bill(*case) for case in cases]
    yield "| $ a month | price | " + " | ".join(f"{n} × {s} s" for n, s in cases) + " |"
    yield "|---|---|" + "---:|" * len(cases)
    for lines in zip(*bills, strict=True):
        cells = [_cell(case, line.dollars) for case, line in zip(cases, lines, strict=True)]
        yield f"| {lines[0].item} | {lines[0].price} | {' | '.join(cells)} |"
    totals = [_cell(case, _total(lines)) for case, lines in zip(cases, bills, strict=True)]
    yield "| **together** | | " + " | ".join(f"**{total}**" for total in totals) + " |"


def first_month() -> Iterator[str]:
    """What one pair costs with and without the dashboard and its metrics, as lines of Markdown."""
    yield "| one pair every 60 s, $ a month | `Dashboard=true` | `Dashboard=false` |"
    yield "|---|---:|---:|"
    for case, months, free in (
        ("the first month, within AWS's free tiers", 1, FREE_TIERS),
        ("the first month, where other stacks use them up", 1, NOTHING_FREE),
        ("a month after a year, within the free tiers", 12, FREE_TIERS),
        ("a month after a year, where other stacks use them up", 12, NOTHING_FREE),
    ):
        bills = [bill(1, 60, months=months, dashboard=dashboard, free=free) for dashboard in (True, False)]
        cells = " | ".join(f"{_total(lines):.2f}" for lines in bills)
        yield f"| {case} | {cells} |"


def archive_bill(symbols: int, interval_seconds: int = 60, *, months: int = 12) -> list[Line]:
    """What the archive adds in the last of so many months, without any free tier. All pairs at one depth."""
    days = MONTH_MINUTES / 1440
    records = symbols * MONTH_MINUTES * 60 / interval_seconds
    read_units = records * ITEM_BYTES / READ_UNIT_BYTES * (1 + CHECKED_DAYS)
    gb_seconds = ARCHIVE_SECONDS * ARCHIVE_MEMORY_GB + CHECKED_DAYS * CHECK_SECONDS * CHECK_MEMORY_GB
    return [
        Line("S3 storage", "$0.023 per GB-month", records * months * ARCHIVED_BYTES / GB * S3_GB_MONTH),
        Line("DynamoDB reads", "$0.125 per million", read_units / 1e6 * READS_PER_MILLION),
        Line("Lambda time", "$0.0000133334 per GB-second", symbols * days * gb_seconds * LAMBDA_ARM_GB_SECOND),
        Line(f"{ARCHIVE_ALARMS} alarms", "$0.10 each", ARCHIVE_ALARMS * ALARM),
    ]


def archive_table() -> Iterator[str]:
    """The bill with and without the archive, as lines of Markdown."""
    cases = [(symbols, years) for years in (1, 3) for symbols in (1, 10, 400)]
    yield "| $ a month, every 60 s | " + " | ".join(f"{n} × {years} y" for n, years in cases) + " |"
    yield "|---|" + "---:|" * len(cases)
    bills = [archive_bill(symbols, months=12 * years) for symbols, years in cases]
    for lines in zip(*bills, strict=True):
        yield f"| the archive's {lines[0].item} | {' | '.join(f'{line.dollars:.2f}' for line in lines)} |"
    archives = [_total(lines) for lines in bills]
    for name, months, is_archived in (
        ("**everything, without the archive**", None, False),
        ("**everything, with the archive**", None, True),
        ("**the same with `RetentionDays=30`**", 1, True),
    ):
        totals = [_total(bill(symbols, 60, months=months or 12 * years)) for symbols, years in cases]
        together = [total + is_archived * archive for total, archive in zip(totals, archives, strict=True)]
        yield f"| {name} | {' | '.join(f'**{total:.2f}**' for total in together)} |"


def _total(lines: list[Line]) -> float:
    return sum(line.dollars for line in lines)


def _cell(case: tuple[int, int], dollars: float) -> str:
    symbols, interval_seconds = case
    extra_requests = HAND_OVER_REQUESTS if interval_seconds < 60 else 0
    weight = symbols * request_weight(5) * (60 / interval_seconds + extra_requests)
    return f"{dollars:.2f}" if weight <= WEIGHT_PER_MINUTE else "–"


if __name__ == "__main__":
    print("\n".join([*table(), "", *first_month(), "", *archive_table()]))
