"""The seam between samples and what keeps them."""

from collections.abc import Sequence
from typing import NamedTuple, Protocol

from ..errors import StoreError
from ..record import Record


class FailedPut(NamedTuple):
    """A record that could not be stored, and why."""

    record: Record
    error: StoreError


class PutResult(NamedTuple):
    """The number of measurements that were stored; reasons are not counted.

    A duplicate's slot already has a measurement, which stays: a success. `different` is how many of the duplicates
    are not the measurement that is there.
    """

    stored: int = 0
    duplicates: int = 0
    failed: Sequence[FailedPut] = ()
    different: int = 0


class Store(Protocol):
    """Something that keeps records, such as a table or a folder."""

    def put(self, records: Sequence[Record], deadline: float, /) -> PutResult:
        """Store each record, retrying until `deadline` (monotonic clock); never raises.

        A plain record without data has nothing to store and is left out.
        """
