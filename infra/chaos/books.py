"""The accountant: what was asked, answered, printed and stored, and whether that adds up. Pure."""

import json
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from handler.slots import parse_timestamp
from infra.chaos.oracle import agrees, plain, same

Key = tuple[str, int]
"""A series, such as `BTCUSDT#5`, and the slot's start in epoch seconds."""

_UPDATE_ID = re.compile(rb'\{"lastUpdateId":(\d+),')


class Outcome(NamedTuple):
    """What became of one series in one slot, once: a line with data, or the reason why there is none.

    `unheard`: the process ended while it stored, so that nothing tells whether the line is in the table.
    """

    key: Key
    line: str = ""
    reason: str = ""
    unheard: bool = False


@dataclass(slots=True)
class Books:
    """The account of one act, or the sum of several. `problems` are why it does not close."""

    asked: int = 0
    stored: int = 0
    loaded: int = 0
    delivered_again: int = 0
    kills: int = 0
    refused: int = 0
    rests: int = 0
    values: int = 0
    reasons: Counter[str] = field(default_factory=Counter)
    faults: Counter[str] = field(default_factory=Counter)
    """What went wrong on the way to the exchange and to the table → how often."""
    problems: list[str] = field(default_factory=list)

    def add(self, other: "Books") -> None:
        """Take another account in."""
        for name in ("asked", "stored", "loaded", "delivered_again", "kills", "refused", "rests", "values"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.reasons += other.reasons
        self.faults += other.faults
        self.problems += other.problems


class Evidence(NamedTuple):
    """What was seen in one act: `told` are the lines that the program itself said it could not store."""

    outcomes: list[Outcome]
    told: set[str]
    before: list[dict[str, Any]]
    after: list[dict[str, Any]]
    answers: Mapping[tuple[str, int], set[bytes]]
    interval: int = 1
    silent: bool = False
    """Nothing could be printed: the table may hold what no line tells of."""


def answers(requests: Iterable[Any]) -> dict[tuple[str, int], set[bytes]]:
    """The bodies that the exchange answered, by pair and update."""
    found: dict[tuple[str, int], set[bytes]] = defaultdict(set)
    for asked in requests:
        if asked.body and (match := _UPDATE_ID.match(asked.body)):
            found[asked.symbol, int(match[1])].add(asked.body)
    return found


def close(seen: Evidence) -> Books:
    """Every slot of every series is stored exactly once, or has a named reason."""
    books = Books()
    before, after = _by_key(seen.before, seen.interval, books), _by_key(seen.after, seen.interval, books)
    grouped: dict[Key, list[Outcome]] = defaultdict(list)
    for outcome in seen.outcomes:
        grouped[outcome.key].append(outcome)
    if seen.silent:
        grouped.update({key: [] for key in after.keys() - grouped.keys()})
    books.asked = len(grouped)
    for key, outcomes in grouped.items():
        _close_one(key, outcomes, seen, before, after, books)
    books.problems += [f"{key} is in the table, and nobody asked for it" for key in after.keys() - grouped.keys()]
    books.problems += [f"{key} has left the table" for key in before.keys() - after.keys()]
    return books


def _close_one(
    key: Key, outcomes: list[Outcome], seen: Evidence, before: dict[Key, Any], after: dict[Key, Any], books: Books
) -> None:
    printed = [outcome for outcome in outcomes if outcome.line]
    records = [json.loads(outcome.line) for outcome in printed]
    books.delivered_again += max(len(printed) - 1, 0)
    for record in records:
        _check_values(record, seen.answers, books)
    if key not in after:
        if records:
            books.problems.append(f"{key} was printed, and loading did not bring it back")
        elif reason := next((outcome.reason for outcome in outcomes if outcome.reason), ""):
            books.reasons[reason] += 1
        else:
            books.problems.append(f"{key} is missing without a reason")
        return
    _check_item(key, records, after[key], seen, books)
    books.stored += key in before
    books.loaded += key not in before
    if key not in before and not any(outcome.unheard or outcome.line in seen.told for outcome in printed):
        books.problems.append(f"{key} was printed and not stored, and nothing says so")


def _check_item(key: Key, records: list[dict[str, Any]], item: dict[str, Any], seen: Evidence, books: Books) -> None:
    if records and not any(same(record, item) for record in records):
        books.problems.append(f"{key} is stored with other values than were printed")
    if not records:
        _check_values({name: _number(value) for name, value in item.items()}, seen.answers, books)
        if not seen.silent:
            books.problems.append(f"{key} is stored, and was never printed")


def _check_values(record: dict[str, Any], bodies: Mapping[tuple[str, int], set[bytes]], books: Books) -> None:
    books.values += 1
    if not any(agrees(record, body) for body in bodies.get((record["symbol"], record["last_update_id"]), ())):
        books.problems.append(f"no answer of the exchange says what this line says: {record}")


def _by_key(items: list[dict[str, Any]], interval: int, books: Books) -> dict[Key, dict[str, Any]]:
    found = {}
    for item in map(plain, items):
        key = item["series"], parse_timestamp(item["slot"])
        if (
            item["series"] != f"{item['symbol']}#{item['levels']}"
            or parse_timestamp(item["timestamp"]) // interval * interval != key[1]
        ):
            books.problems.append(f"an item is stored under another key than its own: {key}")
        found[key] = item
    return found


def _number(value: Any) -> Any:
    return value if isinstance(value, str) else float(value)
