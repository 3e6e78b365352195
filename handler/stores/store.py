"""What every place that records are read from or stored in offers. Pure: no AWS."""

from collections.abc import Iterator
from typing import NamedTuple, Protocol

from handler.record import Record, series
from handler.sinks import Store


class Series(NamedTuple):
    """The records of one pair, as the exchange spells it, at one depth."""

    symbol: str
    levels: int

    @property
    def key(self) -> str:
        """The table's partition key, and what `--gaps` prints."""
        return series(self.symbol, self.levels)


class RecordSource(Protocol):
    """Where records can be read. Moments are epoch seconds; methods raise HandlerError if reading fails."""

    @property
    def description(self) -> str:
        """What messages call it, such as `table obi`."""

    def read(self, series: Series, since: float, until: float, *, detail: bool = True) -> Iterator[tuple[str, Record]]:
        """The records of the slots in [since, until), each with its slot (`2026-11-22T10:00:00Z`), in time order.

        They are read as they are consumed. Without `detail` only the six keys need to be set.
        """

    def slots(self, series: Series, since: float, until: float, *, consistent: bool = False) -> Iterator[int]:
        """The slots in [since, until) that hold a record, in time order, in epoch seconds.

        `consistent`: including everything that was stored before the call, even if that costs more.
        """

    def slot_range(self, series: Series, *, consistent: bool = False) -> tuple[int, int] | None:
        """The first and the last slot that hold a record, in epoch seconds; None if none does."""


class RecordStore(RecordSource, Store, Protocol):
    """Where records can be read and stored."""
