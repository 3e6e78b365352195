"""DynamoDB tables as sources: their items become lines, read page by page."""

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any

from .source import Items, Range

if TYPE_CHECKING:
    from ..stores.table import Table


def open_tables(
    addresses: Sequence[tuple[str, str | None]], pairs: Sequence[str], asked: Range, now: float
) -> list[Items]:
    """The items of these pairs in each table, given by name and region."""
    if not addresses:
        return []
    from ..stores.table import Table  # boto3 is optional, and slow to load

    return [table_items(Table(name, region=region), pairs, asked, now) for name, region in addresses]


def table_items(table: "Table", pairs: Sequence[str], asked: Range, now: float) -> Items:
    """The items of a table, and of each pair the very first, so that the time before it is known."""
    from ..stores.item import record_from_item

    since, until = asked.since or 0, now if asked.until is None else asked.until

    def items() -> Iterator[Any]:
        for pair in pairs:
            yield from islice(table.items(pair, 0, since), 1)
            yield from table.items(pair, since, until)

    return Items(f"table {table.name}", items(), record_from_item)
