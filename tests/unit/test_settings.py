"""Flags beat environment beats defaults; an invalid value is rejected in one sentence that names it."""

from collections.abc import Mapping, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handler.bootstrap import build_table
from handler.cli.parser import Parser
from handler.errors import UsageError
from handler.exchanges.binance_pairs import Pair
from handler.options import OPTIONS, Options
from handler.record import Depth
from handler.settings import Settings, check_base_url, read_count, read_table

VARIABLES = {option.flag: option.variable for option in OPTIONS.values() if option.variable}
MINIMAL = {"--symbol": ["BTC"]}


def read(flags: Mapping[str, Sequence[str] | None] = MINIMAL, **environment: str) -> Settings:
    return Settings.read(flags, environment)


def test_defaults() -> None:
    """A symbol is all that is needed."""
    settings = read()
    pair = Pair("BTCUSDT", word="BTC", quote="USDT")
    assert settings == Settings(
        market_name="spot",
        pairs=(pair,),
        depths=(Depth(5),),
        limit=5,
        interval_seconds=60,
        base_urls=("https://data-api.binance.vision",),
        table=None,
        retention_days=0,
    )
    assert settings.symbols == ("BTCUSDT",)


FLAGS = [
    ("--symbol", "symbols", ["btc", "eth,sol"], ("BTCUSDT", "ETHUSDT", "SOLUSDT")),
    ("--levels", "depths", ["20", "5"], (Depth(20), Depth(5))),
    ("--bps", "depths", ["10", "50"], (Depth(1000, 10), Depth(1000, 50))),
    ("--limit", "limit", ["100"], 100),
    ("--market", "market_name", ["usdm"], "usdm"),
    ("--interval_seconds", "interval_seconds", ["10"], 10),
    ("--quote", "symbols", ["eur"], ("BTCEUR",)),
    ("--base-url", "base_urls", ["http://a", "http://b"], ("http://a", "http://b")),
    ("--table", "table", ["mine"], "mine"),
    ("--retention-days", "retention_days", ["7"], 7),
]


@pytest.mark.parametrize(("flag", "field", "words", "value"), FLAGS)
def test_flags_beat_environment(flag: str, field: str, words: list[str], value: object) -> None:
    """Flags beat the environment."""
    assert getattr(read({**MINIMAL, flag: words}), field) == value
    assert getattr(read({**MINIMAL, flag: words}, **{VARIABLES[flag]: ",nonsense,"}), field) == value


@pytest.mark.parametrize(("flag", "field", "words", "value"), FLAGS)
def test_environment_beats_defaults(flag: str, field: str, words: list[str], value: object) -> None:
    """The environment beats the defaults."""
    environment = {"OBI_SYMBOLS": "BTC", VARIABLES[flag]: " , ".join(words)}
    assert getattr(read({flag: None}, **environment), field) == value


@pytest.mark.parametrize("flag", sorted(VARIABLES.keys() - {"--symbol"}))
def test_empty_variable(flag: str) -> None:
    """An empty variable is one that is not set."""
    assert read(MINIMAL, **{VARIABLES[flag]: ""}) == read()


@pytest.mark.parametrize(
    ("words", "symbols"),
    [
        (["btc", " BTC ", "BTCUSDT", "btcusdt"], ("BTCUSDT",)),
        (["ETH", "BTC", "ETH"], ("ETHUSDT", "BTCUSDT")),
        ([" eth , btc "], ("ETHUSDT", "BTCUSDT")),
        (["1000SATS"], ("1000SATSUSDT",)),
        (["BTC", "ETH/BTC", "btc/usdc", "BTC/USDT"], ("BTCUSDT", "ETHBTC", "BTCUSDC")),
    ],
)
def test_symbols(words: list[str], symbols: tuple[str, ...]) -> None:
    """Symbols keep their order and come once."""
    assert read({"--symbol": words}).symbols == symbols


def test_quote_in_lower_case() -> None:
    """The quote asset may be in lower case."""
    assert read({"--symbol": ["eth"], "--quote": ["btc"]}).symbols == ("ETHBTC",)


