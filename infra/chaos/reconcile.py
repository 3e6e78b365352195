"""Compares all that was printed, logged and stored with the exchange's own bytes, by exact fractions."""

import json
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from email.utils import parsedate_to_datetime
from fractions import Fraction
from typing import Any

from handler.stores.item import record_from_item
from infra.chaos.stage import LEVELS, PASSWORD, SECRET_KEY, Stage, lines_in
from infra.fake_exchange.exchange import LoggedRequest

Record = dict[str, Any]
Key = tuple[str, int]
TOLERANCE = Fraction(11, 10**7)
IN_FLIGHT_SECONDS = 0.5
"""Requests sent before a rejection was read may arrive this long after it."""


@dataclass
class Result:
    """The figures of a scenario: records stored, those of them by `load`, and what happened."""

    measured: int = 0
    reasons: Counter[str] = field(default_factory=Counter)
    loaded: int = 0
    kills: int = 0
    faults: Counter[str] = field(default_factory=Counter)
    cooldowns: int = 0
    problems: list[str] = field(default_factory=list)
    note: str = ""


def reconcile(stage: Stage) -> Result:
    """Load all output into the table; afterwards it has each record that was printed or logged, and no other."""
    stage.proxy.stop()  # after it, every request has been carried out
    outputs = [path for program in stage.programs for path in (program.stdout, program.stderr)]
    files = [*outputs, *sorted(stage.records_folder.glob("*.jsonl"))]
    told = [parse(line) for line in lines_in(files)]
    before = _stored(stage)
    stage.load(files)
    after = _stored(stage)
    problems = [*stage.problems, *_secrets(stage)]
    by_key: dict[Key, list[Record]] = {}
    for record in told:
        if "reason" not in record:
            by_key.setdefault(key_of(record), []).append(record)
    measured = {key: record for key, record in after.items() if "reason" not in record}
    unstored = by_key.keys() - measured.keys()
    problems += [f"{key} was printed or logged and is not stored" for key in unstored]
    problems += [f"{key}: what is stored was not printed" for key in by_key.keys() & measured.keys()
                 if measured[key] not in by_key[key]]  # fmt: skip
    if not stage.kills:
        problems += [f"{key} is stored and was never printed" for key in measured.keys() - by_key.keys()]
    sent = _sent(stage.exchange.requests)
    problems += [problem for record in (*told, *measured.values()) for problem in _compare(record, sent)]
    no_data = {key_of(each): str(each["reason"]) for each in (*told, *after.values()) if "reason" in each}
    cooldowns, violations = check_cooldowns(stage.exchange.requests)
    faults = Counter(request.fault for request in stage.exchange.requests)
    faults.update({f"table {name}": count for name, count in stage.proxy.counts.items()})
    faults -= Counter({"ok": faults["ok"], "table ok": faults["table ok"]})
    return Result(
        measured=len(measured),
        reasons=Counter(reason for key, reason in no_data.items() if key not in measured),
        loaded=len(measured.keys() - {key for key, record in before.items() if "reason" not in record}),
        kills=stage.kills,
        faults=faults,
        cooldowns=cooldowns,
        problems=[f"{stage.name}: {problem}" for problem in (*problems, *violations)],
    )


def check_cooldowns(requests: Sequence[LoggedRequest]) -> tuple[int, list[str]]:
    """Check that a market got no request during a cooldown; returns how many there were, and problems."""
    count, problems = 0, []
    rejected_at: dict[str, float] = {}
    until: dict[str, float] = {}
    for request in requests:
        now, path = request.wall_seconds, request.path
        if rejected_at.get(path, now) + IN_FLIGHT_SECONDS < now < until.get(path, 0):
            since = now - rejected_at[path]
            problems.append(f"{path}: {request.symbol} was requested {since:.3f} s after a rejection, too early")
        if seconds := _cooldown_seconds(request):
            count += now >= until.get(path, 0)
            rejected_at[path], until[path] = now, max(until.get(path, 0), now + seconds)
    return count, problems


def _cooldown_seconds(request: LoggedRequest) -> float:
    """The cooldown in seconds that a response demands, by its header or its text; 0 without one."""
    if request.fault == "html403":
        return 30.0  # the program takes minutes
    if b"-1003" not in request.body:
        return 0.0
    if banned := re.search(rb"until (\d{13})", request.body):
        return int(banned[1]) / 1000 - request.wall_seconds
    if request.retry_after is None:
        return 0.0
    if not request.retry_after.isdecimal():
        return parsedate_to_datetime(request.retry_after).timestamp() - request.wall_seconds
    seconds = float(request.retry_after)
    return seconds if seconds < 10**6 else seconds - request.wall_seconds


def parse(line: str | bytes) -> Record:
    """Read a line, its numbers as exact decimals."""
    record: Record = json.loads(line, parse_float=Decimal, parse_int=Decimal)
    return record


def key_of(record: Record) -> Key:
    """The pair and the start of the slot."""
    market = record.get("market", "spot")
    interval = int(record["interval_seconds"])
    slot = int(datetime.fromisoformat(record["timestamp"]).timestamp()) // interval * interval
    return (record["symbol"] if market == "spot" else f"{market}:{record['symbol']}"), slot


def _stored(stage: Stage) -> dict[Key, Record]:
    records = [parse(record_from_item(item).to_line(detail=True)) for item in stage.items()]
    return {key_of(record): record for record in records}


def _sent(requests: Iterable[LoggedRequest]) -> dict[tuple[str, str, int], Record]:
    """Market, symbol, lastUpdateId → body, of every answer with a book."""
    books = {}
    for request in requests:
        try:
            body = json.loads(request.body) if request.status == 200 else None
        except ValueError:
            continue
        if isinstance(body, dict) and "lastUpdateId" in body:
            market = "usdm" if request.path.startswith("/fapi") else "spot"
            books[market, request.symbol, body["lastUpdateId"]] = body
    return books


def _compare(record: Record, sent: dict[tuple[str, str, int], Record]) -> list[str]:
    """Problems of one record: it is not what follows from the book that was sent."""
    if "reason" in record:
        return []
    body = sent.get((record["market"], record["symbol"], int(record["last_update_id"])))
    if body is None:
        return [f"{key_of(record)} is of a book that was never sent for it: {record['last_update_id']}"]
    sides = {side: _levels(body[side]) for side in ("bids", "asks")}
    bid, ask = (sum((price * size for price, size in side[:LEVELS]), Fraction()) for side in sides.values())
    wanted = {"notional_bid": bid, "notional_ask": ask, "obi": (bid - ask) / (bid + ask) if bid + ask else Fraction()}
    wrong = [key for key, value in wanted.items() if abs(Fraction(record[key]) - value) > TOLERANCE]
    wrong += [side for side, levels in sides.items() if _levels(record[side]) != levels[:20]]
    return [f"{key_of(record)}: {', '.join(wrong)} do not follow from what was sent"] if wrong else []


def _levels(side: Iterable[Sequence[Any]]) -> list[tuple[Fraction, Fraction]]:
    return [(Fraction(price), Fraction(size)) for price, size in side if Fraction(size)]


def _secrets(stage: Stage) -> list[str]:
    """Problems: files with a credential."""
    files = {path: path.read_bytes() for path in stage.folder.rglob("*") if path.is_file()}
    secrets = (PASSWORD.encode(), SECRET_KEY.encode())
    return [f"{path} has a credential" for path, data in files.items() if any(secret in data for secret in secrets)]
