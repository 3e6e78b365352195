"""Many records into a table or a folder, in batches. Loading the same again changes nothing."""

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Iterable, Sequence
from functools import cache, partial

from ..clock import SYSTEM, Clock
from ..errors import InvalidData, StoreError, TransientStoreError
from ..record import Record
from ..slots import MAX_INTERVAL_SECONDS, epoch_seconds, format_timestamp
from ..stores.folder import Folder
from ..stores.store import FailedPut, PutResult, Store
from .open import MAX_PIECE_BYTES, open_text

BATCH_RECORDS = 5000  # of several records of a slot, the earliest of a batch is stored
PUT_SECONDS = 60.0  # after which some of a batch has to be stored, or it ends
DEFAULT_INTERVAL_SECONDS = 60
MAX_LINE_BYTES = 2**18
DAY_SECONDS = 86_400

KEYS = frozenset(Record.__struct_fields__)
_KEY = re.compile(r'[{,]"([^"]+)":')

Line = tuple[Record, str]


class Bulk:
    """Collects records in batches and stores them; the attributes count what became of them."""

    def __init__(self, clock: Clock = SYSTEM) -> None:
        self._clock = clock
        self.batch: dict[Hashable, Line] = {}  # those that are not stored yet
        self.loaded = self.already_there = self.different = self.no_data = self.expired = 0
        self.changed_days: set[str] = set()
        self.failed: list[FailedPut] = []

    def add(self, record: Record, line: str) -> None:
        """Add a record and the line that it is from; a full batch is stored. Raises StoreError."""
        self.no_data += not record.has_data
        if not (record.has_data or record.reason):
            return
        if self._is_expired(record):
            self.expired += record.has_data
            return
        key = self._key(record, line)
        if key in self.batch:
            self._count_repeated(self.batch[key][0], record)
        self.batch[key] = min(self.batch.get(key, (record, line)), (record, line), key=_rank)
        if len(self.batch) >= BATCH_RECORDS:
            self.flush()

    def flush(self) -> None:
        """Store the batch. Raises StoreError if nothing of a part of it can be stored."""
        parts: dict[tuple[str, int], list[Line]] = defaultdict(list)
        for record, line in self.batch.values():
            parts[self._part(record)].append((record, line))
        for (day, interval), todo in parts.items():
            while todo:
                result = self._put(todo, day, interval, self._clock.monotonic() + PUT_SECONDS)
                self._count(result, day)
                if len(result.failed) == len(todo):
                    raise result.failed[0].error
                retried = [failed for failed in result.failed if isinstance(failed.error, TransientStoreError)]
                self.failed += [failed for failed in result.failed if failed not in retried]
                left = {id(failed.record) for failed in retried}
                for record, line in todo:
                    if id(record) not in left:
                        del self.batch[self._key(record, line)]
                todo = [one for one in todo if id(one[0]) in left]

    def _count(self, result: PutResult, day: str) -> None:
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

    def _part(self, record: Record) -> tuple[str, int]:
        """The day and the interval of the records that are stored together."""
        raise NotImplementedError

    def _put(self, lines: Sequence[Line], day: str, interval_seconds: int, deadline: float) -> PutResult:
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
        self._table = cache(open_table)
        self._intervals = defaultdict(lambda: default_interval_seconds, intervals)
        self._warn: Callable[[str], object] | None = warn
        self._expired_before = clock.time() - retention_days * DAY_SECONDS if retention_days else float("-inf")

    def add(self, record: Record, line: str) -> None:
        """Add a record; its line is looked at only for keys of a newer version. Raises StoreError."""
        if self._warn and (keys := set(_KEY.findall(line)) - KEYS):
            self._warn(f"keys that this version does not know, such as {min(keys)}, are left out of the table")
            self._warn = None
        super().add(record, line)

    def _slot(self, record: Record) -> int:
        return record.slot(self._intervals[record.pair])

    def _is_expired(self, record: Record) -> bool:
        return self._slot(record) <= self._expired_before

    def _key(self, record: Record, _line: str) -> Hashable:
        return record.pair, self._slot(record)

    def _part(self, record: Record) -> tuple[str, int]:
        return format_timestamp(self._slot(record))[:10], self._intervals[record.pair]

    def _put(self, lines: Sequence[Line], _day: str, interval_seconds: int, deadline: float) -> PutResult:
        return self._table(interval_seconds).put([record for record, _ in lines], deadline)


class FolderBulk(Bulk):
    """Loads a folder: a line is appended unless the files of its day have it; reading decides about slots."""

    def __init__(self, folder: Folder, clock: Clock = SYSTEM) -> None:
        super().__init__(clock)
        self._folder = folder

    def _key(self, _record: Record, line: str) -> Hashable:
        return line

    def _part(self, record: Record) -> tuple[str, int]:
        return record.timestamp[:10], 0

    def _put(self, lines: Sequence[Line], day: str, _interval_seconds: int, deadline: float) -> PutResult:
        known = self._known(day, {line.encode() for _, line in lines})
        duplicates = sum(record.has_data for record, line in lines if line.encode() in known)
        new = [(record, line) for record, line in lines if line.encode() not in known]
        return self._folder.put_lines(new, deadline)._replace(duplicates=duplicates)

    def _known(self, day: str, lines: set[bytes]) -> set[bytes]:
        """Those lines that the files of the day have, which may be compressed. Raises StoreError."""
        known: set[bytes] = set()
        for path in self._folder.path.glob(f"{day}.jsonl*"):
            try:
                with path.open("rb") as file:
                    rest = b""
                    for piece in open_text(partial(file.read, MAX_PIECE_BYTES)):
                        if not isinstance(piece, InvalidData):
                            *whole, rest = (rest[:MAX_LINE_BYTES] + piece).split(b"\n")
                            known |= lines.intersection(whole)
                    known |= lines & {rest}
            except OSError as error:
                raise StoreError(f"{path}: {error.strerror or error}") from error
        return known


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
