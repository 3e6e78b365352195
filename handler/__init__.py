"""Order book imbalance of Binance pairs, measured every minute and kept.

The public API, for scripts and notebooks, is what `__all__` names; everything else may change. The repository keeps
this package as `handler`; installed, it is `obi`:

    from obi import read
    read("obi/").df()
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .book import measure, parse_depth
    from .errors import HandlerError
    from .reading.source import read
    from .record import Record
    from .stores.folder import Folder
    from .stores.table import Table

__all__ = ["Folder", "HandlerError", "Record", "Table", "__version__", "measure", "parse_depth", "read"]
__version__ = "1.0.0"

_MODULES = {
    "Folder": ".stores.folder",
    "HandlerError": ".errors",
    "Record": ".record",
    "Table": ".stores.table",
    "measure": ".book",
    "parse_depth": ".book",
    "read": ".reading.source",
}  # name → its module, imported when the name is first used: boto3 and duckdb take longer than all else


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_MODULES[name], __name__), name)
