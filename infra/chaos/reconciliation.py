"""Compares what was expected, printed, logged and stored: each slot is stored once, or has a recorded reason. Pure."""

import json
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from decimal import Decimal
from typing import Any, NamedTuple

from handler.slots import parse_timestamp
from handler.stores.items import Item
from infra.chaos.messages import DOWN
from infra.chaos.oracle import agrees, plain, same
from infra.chaos.series import series_key

Key = tuple[str, int]
"""A series, such as `BTCUSDT#5` or `usdm:BTCUSDT@10bps`, and the slot's start in epoch seconds."""
Bodies = Mapping[tuple[str, int], set[bytes]]
"""Pair and lastUpdateId → the response bodies of the exchange."""

_UPDATE_ID = re.compile(rb'\{("E":\d+,"T":\d+,)?"lastUpdateId":(\d+),')


class Outcome(NamedTuple):
    """What became of one series in one slot: a line with data, or the reason why there is none.

    `was_killed`: the process was killed soon after printing the line, so it may have stored the record or not.
    """

    key: Key
    line: str = ""
    reason: str = ""
    was_killed: bool = False


@dataclass(slots=True)
class Totals:
    """The counts of one scenario, or the sum of several. `problems` are violations of the program's promises."""

    slots: int = 0
    stored: int = 0
    loaded: int = 0
    duplicates: int = 0
    kills: int = 0
    rejected_events: int = 0
    cooldowns: int = 0
    verified_records: int = 0
    reasons: Counter[str] = field(default_factory=Counter)
    faults: Counter[str] = field(default_factory=Counter)
    """Fault of the exchange, of the table or of the machine → how often it happened."""
    problems: list[str] = field(default_factory=list)

    def add(self, other: "Totals") -> None:
        """Add the counts of another scenario."""
        for each in fields(self):
            setattr(self, each.name, getattr(self, each.name) + getattr(other, each.name))


class Observations(NamedTuple):
    """What one scenario left behind. `unstored_lines` are those that the program logged as not stored."""

    outcomes: list[Outcome]
    unstored_lines: set[str]
    before_load: list[Item]
    after_load: list[Item]
    bodies: Bodies
    interval: int = 1
    stdout_lost: bool = False
    """Printed lines were lost with stdout: the table may hold records without a line."""


def response_bodies(requests: Iterable[Any]) -> Bodies:
    """The bodies that the exchange sent."""
    found: dict[tuple[str, int], set[bytes]] = defaultdict(set)
    for request in requests:
        if request.body and (match := _UPDATE_ID.match(request.body)):
            found[request.symbol, int(match[2])].add(request.body)
    return found


def reconcile(seen: Observations) -> Totals:
    """Check that each slot of each series is stored exactly once, or has a recorded reason."""
    totals = Totals()
    before, after = _by_key(seen.before_load, seen, totals), _by_key(seen.after_load, seen, totals)
    grouped: dict[Key, list[Outcome]] = defaultdict(list)
    for outcome in seen.outcomes:
        grouped[outcome.key].append(outcome)
    for line in seen.unstored_lines:  # also if it was not printed: the program ended in between, or stdout was lost
        record = json.loads(line)
        key = _key(record, seen.interval)
        if not any(outcome.line for outcome in grouped[key]):
            grouped[key].append(Outcome(key, line))
    if seen.stdout_lost:
        grouped.update({key: [] for key in after.keys() - grouped.keys()})
    totals.slots = len(grouped)
    for key, outcomes in grouped.items():
        _reconcile_slot(key, outcomes, seen, before, after, totals)
    totals.problems += [f"{key} is in the table without being sampled" for key in after.keys() - grouped.keys()]
    totals.problems += [f"{key} vanished from the table" for key in before.keys() - after.keys()]
    return totals


def unloaded_lines(lines: Iterable[str], items: Iterable[Item], interval: int) -> list[str]:
    """Problems: lines that were logged as not stored, and are not in the table although the log was loaded."""
    keys = {(item["series"]["S"], parse_timestamp(item["slot"]["S"])) for item in items}
    return [f"not loadable from the log: {line}" for line in lines if _key(json.loads(line), interval) not in keys]


def _reconcile_slot(
    key: Key, outcomes: list[Outcome], seen: Observations, before: dict[Key, Any], after: dict[Key, Any], totals: Totals
) -> None:
    printed = [outcome for outcome in outcomes if outcome.line]
    records = [json.loads(outcome.line) for outcome in printed]
    totals.duplicates += max(len(printed) - 1, 0)
    for record in records:
        _verify(record, seen.bodies, totals)
    if key not in after:
        if records:
            totals.problems.append(f"{key} was printed, but is not in the table after loading")
        elif reason := next((outcome.reason for outcome in outcomes if outcome.reason), ""):
            totals.reasons[reason] += 1
        else:
            totals.problems.append(f"{key} is missing without a reason")
        return
    was_killed = any(outcome.was_killed for outcome in outcomes)
    was_down = any(outcome.reason == DOWN for outcome in outcomes)  # it ended between storing and printing
    _check_item(key, records, after[key], seen, totals, may_lack_line=was_down or seen.stdout_lost)
    totals.stored += key in before
    totals.loaded += key not in before
    is_logged = any(outcome.line in seen.unstored_lines for outcome in printed)
    if key not in before and not was_killed and not is_logged:
        totals.problems.append(f"{key} was printed and not stored, and no log message says so")


def _check_item(
    key: Key, records: list[Any], item: dict[str, Any], seen: Observations, totals: Totals, *, may_lack_line: bool
) -> None:
    if records and not any(same(record, item) for record in records):
        totals.problems.append(f"{key} is stored with other values than were printed")
    if not records:
        numbers = {name: float(value) if isinstance(value, Decimal) else value for name, value in item.items()}
        _verify(numbers, seen.bodies, totals)
        if not may_lack_line:
            totals.problems.append(f"{key} is stored, but was never printed")


def _verify(record: dict[str, Any], bodies: Bodies, totals: Totals) -> None:
    totals.verified_records += 1
    if not any(agrees(record, body) for body in bodies.get((record["symbol"], record["last_update_id"]), ())):
        totals.problems.append(f"no response of the exchange has the values of this record: {record}")


def _by_key(items: list[Item], seen: Observations, totals: Totals) -> dict[Key, dict[str, Any]]:
    found = {}
    for item in map(plain, items):
        key = item["series"], parse_timestamp(item["slot"])
        if key != _key(item, seen.interval):
            totals.problems.append(f"an item is stored under another key than its own: {key}")
        found[key] = item
    return found


def _key(record: Mapping[str, Any], interval: int) -> Key:
    return series_key(record), parse_timestamp(record["timestamp"]) // interval * interval
