"""Order book imbalance of Binance pairs, measured every minute and kept.

The public API, for scripts and notebooks: `from handler import Record, Table`. Everything else may change.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from handler.book import measure
    from handler.errors import HandlerError
    from handler.exchanges.binance import parse_depth
    from handler.record import Record
    from handler.stores.table import Table

__all__ = ["HandlerError", "Record", "Table", "__version__", "measure", "parse_depth"]
__version__ = "0.1.0"

_MODULES = {
    "HandlerError": "handler.errors",
    "Record": "handler.record",
    "Table": "handler.stores.table",
    "measure": "handler.book",
    "parse_depth": "handler.exchanges.binance",
}
"""Name → its module, which is imported when the name is first used: boto3 alone takes longer than all else."""


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_MODULES[name]), name)
