"""`python -m infra.cost --pairs 12 --interval 10`: what a deployed stack costs a month. docs/cost.md has its tables.

Prices: us-east-1, US dollars, 2026, without any free tier, from the pricing pages of each service. What an item and a
line take is measured; network time and CPU are assumed, to be replaced by your own.
"""

import argparse
from collections.abc import Iterator, Sequence
from math import ceil
from typing import NamedTuple

from handler.exchange.markets import MARKETS

MONTH_MINUTES = 43_800
GB = 1e9

SCHEDULER, LAMBDA, SQS, WRITES, READS = (price / 1e6 for price in (1.00, 0.20, 0.40, 0.625, 0.125))  # one request
LAMBDA_GB_SECOND = 0.0000133334  # arm64
STORAGE_GB, BACKUP_GB, S3_GB = 0.25, 0.20, 0.023  # a month; point-in-time recovery
LOG_GB, SCANNED_GB, EGRESS_GB = 0.50, 0.005, 0.09
METRIC, ALARM, DASHBOARD = 0.30, 0.10, 3.00

METRICS, ALARMS = 4, 4
ITEM_BYTES = 1000  # 900 of a recorded book and 100 of DynamoDB's own
LINE_BYTES = 1626  # a full line, and 26 that CloudWatch counts for each
RUN_LOG_BYTES = 1100  # metrics and Lambda's own lines, of one run
FULL_CPU_MB = 1769  # for which Lambda gives one CPU (Lambda Developer Guide, "Configure Lambda function memory")
NETWORK_SECONDS = 0.2  # one request to the exchange and one to the table; the pairs wait at the same time
CPU_SECONDS = {1000: 0.004, 100: 0.002}  # of one sample, by levels requested: fetch, measure, print, put
REQUEST_BYTES = 500  # what leaves AWS for one sample
IDLE_POLLS = 15  # a minute: Lambda asks the timers' queue with five connections, each waits up to 20 s
WIDGETS_GB_FACTOR = 3 * 3 * 300 / 730  # three log widgets scan three hours, 300 times a month
ARCHIVED_BYTES = 320  # of one record in Parquet, with its levels and ladder
ARCHIVE_SECONDS, ARCHIVE_GB = 0.2, 1.73  # to read and write a day of one pair at 60 s, and the function's memory


class Case(NamedTuple):
    """The pairs to sample and how often."""

    pairs: int
    interval_seconds: int = 60
    limit: int = 1000
    months: int = 12
    memory_mb: int = 256

    @property
    def is_allowed(self) -> bool:
        """False if it would use more request weight than the spot market allows."""
        spot = MARKETS["spot"]
        return self.pairs * spot.request_weight(self.limit) * ceil(60 / self.interval_seconds) <= spot.weight_per_minute


class Line(NamedTuple):
    """One line of the bill: the item, its unit price, dollars a month."""

    item: str
    price: str
    dollars: float


def bill(case: Case) -> list[Line]:
    """The lines of the bill of the last month, without the archive."""
    runs = MONTH_MINUTES * 60 / case.interval_seconds
    plans, timers = (MONTH_MINUTES, runs) if case.interval_seconds < 60 else (0.0, 0.0)
    samples = runs * case.pairs
    one_sample = CPU_SECONDS[min(CPU_SECONDS, key=lambda limit: abs(limit - case.limit))]
    cpu_seconds = one_sample * case.pairs * FULL_CPU_MB / case.memory_mb
    gb_seconds = (runs * (NETWORK_SECONDS + cpu_seconds) + plans * NETWORK_SECONDS) * case.memory_mb / 1024
    batches = plans * ceil(60 / case.interval_seconds / 10)
    queue_requests = batches + 2 * timers + (MONTH_MINUTES * IDLE_POLLS if timers else 0)
    logged = (samples * LINE_BYTES + (runs + plans) * RUN_LOG_BYTES) / GB
    stored = samples * case.months * ITEM_BYTES / GB
    return [
        Line("Scheduler", "$1.00 a million events", MONTH_MINUTES * SCHEDULER),
        Line("SQS, the timers", "$0.40 a million requests", queue_requests * SQS),
        Line("Lambda requests", "$0.20 a million", (runs + plans) * LAMBDA),
        Line(f"Lambda time, arm64, {case.memory_mb} MB", "$0.0000133334 a GB-second", gb_seconds * LAMBDA_GB_SECOND),
        Line("DynamoDB writes", "$0.625 a million", samples * WRITES),
        Line(f"table and backup after {case.months} months", "$0.45 a GB-month", stored * (STORAGE_GB + BACKUP_GB)),
        Line("logs", "$0.50 a GB", logged * LOG_GB),
        Line("egress", "$0.09 a GB", samples * REQUEST_BYTES / GB * EGRESS_GB),
        Line("4 metrics, 4 alarms", "$0.30, $0.10 each", METRICS * METRIC + ALARMS * ALARM),
        Line("dashboard, 300 views", "$3.00, $0.005 a GB", DASHBOARD + logged * WIDGETS_GB_FACTOR * SCANNED_GB),
    ]


