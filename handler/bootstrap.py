"""Puts the parts together: the only module that chooses an exchange, a sampler and a store for the given settings."""

import gc
from typing import TYPE_CHECKING, Any

from handler.settings import Settings

if TYPE_CHECKING:
    from handler.exchanges.client import DepthClient
    from handler.sampler import Sampler
    from handler.stores.bulk import BulkLoader
    from handler.stores.store import RecordStore
    from handler.stores.table import Table

BOOK_OBJECTS = 20_000
"""More objects than one book of 5000 levels consists of: garbage is not collected while it is read."""


def build_exchange(settings: Settings) -> "DepthClient":
    """The exchange's market, with a connection for each pair."""
    from handler.exchanges.client import DepthClient  # requests, which the commands that only use the table do not need

    hints = {pair.symbol: pair.hint for pair in settings.pairs if pair.hint}
    return DepthClient(settings.market, settings.base_urls, connections=len(settings.pairs), hints=hints)


def build_sampler(settings: Settings, exchange: "DepthClient") -> "Sampler":
    """A sampler of every pair at every depth."""
    from handler.sampler import Sampler

    return Sampler(exchange, settings.symbols, settings.levels)


def build_table(settings: Settings, client: Any) -> "Table":
    """The table of the settings, which must name one."""
    from handler.stores.table import Table  # boto3 more than doubles the start-up time of those who do not store

    return Table(
        settings.required_table,
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
    """Collect garbage again, which the entry points disable while modules are loaded: what is loaded is not garbage."""
    gc.freeze()
    gc.set_threshold(BOOK_OBJECTS)
    gc.enable()
