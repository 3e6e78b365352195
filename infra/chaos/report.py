"""The reliability table, in Markdown. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from infra.chaos.reconciliation import Totals


@dataclass(slots=True)
class Results:
    """The totals of all scenarios, the oversized inputs that were tried, and the figures of the soak test."""

    totals: Totals = field(default_factory=Totals)
    oversized_inputs: int = 0
    soak: dict[str, float] = field(default_factory=dict)


def reliability_table(results: Results) -> str:
    """The figures as a Markdown table."""
    return "\n".join(["| | |", "|---|---:|", *(f"| {name} | {value} |" for name, value in _rows(results))])


def _rows(results: Results) -> Iterator[tuple[str, str]]:
    totals = results.totals
    yield "slots expected, of all series", f"{totals.slots:,}"
    yield "stored once", f"{totals.stored:,}"
    yield "printed or logged as not stored, then stored by `load`", f"{totals.loaded:,}"
    for reason, count in totals.reasons.most_common():
        yield f"no record: {reason}", f"{count:,}"
    without_reason = totals.slots - totals.stored - totals.loaded - totals.reasons.total()
    yield "**lost without a recorded reason**", f"**{without_reason:,}**"
    yield "duplicate deliveries absorbed", f"{totals.duplicates:,}"
    yield "events with an invalid time, rejected", f"{totals.rejected_events:,}"
    yield "records compared with the exact oracle, all equal", f"{totals.verified_records:,}"
    counts = f"{totals.faults.total():,}, of {len(totals.faults)} kinds"
    yield "faults of the exchange, the table and the machine", counts
    yield "cooldowns (429, 418), no request before they were over", f"{totals.cooldowns:,}"
    yield "kills (SIGKILL) survived", f"{totals.kills:,}"
    yield "inputs of a gigabyte survived", f"{results.oversized_inputs:,}"
    if not results.soak:
        return
    yield f"growth over a soak of {results.soak['ticks']:,} minutes: memory", f"{results.soak['megabytes']:+.1f} MB"
    grown = ", ".join(f"{results.soak[name]:+.0f}" for name in ("threads", "descriptors", "sockets"))
    yield "… threads, file descriptors, connections", grown
