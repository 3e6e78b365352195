"""Puts the parts together: an exchange, a sampler and a store for the given settings."""

import gc
from collections.abc import Callable, Collection, Sequence
from typing import TYPE_CHECKING, Any

from handler.errors import UsageError
from handler.record import Series
from handler.settings import NO_TABLE, Settings, read_table_address

if TYPE_CHECKING:
    from handler.exchanges.client import DepthClient
    from handler.sampler import Sampler
    from handler.stores.bulk import BulkLoader
    from handler.stores.record_files import RecordFiles
    from handler.stores.store import RecordSource
    from handler.stores.table import Table

BOOK_OBJECTS = 20_000
"""More objects than a book of 5000 levels has, so that no collection starts while it is read."""


def build_exchange(settings: Settings, *, freezes: bool = False) -> "DepthClient":
    """A client of the settings' market, with a connection for each pair. `freezes`: see DepthClient."""
    from handler.exchanges.client import DepthClient  # requests, which the commands that only use the table do not need

    hints = {pair.symbol: pair.hint for pair in settings.pairs if pair.hint}
    connections = len(settings.pairs)
    return DepthClient(settings.market, settings.base_urls, connections=connections, hints=hints, freezes=freezes)


def build_sampler(settings: Settings, exchange: "DepthClient", *, detail: bool = True) -> "Sampler":
    """A sampler of every pair at every depth, of records with or without detail."""
    from handler.sampler import Sampler

    return Sampler(
        exchange,
        settings.symbols,
        settings.depths,
        limit=settings.limit,
        interval_seconds=settings.interval_seconds,
        market=settings.market_name,
        detail=detail,
    )


def build_table(settings: Settings, client: Any) -> "Table":
    """The table of the settings. Raises UsageError if they name none."""
    from handler.stores.table import Table  # boto3 more than doubles the start-up time

    if settings.table is None:
        raise UsageError(NO_TABLE)
    return Table(
        settings.table,
        interval_seconds=settings.interval_seconds,
        retention_days=settings.retention_days,
        client=client,
    )


def open_tables(addresses: Sequence[str]) -> "RecordSource":
    """The tables NAME or NAME@REGION, read as one. Raises UsageError, or TableError if AWS is configured wrongly."""
    from handler.stores.merged import MergedSources
    from handler.stores.table import Table

    tables = [Table(name, region=region) for name, region in map(read_table_address, addresses)]
    return tables[0] if len(tables) == 1 else MergedSources(tables)


def open_files(
    names: Sequence[str],
    *,
    wanted: Collection[Series] | None,
    since: float,
    until: float,
    default_interval_seconds: int,
    hint: Callable[[str], str],
) -> "RecordFiles":
    """The records of files, as `RecordFiles` describes them."""
    from handler.stores.record_files import RecordFiles

    return RecordFiles(
        names,
        wanted=wanted,
        since=since,
        until=until,
        default_interval_seconds=default_interval_seconds,
        hint=hint,
    )


def open_bulk_loader(name: str, *, interval_seconds: int, retention_days: int) -> "BulkLoader":
    """What loads many records into the table of this name. Raises TableError if AWS is configured wrongly."""
    from handler.stores.bulk import BulkLoader
    from handler.stores.table import Table

    return BulkLoader(Table(name, interval_seconds=interval_seconds, retention_days=retention_days))


def resume_garbage_collection() -> None:
    """Collect garbage again: the entry points disable it while modules are loaded, since those are not garbage."""
    gc.freeze()
    gc.set_threshold(BOOK_OBJECTS)
    gc.enable()