@pytest.mark.parametrize("words", [["BTC", "BTC/USDT"], ["BTC/USDT", "BTC"], ["BTC", "BTCUSDT"]])
def test_pair_given_twice(words: list[str]) -> None:
    """A pair that is also given whole needs no hint."""
    assert [pair.hint for pair in read({"--symbol": words}).pairs] == [""]


@pytest.mark.parametrize(
    ("word", "url"),
    [
        ("https://api.binance.com", "https://api.binance.com"),
        ("http://127.0.0.1:8080/", "http://127.0.0.1:8080"),
        ("http://[::1]:80", "http://[::1]:80"),
        ("http://localhost/mirror/", "http://localhost/mirror"),
        ("https://user:secret@proxy.example", "https://user:secret@proxy.example"),
    ],
)
def test_base_url(word: str, url: str) -> None:
    """A base URL is kept without the slash at its end."""
    assert check_base_url(word) == url


NO_BASE_URLS = [
    *("", "api.binance.com", "//host", "http://", "http:///path", "https:host", "ftp://host", "file:///etc/passwd"),
    *("http://host:0", "http://host:99999", "http://host:port", "http://ho st", "http://[::1", "http://host/\n"),
    *("http://host?a=b", "http://host#a", "HTTP//host"),
    *("http://host?", "http://host/path?", "http://host#"),
]


@pytest.mark.parametrize("word", NO_BASE_URLS)
def test_invalid_base_url(word: str) -> None:
    """Anything but a base URL is refused."""
    with pytest.raises(UsageError, match=r"is not a base URL: give http:// or https://"):
        check_base_url(word)


@given(st.text() | st.text("htps:/[]@?#.0123456789 ").map("http://".__add__))
def test_any_base_url(word: str) -> None:
    """Any text is a base URL, or refused in one line."""
    try:
        assert check_base_url(word).lower().startswith(("http://", "https://"))
    except UsageError as error:
        assert "\n" not in str(error)  # noqa: PT017 - either outcome is fine


@pytest.mark.parametrize(
    ("flag", "word", "variable"),
    [
        ("--levels", "0", "OBI_LEVELS"),
        ("--levels", "5001", "OBI_LEVELS"),
        ("--bps", "0", "OBI_BPS"),
        ("--bps", "5001", "OBI_BPS"),
        ("--bps", "2.5", "OBI_BPS"),
        ("--limit", "4", "OBI_LIMIT"),
        ("--limit", "5001", "OBI_LIMIT"),
        ("--market", "coinm", "OBI_MARKET"),
        ("--market", "spot,usdm", "OBI_MARKET"),
        ("--interval_seconds", "0", "OBI_INTERVAL_SECONDS"),
        ("--interval_seconds", "86401", "OBI_INTERVAL_SECONDS"),
        ("--retention-days", "-1", "OBI_RETENTION_DAYS"),
        ("--retention-days", "36501", "OBI_RETENTION_DAYS"),
        ("--table", "one,two", "OBI_TABLE"),
        ("--quote", ",", "OBI_QUOTE"),
        ("--symbol", "BTC\x1b[2J", "OBI_SYMBOLS"),
        ("--symbol", "BTC,", "OBI_SYMBOLS"),
        ("--symbol", "A/B/C", "OBI_SYMBOLS"),
        ("--symbol", "BTC/USDT:USDT", "OBI_SYMBOLS"),
        ("--quote", "BTC/USDT", "OBI_QUOTE"),
    ],
)
def test_invalid_value(flag: str, word: str, variable: str) -> None:
    """An invalid value is refused under the name that the user gave it by."""
    with pytest.raises(UsageError, match=f"^{flag} ") as by_flag:
        read({**MINIMAL, flag: [word]})
    with pytest.raises(UsageError, match=f"^{variable} ") as by_variable:
        read({} if flag == "--symbol" else MINIMAL, **{variable: word})
    assert str(by_flag.value).removeprefix(flag) == str(by_variable.value).removeprefix(variable)
    assert str(by_flag.value).isprintable()


