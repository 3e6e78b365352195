"""Many records into a table or a folder, in batches. Loading the same again changes nothing."""

from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from functools import cache, partial
from itertools import chain, groupby
from pathlib import Path
from typing import Any

from ..clock import SYSTEM, Clock
from ..errors import InvalidData, TransientStoreError
from ..record import Record, unknown_keys
from ..slots import DAY_SECONDS, DEFAULT_INTERVAL_SECONDS, MAX_INTERVAL_SECONDS, epoch_seconds, format_timestamp
from ..stores.folder import Folder
from ..stores.store import FailedPut, PutResult, Store
from .open import MAX_PIECE_BYTES, decompressed

BATCH_RECORDS = 5000  # of the records of a slot within a batch, only the earliest is put
PUT_SECONDS = 60.0  # deadline of a put; if no record of a day is stored by then, the load ends

RecordLine = tuple[Record, str]  # a record and the line that it is from


class Bulk:
    """Collects records in batches and stores them; the attributes count what became of them.

    A batch keeps one record for each value of `key`; the records of one day are `put` together.
    """

    def __init__(
        self,
        key: Callable[[Record, str], Hashable],
        put: Callable[[Sequence[RecordLine], float], PutResult],
        *,
        retention_days: int = 0,
        clock: Clock = SYSTEM,
    ) -> None:
        self._key, self._put = key, put
        self._clock = clock
        self._expired_before = format_timestamp(clock.time() - retention_days * DAY_SECONDS) if retention_days else ""
        self.batch: dict[Hashable, RecordLine] = {}  # those that are not stored yet
        self.loaded = self.already_there = self.different = self.no_data = self.expired = 0
        self.changed_days: set[str] = set()
        self.failed: list[FailedPut] = []

    def add(self, record: Record, line: str) -> None:
        """Add a record and the line that it is from; a full batch is stored. Raises StoreError."""
        self.no_data += not record.has_data
        if record.timestamp <= self._expired_before:
            self.expired += record.has_data
        elif record.is_storable:
            key = self._key(record, line)
            old = self.batch.get(key)
            if old and record.has_data and old[0].has_data:
                is_same = record.to_line(detail=False) == old[0].to_line(detail=False)
                self.already_there += is_same
                self.different += not is_same
            self.batch[key] = min(old or (record, line), (record, line), key=_rank)
            if len(self.batch) >= BATCH_RECORDS:
                self.flush()

    def flush(self, seconds: float = PUT_SECONDS) -> None:
        """Store the batch; records that may succeed later stay in it. Raises StoreError if all of a day fail."""
        for day, group in groupby(sorted(self.batch.values(), key=_day), key=_day):
            lines = list(group)
            result = self._put(lines, self._clock.monotonic() + seconds)
            self.loaded += result.stored
            self.already_there += result.duplicates - result.different
            self.different += result.different
            self.changed_days |= {day} if result.stored else set()
            if len(result.failed) == len(lines):
                raise result.failed[0].error
            later = {id(failed.record) for failed in result.failed if isinstance(failed.error, TransientStoreError)}
            self.failed += [failed for failed in result.failed if id(failed.record) not in later]
            for record, line in lines:
                if id(record) not in later:
                    del self.batch[self._key(record, line)]


def into_table(table: Store, intervals: Mapping[str, int], warn: Callable[[str], object], **options: Any) -> Bulk:
    """Create a bulk for a table, in which the first measurement of a slot wins, whoever put it.

    `intervals` are those of plain records, by pair. `warn` is called once if there are keys that a table does not keep.
    """
    warn_once = cache(warn)

    def put(lines: Sequence[RecordLine], deadline: float) -> PutResult:
        if any(unknown_keys(line) for _, line in lines):
            warn_once("keys that this version does not know are left out of the table")
        return table.put([record for record, _ in lines], deadline)

    return Bulk(lambda record, _: (record.pair, record.slot(intervals[record.pair])), put, **options)


def into_folder(folder: Folder) -> Bulk:
    """Create a bulk for a folder: it appends each line that the files of its day lack; reading decides about slots."""
    return Bulk(lambda _, line: line, partial(_put_new, folder))


def _put_new(folder: Folder, lines: Sequence[RecordLine], deadline: float) -> PutResult:
    new, duplicates = {line.encode(): (record, line) for record, line in lines}, 0
    for path in folder.path.glob(f"{_day(lines[0])}.jsonl*"):  # they may be compressed
        duplicates += sum(new.pop(line)[0].has_data for line in _lines(path) if line in new)
    return folder.put_lines(list(new.values()), deadline)._replace(duplicates=duplicates)


def _lines(path: Path) -> Iterator[bytes]:
    text = b""
    with path.open("rb") as file:
        for piece in chain(decompressed(partial(file.read, MAX_PIECE_BYTES)), [b"\n"]):
            if not isinstance(piece, InvalidData):
                *lines, text = (text[-MAX_PIECE_BYTES:] + piece).split(b"\n")
                yield from lines


def infer_intervals(records: Iterable[Record]) -> dict[str, int]:
    """Return pair → the commonest interval between its records, in a tie the shortest, for pairs with plain records."""
    last: dict[str, int] = {}
    plain: set[str] = set()
    counts: dict[str, Counter[int]] = defaultdict(lambda: Counter({DEFAULT_INTERVAL_SECONDS: 1}))
    for record in records:
        pair, moment = record.pair, epoch_seconds(record.timestamp)
        interval = moment - last.get(pair, moment)
        last[pair] = moment
        if 0 < interval <= MAX_INTERVAL_SECONDS:
            counts[pair][interval] += 1
        if record.interval_seconds is None:
            plain.add(pair)
    return {pair: min(counts[pair], key=lambda each: (-counts[pair][each], each)) for pair in plain}


def _day(line: RecordLine) -> str:
    record, _ = line
    return record.timestamp[:10]


def _rank(line: RecordLine) -> tuple[bool, str, bool]:
    record, _ = line
    return not record.has_data, record.timestamp, record.bids is None
