"""Several sources read as one, slot by slot: the first that holds a slot wins. No AWS."""

from collections.abc import Iterator, Sequence
from heapq import merge
from operator import attrgetter, itemgetter

from handler.record import Series
from handler.stores.store import Extent, RecordSource, SlotRecord


class MergedSources:
    """Sources of the same series, such as the tables of two regions."""

    def __init__(self, sources: Sequence[RecordSource]) -> None:
        self._sources = sources
        self.description = " and ".join(source.description for source in sources)

    def read(
        self, series: Series, since: float, until: float, *, detail: bool = True, consistent: bool = False
    ) -> Iterator[SlotRecord]:
        """The records of the slots in [since, until), each with its slot. Raises HandlerError."""
        last_slot = ""
        found = [source.read(series, since, until, detail=detail, consistent=consistent) for source in self._sources]
        for slot, record in merge(*found, key=itemgetter(0)):  # of equal slots, those of the first source come first
            if slot != last_slot:
                yield slot, record
            last_slot = slot

    def slots(self, series: Series, since: float, until: float, *, consistent: bool = False) -> Iterator[int]:
        """The slots in [since, until) that hold a record, in epoch seconds. Raises HandlerError."""
        last_slot = None
        for slot in merge(*(source.slots(series, since, until, consistent=consistent) for source in self._sources)):
            if slot != last_slot:
                yield slot
            last_slot = slot

    def extent(self, series: Series, *, consistent: bool = False) -> Extent | None:
        """The first and the last slot that hold a record, and the newest interval. Raises HandlerError."""
        extents = [source.extent(series, consistent=consistent) for source in self._sources]
        held = [extent for extent in extents if extent]
        if not held:
            return None
        newest = max(held, key=attrgetter("last"))
        return newest._replace(first=min(extent.first for extent in held))