@pytest.mark.parametrize(
    ("pairs", "levels", "seconds"), [(20, 5, 1), (4, 101, 1), (2, 501, 1), (24, 5000, 60), (1, 5000, 3)]
)
def test_request_weight(pairs: int, levels: int, seconds: int) -> None:
    """Request weight up to the limit is allowed, and one pair more is not."""

    def ask(number: int) -> Settings:
        symbols = [f"A{index}" for index in range(number)]
        return read({"--symbol": symbols, "--levels": ["1", str(levels)], "--interval_seconds": [str(seconds)]})

    assert len(ask(pairs).symbols) == pairs
    with pytest.raises(UsageError, match=f"^{pairs + 1} symbols x weight .* 6000"):
        ask(pairs + 1)


@pytest.mark.parametrize(("pairs", "limit", "seconds"), [(20, 5, 1), (8, 100, 1), (4, 500, 1), (120, 501, 60)])
def test_request_weight_of_futures(pairs: int, limit: int, seconds: int) -> None:
    """Futures have their own weights and a limit of 2400; a limit in between costs what the next one costs."""

    def ask(number: int) -> Settings:
        symbols = [f"A{index}" for index in range(number)]
        flags = {"--symbol": symbols, "--limit": [str(limit)], "--interval_seconds": [str(seconds)]}
        return read({**flags, "--market": ["usdm"]})

    assert len(ask(pairs).symbols) == pairs or seconds == 1
    with pytest.raises(UsageError, match=r"symbols x weight .* 2400"):
        ask(2400 * seconds // 60 // {5: 2, 100: 5, 500: 10, 501: 20}[limit] + 1)


@pytest.mark.parametrize(
    ("flags", "depths", "limit"),
    [
        ({}, (Depth(5),), 5),
        ({"--bps": ["10"]}, (Depth(1000, 10),), 1000),
        ({"--bps": ["10"], "--levels": ["5"]}, (Depth(5), Depth(1000, 10)), 1000),
        ({"--bps": ["10"], "--levels": ["5000"]}, (Depth(5000), Depth(5000, 10)), 5000),
        ({"--bps": ["50", "10", "50"], "--limit": ["100"]}, (Depth(100, 50), Depth(100, 10)), 100),
        ({"--levels": ["7"], "--limit": ["300"]}, (Depth(7),), 300),
        ({"--levels": ["7"], "--market": ["usdm"]}, (Depth(7),), 10),
        ({"--bps": ["10"], "--limit": ["300"], "--market": ["usdm"]}, (Depth(500, 10),), 500),
    ],
)
def test_limit(flags: dict[str, list[str]], depths: tuple[Depth, ...], limit: int) -> None:
    """A request brings what the levels need, with a distance at least 1000, or what --limit says; levels come first."""
    settings = read({**MINIMAL, **flags})
    assert (settings.depths, settings.limit) == (depths, limit)


def test_limit_below_levels() -> None:
    """A limit that does not bring the levels is refused."""
    with pytest.raises(UsageError, match=r"^--limit 10 is less than --levels 20 needs"):
        read({**MINIMAL, "--levels": ["5", "20"], "--limit": ["10"]})


def test_host_of_futures() -> None:
    """Each market has its own default host."""
    assert read({**MINIMAL, "--market": ["usdm"]}).base_urls == ("https://fapi.binance.com",)


def test_levels_of_futures() -> None:
    """Futures have at most 1000 levels."""
    with pytest.raises(UsageError, match=r"^--levels 1001 is not a whole number from 1 to 1000"):
        read({**MINIMAL, "--market": ["usdm"], "--levels": ["1001"]})


@pytest.mark.parametrize(("pairs", "seconds"), [(19, 1), (80, 5), (133, 10)])
def test_request_weight_of_overlapping_invocations(pairs: int, seconds: int) -> None:
    """Requests beyond one every interval count too."""

    def settings(number: int) -> Settings:
        symbols = [f"A{index}" for index in range(number)]
        return read({"--symbol": symbols, "--interval_seconds": [str(seconds)]})

    settings(pairs).check_weight(extra_requests=3)
    with pytest.raises(UsageError, match=r"and 3 times a minute more \(where invocations overlap\) are \d+ of request"):
        settings(pairs + 1).check_weight(extra_requests=3)


def read_number(flag: str, word: str) -> object:
    if flag == "--count":
        return read_count(Options({flag: [word]}, {}))
    if flag == "--levels":
        return max(depth.levels for depth in read({**MINIMAL, flag: [word]}).depths)
    if flag == "--bps":
        return max(depth.bps or 0 for depth in read({**MINIMAL, flag: [word]}).depths)
    return getattr(read({**MINIMAL, flag: [word]}), flag[2:].replace("-", "_"))


BOUNDS = [
    ("--levels", 1, 5000),
    ("--bps", 1, 5000),
    ("--limit", 5, 5000),
    ("--interval_seconds", 1, 86_400),
    ("--retention-days", 0, 36_500),
    ("--count", 1, 999_999_999),
]


@pytest.mark.parametrize(("flag", "minimum", "maximum"), BOUNDS)
def test_bounds(flag: str, minimum: int, maximum: int) -> None:
    """Numbers are taken from the minimum to the maximum, and no others."""
    for number in (minimum, maximum):
        assert read_number(flag, str(number)) == number
    for number in (minimum - 1, maximum + 1):
        with pytest.raises(UsageError, match=f"^{flag} "):
            read_number(flag, str(number))


@pytest.mark.parametrize("word", ["0000000060", "6_0", "٦٠", "+60", "60.0", "1e1"])
def test_number_that_is_not_plain(word: str) -> None:
    """A number is at most nine digits, and nothing else."""
    with pytest.raises(UsageError, match=r"^--interval_seconds "):
        read_number("--interval_seconds", word)


def test_count_is_optional() -> None:
    """Without a count the runner goes on for ever."""
    assert read_count(Options({}, {})) is None


def test_required_table() -> None:
    """A command that needs a table says how to give one."""
    assert read({**MINIMAL, "--table": ["obi"]}).table == read_table(Options({"--table": ["obi"]}, {})) == "obi"
    with pytest.raises(UsageError, match="--table"):
        build_table(read(), None)
    with pytest.raises(UsageError, match="--table"):
        read_table(Options({}, {}))


def test_symbol_is_required() -> None:
    """Without any symbol nothing can be sampled."""
    with pytest.raises(UsageError):
        read({"--symbol": []})


def test_password_is_not_printed() -> None:
    """A URL that is refused is named without its user and password."""
    with pytest.raises(UsageError, match=r"'host'") as error:
        check_base_url("ftp://user:secret@host")
    assert "secret" not in str(error.value)


@pytest.mark.parametrize("url", ["http://user@host/path@more", "http://host/a@b"])
def test_at_sign_in_path(url: str) -> None:
    """Where a name ends and the host begins would be a guess."""
    with pytest.raises(UsageError):
        check_base_url(url)


LISTS = ("--symbol", "--market", "--levels", "--bps", "--base-url")


@pytest.mark.parametrize("flag", LISTS)
def test_flag_with_several_words(flag: str) -> None:
    """Symbols, levels and hosts take several words."""
    assert Parser("", "", (flag,)).read([flag, "a", "b"])[flag] == ["a", "b"]


@pytest.mark.parametrize("flag", sorted(VARIABLES.keys() - set(LISTS)))
def test_flag_with_one_word(flag: str) -> None:
    """All other flags take one word."""
    assert Parser("", "", (flag,)).read([flag, "a"])[flag] == ["a"]
    with pytest.raises(UsageError):
        Parser("", "", (flag,)).read([flag, "a", "b"])


@pytest.mark.parametrize("flag", sorted(VARIABLES))
def test_flag_is_named_though_the_variable_is_set(flag: str) -> None:
    """The error names what was used: the flag, if both were given."""
    with pytest.raises(UsageError, match=f"^{flag} "):
        read({**MINIMAL, flag: [","]}, **{VARIABLES[flag]: "!"})
