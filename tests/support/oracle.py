"""What questions about records should answer, computed slowly and plainly, without DuckDB."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from itertools import pairwise
from math import fsum
from typing import Any, NamedTuple

from handler.record import PLAIN_KEYS, Record
from handler.slots import epoch_seconds, format_timestamp


class Row(NamedTuple):
    """A record that counts, with its slot and its interval."""

    slot: int
    interval: int
    record: Record

    @property
    def has_data(self) -> bool:
        return self.record.has_data


def rows(records: Iterable[Record]) -> list[Row]:
    """One row for each pair and slot of full records, and each different plain record, oldest first."""
    best: dict[Any, Record] = {}
    plain: dict[Any, Record] = {}
    for record in records:
        if record.interval_seconds is None:
            plain.setdefault(_sample(record), record)
        else:
            key = record.pair, record.slot(60)
            if key not in best or _rank(record) < _rank(best[key]):
                best[key] = record
    samples = {_sample(record) for record in records if record.interval_seconds is not None}
    kept = [*best.values(), *(record for key, record in plain.items() if key not in samples)]
    inferred = {pair: _commonest_distance(kept, pair) for pair in {record.pair for record in kept}}
    found = []
    for record in kept:
        interval = record.interval_seconds or inferred[record.pair]
        found.append(Row(epoch_seconds(record.timestamp) // interval * interval, interval, record))
    return sorted(found, key=lambda row: (row.slot, row.record.pair, row.record.timestamp))


def _rank(record: Record) -> Any:
    return not record.has_data, record.timestamp, record.bids is None


def _sample(record: Record) -> Any:
    return tuple(getattr(record, key) for key in (*PLAIN_KEYS, "market"))


def _commonest_distance(records: Iterable[Record], pair: str) -> int:
    times = {epoch_seconds(each.timestamp) for each in records if each.pair == pair and each.interval_seconds is None}
    distances = Counter(later - earlier for earlier, later in pairwise(sorted(times)))
    return min(distances, key=lambda distance: (-distances[distance], distance), default=60)


def expected_slots(found: Sequence[Row]) -> dict[int, tuple[int, Row | None]]:
    """Slot → its interval and its row, None where it is missing, of the rows of one pair, part by part."""
    slots: dict[int, list[Row]] = defaultdict(list)
    for row in found:
        slots[row.slot].append(row)
    expected: dict[int, tuple[int, Row | None]] = {}
    ordered = sorted(slots)
    intervals = {
        slot: min([row.interval for row in slots[slot] if row.has_data] or [row.interval for row in slots[slot]])
        for slot in ordered
    }
    for slot, following in zip(ordered, [*ordered[1:], ordered[-1]], strict=True):
        interval = intervals[slot]
        expected[slot] = (interval, min(slots[slot], key=lambda row: not row.has_data))
        missing = slot + interval
        while (missing + 1 if intervals[following] == interval else missing + interval) <= following:
            expected[missing] = (interval, None)
            missing += interval
    return expected


def gaps(found: Sequence[Row], pair: str) -> list[dict[str, Any]]:
    """The gaps of one pair, then its total."""
    expected = expected_slots(found)
    answer: list[dict[str, Any]] = []
    is_open = False
    for slot, (interval, row) in expected.items():
        if row is not None and row.has_data:
            is_open = False
            continue
        if not is_open:
            answer.append({"pair": pair, "since": slot, "until": 0, "missing": 0, "reasons": Counter()})
        is_open = True
        answer[-1]["until"] = slot + interval
        answer[-1]["missing"] += 1
        answer[-1]["reasons"].update([row.record.reason] if row is not None and row.record.reason else [])
    for gap in answer:
        later = [
            slot for slot, (_, row) in expected.items() if slot >= gap["since"] and row is not None and row.has_data
        ]
        gap["until"] = min([gap["until"], *later])
    slots, missing = list(expected), sum(gap["missing"] for gap in answer)
    reasons: Counter[str] = sum((gap["reasons"] for gap in answer), Counter())
    end = slots[-1] + expected[slots[-1]][0]
    total = {"pair": pair, "since": slots[0], "until": end, "missing": missing, "reasons": reasons}
    answer.append(total | {"slots": len(slots), "share": round(1 - missing / len(slots), 6)})
    for gap in answer:
        gap |= {key: format_timestamp(gap[key]) for key in ("since", "until")} | {"reasons": dict(gap["reasons"])}
    return answer


def steps(found: Sequence[Row], step: int) -> list[dict[str, Any]]:
    """The steps of all pairs and numbers of levels."""
    groups: dict[Any, list[Row]] = defaultdict(list)
    expected: Counter[Any] = Counter()
    for pair in {row.record.pair for row in found}:
        own = [row for row in found if row.record.pair == pair]
        expected.update((slot // step * step, pair) for slot in expected_slots(own))
        for row in own:
            if row.has_data:
                groups[row.slot // step * step, pair, row.record.levels].append(row)
    answer = []
    for (moment, pair, levels), group in sorted(groups.items(), key=lambda item: item[0]):
        obis = [row.record.obi for row in sorted(group, key=lambda row: row.record.timestamp)]
        market = {} if group[0].record.market == "spot" else {"market": group[0].record.market}
        answer.append(
            {"timestamp": format_timestamp(moment), "symbol": group[0].record.symbol, "levels": levels, **market}
            | {"obi_mean": round(fsum(obis) / len(obis), 6), "obi_min": min(obis), "obi_max": max(obis)}
            | {"obi_last": obis[-1], "mid": _mean_mid(group), "n": len(obis), "expected": expected[moment, pair]}
        )
    return answer


def _mean_mid(group: Sequence[Row]) -> float | None:
    books = [row.record for row in group if row.record.bids and row.record.asks]
    mids = [float(book.bids[0][0] + book.asks[0][0]) / 2 for book in books if book.bids and book.asks]
    return float(f"{fsum(mids) / len(mids):.10g}") if mids else None


def series(found: Sequence[Row]) -> list[dict[str, Any]]:
    """The first and last slot of each pair."""
    answer = []
    for pair in sorted({row.record.pair for row in found}):
        own = [row for row in found if row.record.pair == pair]
        last = max(own, key=lambda row: (row.slot, row.record.timestamp))
        answer.append(
            {
                "pair": pair,
                "first": format_timestamp(own[0].slot),
                "last": format_timestamp(last.slot),
                "records": sum(row.has_data for row in own),
                "no_data": sum(not row.has_data for row in own),
                "interval_seconds": last.interval,
                "levels": last.record.levels,
            }
        )
    return answer
