"""Flags beat variables, variables beat defaults; what is invalid is refused at start, by name, with what would fit."""

import re
import shlex
from typing import Any

import pytest

from handler.errors import UsageError
from handler.options import parse, parse_share
from handler.settings import FLAGS, Settings


def read(flags: str, **environment: str) -> Settings:
    return Settings.read(parse("", "", FLAGS, shlex.split(flags), environment))


@pytest.mark.parametrize(
    ("flags", "environment", "expected"),
    [
        ("", {"OBI_SYMBOLS": "BTC"}, {"levels": 5, "interval_seconds": 60, "retention_days": 0, "limits": {"spot": 5}}),
        ("--symbol ETH", {"OBI_SYMBOLS": "BTC"}, {"pairs": ["ETHUSDT"]}),
        ("", {"OBI_SYMBOLS": "BTC usdm:BTC , ETH / BTC"}, {"pairs": ["BTCUSDT", "usdm:BTCUSDT", "ETHBTC"]}),
        ("--symbol btcusdt,Btc ' BTC ' --symbol BTCUSDT", {}, {"pairs": ["BTCUSDT"]}),
        ("--symbol BTC", {"OBI_QUOTE": "usdc"}, {"pairs": ["BTCUSDC"]}),
        ("--symbol BTC --levels 20", {"OBI_LEVELS": "10"}, {"levels": 20, "limits": {"spot": 20}}),
        ("--symbol BTC --detail", {}, {"limits": {"spot": 1000}, "is_full": True}),
        ("--symbol BTC --to obi --levels 2000", {}, {"limits": {"spot": 2000}, "folder": "obi", "is_full": True}),
        ("--symbol BTC usdm:BTC --levels 7", {}, {"limits": {"spot": 7, "usdm": 10}}),
        ("--symbol BTC --interval-seconds=7 --base_url http://a", {}, {"interval_seconds": 7}),
        ("--symbol BTC --limit 100 --table obi@eu-west-1", {}, {"table": ("obi", "eu-west-1")}),
        ("--symbol BTC", {"OBI_TABLE": "", "OBI_LEVELS": " "}, {"table": None, "levels": 5}),
        ("--symbol BTC", {}, {"base_urls": {"spot": ("https://data-api.binance.vision",)}}),
        (
            "--symbol BTC usdm:BTC --base-url spot:http://a http://[::1]:2/b/ usdm:http://u:p@c",
            {},
            {"base_urls": {"spot": ("http://a", "http://[::1]:2/b"), "usdm": ("http://[::1]:2/b", "http://u:p@c")}},
        ),
        ("--symbol BTC", {"OBI_BASE_URL": "http://a,http://b"}, {"base_urls": {"spot": ("http://a", "http://b")}}),
    ],
)
def test_values(flags: str, environment: dict[str, str], expected: dict[str, Any]) -> None:
    """Values come from the flag, else the variable, else the default; an empty variable is absent.

    `-` and `_` are the same in flags. A URL serves every market of the run, unless the market comes first.
    """
    settings = read(flags, **environment)
    for name, value in expected.items():
        found = getattr(settings, name)
        assert ([str(pair) for pair in found] if name == "pairs" else found) == value


@pytest.mark.parametrize(
    ("flags", "environment", "message"),
    [
        ("", {}, "no symbol: give --symbol BTC, or set OBI_SYMBOLS"),
        ("--symbol BTC --levels 0", {}, "--levels '0' is not a whole number from 1 to 5000"),
        ("--symbol BTC", {"OBI_LEVELS": "x"}, "OBI_LEVELS 'x' is not a whole number from 1 to 5000"),
        ("--symbol BTC,,ETH", {}, "--symbol has an empty value"),
        ("--symbol BTC --base-url ftp://x", {}, "--base-url 'ftp://x' is not a base URL"),
        ("--symbol BTC --base-url http://u:pw@h/?q", {}, "--base-url 'h/?q' is not a base URL"),
        ("--symbol BTC --base-url http://h:65536", {}, "--base-url 'http://h:65536' is not a base URL"),
        ("--symbol BTC --base-url coinm:http://u:pw@h", {}, "--base-url 'h' is not a base URL: give http(s)://HOST"),
        ("--symbol BTC --table @eu-west-1", {}, "--table '@eu-west-1' is not a table"),
        ("--symbol usdm:BTC --levels 2000", {}, "2000 levels are more than usdm has: at most 1000"),
        ("--symbol BTC --levels 50 --limit 20", {}, "--limit 20 is less than --levels 50 needs"),
        ("--symbol BTC --quote a/b", {}, "--quote a/b is not an asset"),
    ],
)
def test_invalid_value(flags: str, environment: dict[str, str], message: str) -> None:
    """What is invalid is refused in one sentence that names it."""
    with pytest.raises(UsageError, match=f"^{re.escape(message)}"):
        read(flags, **environment)


@pytest.mark.parametrize("text", ["1.5", "x", "-0.5", ""])
def test_invalid_share(text: str) -> None:
    """--min-share is from 0 to 1."""
    assert (parse_share("0.25"), parse_share("1")) == (0.25, 1.0)
    with pytest.raises(UsageError, match="is not a number from 0 to 1"):
        parse_share(text)


def pairs(count: int, market: str = "") -> str:
    return "--symbol " + " ".join(f"{market}A{number}" for number in range(count))


@pytest.mark.parametrize(
    ("flags", "advice"),
    [
        (pairs(6) + " --interval_seconds 1 --limit 1000", "give --limit 100 or sample every 3 s"),
        (pairs(121) + " --to obi --interval_seconds 3600", "give --limit 500"),
        (pairs(121) + " --to obi --levels 500", "give --limit 500"),
        (pairs(1201) + " --to obi", "give fewer pairs"),
        (pairs(121, "usdm:") + " --detail", "give --limit 500"),
        (pairs(2) + " --levels 5000 --interval_seconds 1", "sample every 5 s"),
    ],
)
def test_weight(flags: str, advice: str) -> None:
    """More request weight than a market allows is refused, with the limit and the interval that would fit."""
    with pytest.raises(UsageError, match=f": {re.escape(advice)}$"):
        read(flags)


def test_weight_that_fits() -> None:
    """120 spot pairs and 120 futures a minute are within each market's own budget, and so is what advice names."""
    read(f"{pairs(120)} {pairs(120, 'usdm:')} --to obi")
    read(pairs(6) + " --interval_seconds 3 --limit 1000")
    read(pairs(2) + " --levels 5000 --interval_seconds 5")


def test_only_lists_are_split() -> None:
    """A time may have a space in it."""
    assert parse("", "", ["--since"], ["--since", "2026-11-22 10:00"], {}).since == "2026-11-22 10:00"
