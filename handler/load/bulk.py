"""Many records into a table or a folder, in batches. Loading the same again changes nothing."""

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from functools import cache, partial
from itertools import chain
from typing import Protocol

from ..clock import SYSTEM, Clock
from ..errors import InvalidData, TransientStoreError
from ..record import Record
from ..slots import MAX_INTERVAL_SECONDS, epoch_seconds, format_timestamp
from ..stores.folder import Folder
from ..stores.store import FailedPut, PutResult, Store
from .open import MAX_PIECE_BYTES, open_text

BATCH_RECORDS = 5000  # of several records of a slot, the earliest of a batch is stored
PUT_SECONDS = 60.0  # after which some of a batch has to be stored, or it ends
DEFAULT_INTERVAL_SECONDS = 60

_KEYS = frozenset(Record.__struct_fields__)
_KEY = re.compile(r'[{,]"([^"]+)":')

Line = tuple[Record, str]


class Target(Protocol):
    """Takes lines in parts, no two with the same key."""

    def key(self, record: Record, line: str, /) -> Hashable: ...
    def part(self, record: Record, /) -> tuple[str, int]: ...
    def put(self, lines: Sequence[Line], part: tuple[str, int], deadline: float, /) -> PutResult: ...


class Bulk:
    """Collects records in batches and stores them; the attributes count what became of them."""

    def __init__(self, target: Target, *, retention_days: int = 0, clock: Clock = SYSTEM) -> None:
        self._target = target
        self._clock = clock
        self._expired_before = format_timestamp(clock.time() - retention_days * 86_400) if retention_days else ""
        self.batch: dict[Hashable, Line] = {}  # those that are not stored yet
        self.loaded = self.already_there = self.different = self.no_data = self.expired = 0
        self.changed_days: set[str] = set()
        self.failed: list[FailedPut] = []

    def add(self, record: Record, line: str) -> None:
        """Add a record and the line that it is from; a full batch is stored. Raises StoreError."""
        self.no_data += not record.has_data
        if record.timestamp <= self._expired_before:
            self.expired += record.has_data
        elif record.has_data or record.reason:
            key = self._target.key(record, line)
            other, _ = old = self.batch.get(key, (record, line))
            if key in self.batch and record.has_data and other.has_data:
                is_same = record.to_line(detail=False) == other.to_line(detail=False)
                self.already_there += is_same
                self.different += not is_same
            self.batch[key] = min(old, (record, line), key=_rank)
            if len(self.batch) >= BATCH_RECORDS:
                self.flush()

    def flush(self) -> None:
        """Store the batch but for what may succeed later. Raises StoreError if nothing of a part can be stored."""
        parts: dict[tuple[str, int], list[Line]] = defaultdict(list)
        for record, line in self.batch.values():
            parts[self._target.part(record)].append((record, line))
        for part, lines in parts.items():
            result = self._target.put(lines, part, self._clock.monotonic() + PUT_SECONDS)
            self.loaded += result.stored
            self.already_there += result.duplicates - result.different
            self.different += result.different
            self.changed_days |= {part[0]} if result.stored else set()
            if len(result.failed) == len(lines):
                raise result.failed[0].error
            later = {id(failed.record) for failed in result.failed if isinstance(failed.error, TransientStoreError)}
            self.failed += [failed for failed in result.failed if id(failed.record) not in later]
            for record, line in lines:
                if id(record) not in later:
                    del self.batch[self._target.key(record, line)]


class TableTarget:
    """A table, in which the first measurement of a slot wins, whoever put it.

    `open_table` gives the store that takes an interval for plain records, `intervals` has the pairs whose interval is
    not the default, and `warn` is called once with the keys that a table does not keep.
    """

    def __init__(
        self,
        open_table: Callable[[int], Store],
        intervals: Mapping[str, int],
        default_interval_seconds: int = DEFAULT_INTERVAL_SECONDS,
        *,
        warn: Callable[[str], object] = print,
    ) -> None:
        self._table = cache(open_table)
        self._intervals = defaultdict(lambda: default_interval_seconds, intervals)
        self._warn = cache(warn)

    def key(self, record: Record, line: str) -> Hashable:
        if not _KEYS.issuperset(_KEY.findall(line)):
            self._warn("keys that this version does not know are left out of the table")
        return record.pair, record.slot(self._intervals[record.pair])

    def part(self, record: Record) -> tuple[str, int]:
        interval = self._intervals[record.pair]
        return format_timestamp(record.slot(interval))[:10], interval

    def put(self, lines: Sequence[Line], part: tuple[str, int], deadline: float) -> PutResult:
        return self._table(part[1]).put([record for record, _ in lines], deadline)


class FolderTarget:
    """A folder: a line is appended unless the files of its day have it; reading decides about slots."""

    def __init__(self, folder: Folder) -> None:
        self._folder = folder

    def key(self, _record: Record, line: str) -> Hashable:
        return line

    def part(self, record: Record) -> tuple[str, int]:
        return record.timestamp[:10], 0

    def put(self, lines: Sequence[Line], part: tuple[str, int], deadline: float) -> PutResult:
        new, text = {line.encode(): (record, line) for record, line in lines}, b""
        duplicates = 0
        for path in self._folder.path.glob(f"{part[0]}.jsonl*"):  # they may be compressed
            with path.open("rb") as file:
                for piece in chain(open_text(partial(file.read, MAX_PIECE_BYTES)), [b"\n"]):
                    if not isinstance(piece, InvalidData):
                        *known, text = (text[-MAX_PIECE_BYTES:] + piece).split(b"\n")
                        duplicates += sum(new.pop(line)[0].has_data for line in known if line in new)
        return self._folder.put_lines(list(new.values()), deadline)._replace(duplicates=duplicates)


def infer_intervals(records: Iterable[Record]) -> dict[str, int]:
    """Pair with plain records → the commonest distance between its records, of several the shortest."""
    last: dict[str, int] = {}
    plain: set[str] = set()
    distances: dict[str, Counter[int]] = defaultdict(lambda: Counter({DEFAULT_INTERVAL_SECONDS: 1}))
    for record in records:
        pair, moment = record.pair, epoch_seconds(record.timestamp)
        distance = moment - last.get(pair, moment)
        last[pair] = moment
        if 0 < distance <= MAX_INTERVAL_SECONDS:
            distances[pair][distance] += 1
        if record.interval_seconds is None:
            plain.add(pair)
    return {pair: min(distances[pair], key=lambda each: (-distances[pair][each], each)) for pair in plain}


def _rank(line: Line) -> tuple[bool, str, bool]:
    record, _ = line
    return not record.has_data, record.timestamp, record.bids is None
