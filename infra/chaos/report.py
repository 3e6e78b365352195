"""The reliability table, in Markdown. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from infra.chaos.books import Books


@dataclass(slots=True)
class Day:
    """What one bad day came to: the sum of its acts' books, the bad inputs that were tried, the quiet day."""

    books: Books = field(default_factory=Books)
    fuzzed: int = 0
    slowest_seconds: float = 0.0
    huge: int = 0
    soak: dict[str, float] = field(default_factory=dict)


def table(day: Day) -> str:
    """The figures of a day as a Markdown table."""
    return "\n".join(["| | |", "|---|---:|", *(f"| {name} | {value} |" for name, value in _rows(day))])


def _rows(day: Day) -> Iterator[tuple[str, str]]:
    books = day.books
    yield "slots asked, of all series", f"{books.asked:,}"
    yield "stored once", f"{books.stored:,}"
    yield "printed but not stored, then brought back by `load`", f"{books.loaded:,}"
    for reason, count in sorted(books.reasons.items(), key=lambda pair: -pair[1]):
        yield f"given up: {reason}", f"{count:,}"
    unnamed = books.asked - books.stored - books.loaded - books.reasons.total()
    yield "**lost without a name**", f"**{unnamed:,}**"
    yield "duplicates delivered and absorbed", f"{books.delivered_again:,}"
    yield "events whose time is none, refused", f"{books.refused:,}"
    yield "records compared with the exact oracle, all equal", f"{books.values:,}"
    met = f"{books.faults.total():,}, of {len(books.faults)} kinds"
    yield "faults met, of the exchange and of the table", met
    yield "429s and bans, no request before they were over", f"{books.rests:,}"
    yield "kills (SIGKILL) survived", f"{books.kills:,}"
    tried = f"{day.fuzzed:,} and {day.huge} of a gigabyte"
    yield f"bad inputs tried, the slowest taking {day.slowest_seconds:.1f} s", tried
    yield f"growth over a soak of {day.soak['ticks']:,} minutes: memory", f"{day.soak['megabytes']:+.1f} MB"
    grown = ", ".join(f"{day.soak[name]:+.0f}" for name in ("threads", "descriptors", "sockets"))
    yield "… threads, file descriptors, connections", grown
