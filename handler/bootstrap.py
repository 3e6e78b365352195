"""Puts the parts together: an exchange, a sampler and a store for the given settings."""

import gc
from typing import TYPE_CHECKING, Any

from handler.errors import UsageError
from handler.settings import NO_TABLE, Settings

if TYPE_CHECKING:
    from handler.exchanges.client import DepthClient
    from handler.sampler import Sampler
    from handler.stores.bulk import BulkLoader
    from handler.stores.store import RecordStore
    from handler.stores.table import Table

BOOK_OBJECTS = 20_000
"""More objects than a book of 5000 levels has, so that no collection starts while it is read."""


def build_exchange(settings: Settings) -> "DepthClient":
    """A client of the settings' market, with a connection for each pair."""
    from handler.exchanges.client import DepthClient  # requests, which the commands that only use the table do not need

    hints = {pair.symbol: pair.hint for pair in settings.pairs if pair.hint}
    return DepthClient(settings.market, settings.base_urls, connections=len(settings.pairs), hints=hints)


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


def open_table(name: str) -> "RecordStore":
    """The table of this name, to read from. Raises TableError if AWS is configured wrongly."""
    from handler.stores.table import Table

    return Table(name)


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
