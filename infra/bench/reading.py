"""`history` against what a user would write with boto3: a loop over the paginator.

Every contender is a process of its own, measured from its start to its end. They take turns, and each is compared with
the other one of its own round.
"""

from statistics import median

from handler.slots import format_timestamp
from infra.bench.extent import Extent
from infra.bench.figures import ratio, table
from infra.bench.launcher import Commands, Run, measured
from infra.bench.servers import environment
from infra.bench.stand_ins import TABLE, place
from infra.bench.synthetic import DAY, START


def read(commands: Commands, url: str, extent: Extent) -> str:
    """`history` against boto3's paginator over the same range; and the gaps of a year."""
    where = environment(**place(url))
    day, month, year = (_contenders(commands, days) for days in (1, extent.month, extent.year))
    taken: dict[str, list[Run]] = {name: [] for name in month}
    for _ in range(extent.rounds):
        for name, command in month.items():
            taken[name].append(measured(command, where))
    short = {name: measured(command, where) for name, command in day.items()}
    long = {name: measured(command, where) for name, command in year.items()}
    bare, *_ = taken.values()
    rows = {
        name: [
            f"{extent.month * 1440 / median(one.wall for one in runs):,.0f}",
            ratio([one.wall for one in bare], [one.wall for one in runs]),
            ratio([one.cpu for one in bare], [one.cpu for one in runs]),
            f"{short[name].peak_mb:.0f}",
            f"{median(one.peak_mb for one in runs):.0f}",
            f"{long[name].peak_mb:.0f}",
            ratio([one.peak_mb for one in runs], [one.peak_mb for one in bare]),
        ]
        for name, runs in taken.items()
    }
    gaps = measured(commands.history("--symbol", "ETH", "--gaps", days=extent.year), where, code=3)
    head = [
        f"{extent.month * 1440:,} records of {extent.items + extent.year * 720:,}",
        "records/s",
        "rate ÷ paginator's",
        "same by CPU time",
        "MB, 1 day",
        f"MB, {extent.month} days",
        f"MB, {extent.year} days",
        "memory ÷ paginator's",
    ]
    return f"""### Reading

dynalite, over LevelDB on disk: moto looks through the whole table for every page, so that with so many items it would
be the stand-in that is measured. Median and quartiles of {extent.rounds} rounds, from the start of a process to its
end. The paginator is boto3's, reads whole items and only counts them; `history` without `--detail` asks for six keys
and the slot. The ratio of CPU time leaves the stand-in's share out. Targets: rate ≥ 0.5, memory ≤ 1.3, the same for any
range.

{table(head, rows)}

`history --gaps` found the {gaps.lines - 1:,} gaps of a series of {extent.year} days in one pass: {gaps.wall:.1f} s,
{gaps.peak_mb:.0f} MB."""


def _contenders(commands: Commands, days: int) -> dict[str, list[str]]:
    first, last = format_timestamp(START), format_timestamp(START + days * DAY - 1)
    return {
        "boto3's paginator, counting": commands.peer("count", TABLE, "BTCUSDT#5", first, last),
        "`history`": commands.history("--symbol", "BTC", days=days),
        "`history --detail`": commands.history("--symbol", "BTC", "--detail", days=days),
    }
