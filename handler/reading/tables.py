"""DynamoDB tables as sources: their records become lines, read page by page."""

from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from ..record import Record
from ..slots import MAX_EPOCH_SECONDS

if TYPE_CHECKING:
    from ..stores.table import Table

Address: TypeAlias = "str | tuple[str, str | None] | Table"  # NAME, NAME@REGION, both parts of it, or an open table
OnDamaged = Callable[[str], object]


class TableRecords(NamedTuple):
    """The records of some pairs in one table; `read` calls its argument with a sentence about each damaged item."""

    name: str
    read: Callable[[OnDamaged], Iterator[Record]]


def open_tables(
    addresses: Sequence[Address], pairs: Sequence[str], since: float | None, until: float | None
) -> list[TableRecords]:
    """The records of these pairs in each table. Raises StoreError if AWS is configured wrongly."""
    if not addresses:
        return []
    from ..stores.table import Table  # boto3 is optional, and slow to load

    found = []
    for address in addresses:
        if isinstance(address, str):
            name, _, region = address.partition("@")
            address = (name, region or None)
        table = Table(address[0], region=address[1]) if isinstance(address, tuple) else address
        found.append(_records(table, pairs, since or 0, MAX_EPOCH_SECONDS if until is None else until))
    return found


def _records(table: "Table", pairs: Sequence[str], since: float, until: float) -> TableRecords:
    def read(on_damaged: OnDamaged) -> Iterator[Record]:
        for pair in pairs:
            # the very first one, too: from then on slots are expected
            yield from islice(table.query(pair, since=0, until=since, on_damaged=on_damaged), 1)
            yield from table.query(pair, since=since, until=until, on_damaged=on_damaged)

    return TableRecords(table.description, read)
