"""Flags beat environment beats defaults; what cannot be is refused in one sentence that names the culprit."""

from collections.abc import Mapping, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handler.errors import UsageError
from handler.exchanges.binance_pairs import Pair
from handler.options import OPTIONS
from handler.settings import Settings, check_base_url

VARIABLES = {option.flag: option.variable for option in OPTIONS.values() if option.variable}
MINIMAL = {"--symbol": ["BTC"]}


def read(flags: Mapping[str, Sequence[str] | None] = MINIMAL, **environment: str) -> Settings:
    return Settings.read(flags, environment)


def test_a_symbol_is_all_that_is_needed() -> None:
    settings = read()
    pair = Pair("BTCUSDT", word="BTC", quote="USDT")
    assert settings == Settings((pair,), (5,), 60, ("https://data-api.binance.vision",), None, 0)
    assert settings.symbols == ("BTCUSDT",)


FLAGS = [
    ("--symbol", "symbols", ["btc", "eth,sol"], ("BTCUSDT", "ETHUSDT", "SOLUSDT")),
    ("--levels", "levels", ["20", "5"], (20, 5)),
    ("--interval_seconds", "interval_seconds", ["10"], 10),
    ("--quote", "symbols", ["eur"], ("BTCEUR",)),
    ("--base-url", "base_urls", ["http://a", "http://b"], ("http://a", "http://b")),
    ("--table", "table", ["mine"], "mine"),
    ("--retention-days", "retention_days", ["7"], 7),
]


@pytest.mark.parametrize(("flag", "field", "words", "value"), FLAGS)
def test_flags_beat_the_environment(flag: str, field: str, words: list[str], value: object) -> None:
    assert getattr(read({**MINIMAL, flag: words}), field) == value
    assert getattr(read({**MINIMAL, flag: words}, **{VARIABLES[flag]: ",nonsense,"}), field) == value


@pytest.mark.parametrize(("flag", "field", "words", "value"), FLAGS)
def test_the_environment_beats_the_defaults(flag: str, field: str, words: list[str], value: object) -> None:
    environment = {"OBI_SYMBOLS": "BTC", VARIABLES[flag]: " , ".join(words)}
    assert getattr(read({flag: None}, **environment), field) == value


@pytest.mark.parametrize("flag", sorted(VARIABLES.keys() - {"--symbol"}))
def test_an_empty_variable_is_one_that_is_not_set(flag: str) -> None:
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
def test_symbols_keep_their_order_and_come_once(words: list[str], symbols: tuple[str, ...]) -> None:
    assert read({"--symbol": words}).symbols == symbols


def test_the_quote_asset_may_be_in_small_letters() -> None:
    assert read({"--symbol": ["eth"], "--quote": ["btc"]}).symbols == ("ETHBTC",)


@pytest.mark.parametrize("words", [["BTC", "BTC/USDT"], ["BTC/USDT", "BTC"], ["BTC", "BTCUSDT"]])
def test_a_pair_that_is_also_given_whole_needs_no_hint(words: list[str]) -> None:
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
def test_a_base_url_is_kept_without_the_slash_at_its_end(word: str, url: str) -> None:
    assert check_base_url(word) == url


NO_BASE_URLS = [
    *("", "api.binance.com", "//host", "http://", "http:///path", "https:host", "ftp://host", "file:///etc/passwd"),
    *("http://host:0", "http://host:99999", "http://host:port", "http://ho st", "http://[::1", "http://host/\n"),
    *("http://host?a=b", "http://host#a", "HTTP//host"),
    *("http://host?", "http://host/path?", "http://host#"),
]


@pytest.mark.parametrize("word", NO_BASE_URLS)
def test_what_is_no_base_url_is_refused(word: str) -> None:
    with pytest.raises(UsageError, match=r"is not a base URL: give http:// or https://"):
        check_base_url(word)


@given(st.text() | st.text("htps:/[]@?#.0123456789 ").map("http://".__add__))
def test_any_text_is_a_base_url_or_refused(word: str) -> None:
    try:
        assert check_base_url(word).lower().startswith(("http://", "https://"))
    except UsageError as error:
        assert "\n" not in str(error)  # noqa: PT017 - either outcome is fine


@pytest.mark.parametrize(
    ("flag", "word", "variable"),
    [
        ("--levels", "0", "OBI_LEVELS"),
        ("--levels", "5001", "OBI_LEVELS"),
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
def test_a_bad_value_is_refused_under_the_name_it_was_given_by(flag: str, word: str, variable: str) -> None:
    with pytest.raises(UsageError, match=f"^{flag} ") as by_flag:
        read({**MINIMAL, flag: [word]})
    with pytest.raises(UsageError, match=f"^{variable} ") as by_variable:
        read({} if flag == "--symbol" else MINIMAL, **{variable: word})
    assert str(by_flag.value).removeprefix(flag) == str(by_variable.value).removeprefix(variable)
    assert str(by_flag.value).isprintable()


@pytest.mark.parametrize(
    ("pairs", "levels", "seconds"), [(20, 5, 1), (4, 101, 1), (2, 501, 1), (24, 5000, 60), (1, 5000, 3)]
)
def test_weight_up_to_the_limit_is_allowed_and_one_pair_more_is_not(pairs: int, levels: int, seconds: int) -> None:
    def ask(number: int) -> Settings:
        symbols = [f"A{index}" for index in range(number)]
        return read({"--symbol": symbols, "--levels": ["1", str(levels)], "--interval_seconds": [str(seconds)]})

    assert len(ask(pairs).symbols) == pairs
    with pytest.raises(UsageError, match=f"^{pairs + 1} symbols x weight .* 6000"):
        ask(pairs + 1)
