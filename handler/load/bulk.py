"""Many records into a table or a folder, in batches. Loading the same again changes nothing."""

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path

from ..clock import SYSTEM, Clock
from ..errors import InvalidData, StoreError, TransientStoreError
from ..record import Record, unknown_keys
from ..slots import MAX_INTERVAL_SECONDS, epoch_seconds, format_timestamp
from ..stores.folder import Folder
from ..stores.store import FailedPut, PutResult, Store, is_storable
from .open import MAX_PIECE_BYTES, Source, open_text

BATCH_RECORDS = 5000  # of several records of a slot, the earliest of a batch is stored
PUT_SECONDS = 60.0  # after which some of a batch has to be stored, or it ends
DEFAULT_INTERVAL_SECONDS = 60
MAX_LINE_BYTES = 2**18
DAY_SECONDS = 86_400

KEYS = frozenset(Record.__struct_fields__)
_KEY = re.compile(r'[{,]"([^"]+)":')

Line = tuple[Record, str]
Put = Callable[[Sequence[Line], float], PutResult]


class Bulk:
    """Collects records in batches and stores them; the attributes count what became of them."""

    def __init__(self, clock: Clock = SYSTEM) -> None:
        self._clock = clock
        self.batch: dict[Hashable, Line] = {}  # those that are not stored yet
        self.batch_since = 0.0
        self.loaded = self.already_there = self.different = self.no_data = self.expired = 0
        self.changed_days: set[str] = set()
        self.failed: list[FailedPut] = []

    def add(self, record: Record, line: str) -> None:
        """Add a record and the line that it is from; a full batch is stored. Raises StoreError."""
        self.no_data += not record.has_data
        if not is_storable(record):
            return
        if self._is_expired(record):
            self.expired += record.has_data
            return
        if not self.batch:
            self.batch_since = self._clock.monotonic()
        key = self._key(record, line)
        other = self.batch.get(key, (record, line))
        if key in self.batch:
            self._count_repeated(other[0], record)
        self.batch[key] = min(other, (record, line), key=_rank)
        if len(self.batch) >= BATCH_RECORDS:
            self.flush()

    def flush(self) -> None:
        """Store the batch. Raises StoreError if nothing of a part of it can be stored."""
        for day, part, put in self._parts(list(self.batch.values())):
            todo: Sequence[Line] = part
            while todo:
                result = put(todo, self._clock.monotonic() + PUT_SECONDS)
                self._count(day, result)
                retried = {id(failed.record) for failed in result.failed if _is_transient(failed)}
                if len(result.failed) == len(todo):
                    raise result.failed[0].error
                self.failed += [failed for failed in result.failed if not _is_transient(failed)]
                todo = [line for line in todo if id(line[0]) in retried]
            for record, line in part:
                self.batch.pop(self._key(record, line), None)

    def _count(self, day: str, result: PutResult) -> None:
        self.loaded += result.stored
        self.already_there += result.duplicates - result.different
        self.different += result.different
        if result.stored:
            self.changed_days.add(day)

    def _count_repeated(self, one: Record, other: Record) -> None:
        if one.has_data and other.has_data:
            is_same = one.to_line(detail=False) == other.to_line(detail=False)
            self.already_there += is_same
            self.different += not is_same

    def _is_expired(self, _record: Record) -> bool:
        return False

    def _key(self, record: Record, line: str) -> Hashable:
        """What no two records of a batch may share."""
        raise NotImplementedError

    def _parts(self, batch: Sequence[Line]) -> Iterator[tuple[str, Sequence[Line], Put]]:
        """The batch in parts, each with its day and how to store it until a deadline."""
        raise NotImplementedError


