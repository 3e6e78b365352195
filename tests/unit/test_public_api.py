"""`import handler` gives scripts a few names, and costs nothing until one of them is used."""

import subprocess
import sys

import pytest

import handler
from handler.stores.table import Table


def test_every_public_name_is_there() -> None:
    assert {name for name in handler.__all__ if hasattr(handler, name)} == set(handler.__all__)
    assert handler.Table is Table


def test_a_book_is_measured_with_public_names_alone() -> None:
    book = handler.parse_depth(b'{"bids":[["99","3"]],"asks":[["101","1"]]}')
    assert handler.measure(book, levels=5).obi_quantity == 0.5


def test_any_other_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="'handler' has no attribute 'Tables'"):
        _ = handler.Tables


def test_importing_it_imports_no_library_and_no_other_module() -> None:
    code = "import sys, handler; print([name for name in sys.modules if name.partition('.')[0] in sys.argv])"
    names = ("boto3", "botocore", "msgspec", "requests", "urllib3", "handler")
    command = [sys.executable, "-c", code, *names]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=True)
    assert done.stdout == "['handler']\n"