def archive_bill(case: Case) -> list[Line]:
    """The cost of infra/archive.yaml in the last month."""
    samples = case.pairs * MONTH_MINUTES * 60 / case.interval_seconds
    seconds = ARCHIVE_SECONDS * case.pairs * 30.4 * 60 / case.interval_seconds
    return [
        Line("S3 storage", "$0.023 a GB-month", samples * case.months * ARCHIVED_BYTES / GB * S3_GB),
        Line("DynamoDB reads", "$0.125 a million", samples * ITEM_BYTES / 4096 * READS),
        Line("Lambda time", "$0.0000133334 a GB-second", seconds * ARCHIVE_GB * LAMBDA_GB_SECOND),
    ]


def total(lines: Sequence[Line]) -> float:
    """Dollars a month."""
    return sum(line.dollars for line in lines)


def table(cases: Sequence[Case], lines_of: Sequence[list[Line]]) -> Iterator[str]:
    """Bills side by side, as lines of Markdown; a dash where the exchange allows no such sampling."""
    titles = [f"{case.pairs} × {case.interval_seconds} s" for case in cases]
    yield f"| $ a month | price | {' | '.join(titles)} |"
    yield "|---|---|" + "---:|" * len(cases)
    for lines in zip(*lines_of, strict=True):
        cells = [f"{line.dollars:.2f}" if case.is_allowed else "–" for case, line in zip(cases, lines, strict=True)]
        yield f"| {lines[0].item} | {lines[0].price} | {' | '.join(cells)} |"
    totals = [
        f"**{total(lines):.2f}**" if case.is_allowed else "–" for case, lines in zip(cases, lines_of, strict=True)
    ]
    yield f"| **together** | | {' | '.join(totals)} |"


def tables(pairs: Sequence[int] = (1, 12, 120, 400), intervals: Sequence[int] = (60, 10)) -> Iterator[str]:
    """The tables of docs/cost.md: more than 120 pairs with a limit of 100 levels."""
    cases = [Case(count, seconds, 1000 if count <= 120 else 100) for seconds in intervals for count in pairs]
    yield from table(cases, [bill(case) for case in cases])


def main() -> None:
    """Print the bill of one case."""
    parser = argparse.ArgumentParser(prog="python -m infra.cost", description=__doc__.partition("\n")[0])
    parser.add_argument("--pairs", type=int, default=1)
    parser.add_argument("--interval", type=int, default=60, help="seconds from one sample to the next")
    parser.add_argument("--limit", type=int, default=1000, help="levels that are requested")
    parser.add_argument("--months", type=int, default=12, help="for which the table has been kept")
    parser.add_argument("--memory", type=int, default=256, help="MB of the function")
    options = parser.parse_args()
    case = Case(options.pairs, options.interval, options.limit, options.months, options.memory)
    print(
        "\n".join(
            [*table([case], [bill(case)]), "", "with the archive also:", "", *table([case], [archive_bill(case)])]
        )
    )


if __name__ == "__main__":
    main()