class TableBulk(Bulk):
    """Loads a table, in which the first measurement of a slot wins, whoever put it.

    `open_table` gives the store that takes an interval for plain records, `intervals` has the pairs whose interval is
    not the default, and `warn` is called once with the keys that a table does not keep.
    """

    def __init__(
        self,
        open_table: Callable[[int], Store],
        intervals: dict[str, int],
        default_interval_seconds: int = DEFAULT_INTERVAL_SECONDS,
        *,
        retention_days: int = 0,
        warn: Callable[[str], object] = print,
        clock: Clock = SYSTEM,
    ) -> None:
        super().__init__(clock)
        self._stores = {default_interval_seconds: open_table(default_interval_seconds)}
        self._open_table = open_table
        self._intervals = intervals
        self._default = default_interval_seconds
        self._warn: Callable[[str], object] | None = warn
        self._expired_before = clock.time() - retention_days * DAY_SECONDS if retention_days else float("-inf")

    def add(self, record: Record, line: str) -> None:
        """Add a record; its line is looked at only for keys of a newer version. Raises StoreError."""
        may_have_more = self._warn and not KEYS.issuperset(_KEY.findall(line))  # faster than to decode the line
        if self._warn and may_have_more and (keys := unknown_keys(line)):
            self._warn(f"keys that this version does not know, such as {min(keys)}, are left out of the table")
            self._warn = None
        super().add(record, line)

    def _slot(self, record: Record) -> int:
        return record.slot(self._intervals.get(record.pair, self._default))

    def _is_expired(self, record: Record) -> bool:
        return self._slot(record) <= self._expired_before

    def _key(self, record: Record, _line: str) -> Hashable:
        return record.pair, self._slot(record)

    def _parts(self, batch: Sequence[Line]) -> Iterator[tuple[str, Sequence[Line], Put]]:
        parts: dict[tuple[str, int], list[Line]] = defaultdict(list)
        for record, line in batch:
            interval = self._default if record.interval_seconds else self._intervals.get(record.pair, self._default)
            parts[format_timestamp(self._slot(record))[:10], interval].append((record, line))
        for (day, interval), part in parts.items():
            if interval not in self._stores:
                self._stores[interval] = self._open_table(interval)
            yield day, part, partial(_put_records, self._stores[interval])


class FolderBulk(Bulk):
    """Loads a folder: a line is appended unless the files of its day have it; reading decides about slots."""

    def __init__(self, folder: Folder, clock: Clock = SYSTEM) -> None:
        super().__init__(clock)
        self._folder = folder

    def _key(self, _record: Record, line: str) -> Hashable:
        return line

    def _parts(self, batch: Sequence[Line]) -> Iterator[tuple[str, Sequence[Line], Put]]:
        days: dict[str, dict[bytes, Line]] = defaultdict(dict)
        for record, line in batch:
            days[record.timestamp[:10]][line.encode()] = record, line
        for day, lines in days.items():
            paths = sorted(self._folder.path.glob(f"{day}.jsonl*"))  # they may be compressed
            for known in {line for path in paths for line in _lines(path) if line in lines}:
                record, text = lines.pop(known)
                self.already_there += record.has_data
                del self.batch[text]
            yield day, list(lines.values()), self._folder.put_lines


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


def _put_records(store: Store, lines: Sequence[Line], deadline: float) -> PutResult:
    return store.put([record for record, _ in lines], deadline)


def _rank(line: Line) -> tuple[bool, str, bool]:
    record, _ = line
    return not record.has_data, record.timestamp, record.bids is None


def _is_transient(failed: FailedPut) -> bool:
    return isinstance(failed.error, TransientStoreError)


def _lines(path: Path) -> Iterator[bytes]:
    """The lines of a file, in bounded memory; what cannot be read is left out."""
    try:
        with path.open("rb", buffering=0) as file:
            rest = b""
            for piece in open_text(Source(lambda: file.read(MAX_PIECE_BYTES))):
                if not isinstance(piece, InvalidData):
                    *lines, rest = (rest[:MAX_LINE_BYTES] + piece).split(b"\n")
                    yield from lines
            yield rest
    except OSError as error:
        raise StoreError(f"{path}: {error.strerror or error}") from error
