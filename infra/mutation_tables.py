"""What infra/mutation.py needs to know: the tests of each module, and the mutations that it leaves out."""

OWN_TESTS = {
    "handler/book.py": ["unit/test_book.py"],
    "handler/record.py": ["unit/test_record.py", "unit/test_record_limits.py"],
    "handler/slots.py": ["unit/test_ticks.py", "unit/test_timestamps.py", "unit/test_gaps.py"],
    "handler/exchanges/binance.py": ["unit/test_responses.py", "unit/test_book.py"],
    "handler/exchanges/responses.py": ["unit/test_responses.py"],
    "handler/exchanges/hosts.py": ["unit/test_hosts.py", "integration/test_depth_client.py"],
    "handler/options.py": ["unit/test_settings.py"],
    "handler/settings.py": ["unit/test_settings.py"],
    "handler/invocation.py": ["unit/test_invocation.py"],
    "handler/runner.py": ["unit/test_runner.py"],
    "handler/sinks.py": ["unit/test_sinks.py"],
    "handler/stores/bulk.py": ["unit/test_bulk.py"],
}
"""Module → its tests, below `tests/`."""

TUNING = "a tuning value: any near it keeps every promise"
MEMORY = "slots save memory"
SLOWER = "the exact decimal is computed more often, with the same result"
UNUSED = "threads beyond CONCURRENT_REQUESTS have nothing to do"
SAME = "both ways find the same"

BOOK, RECORD, SLOTS = "handler/book.py", "handler/record.py", "handler/slots.py"
OPTIONS = "handler/options.py"
HOSTS, SETTINGS, INVOCATION = "handler/exchanges/hosts.py", "handler/settings.py", "handler/invocation.py"
BINANCE, SINKS, BULK = "handler/exchanges/binance.py", "handler/sinks.py", "handler/stores/bulk.py"

_PRECISION = "_EXACT = Context(prec=80)  # more digits than any sum or ratio of such amounts has"
_ERROR = "_RELATIVE_ERROR = 2.0**-50  # the four roundings between an exact sum and its float cost at most 2**-51"
_IS_LAST = "is_last = index == len(self.levels) - 1"
_SPLIT = 'before_end = self.json if is_last else self.json.split(b"]", index + 1)[index]'
_DATE = 'if text.isdecimal() and not (len(text) == 8 and text >= "1970"):'
_BODY = 'raise InvalidBook(f"no order book: {error}: {body[:60]!r}") from error'
_POOL = 'self._pool = ThreadPoolExecutor(max_workers=CONCURRENT_REQUESTS - 1, thread_name_prefix="load")'

EQUIVALENT: dict[tuple[str, str, str], str] = {
    (BOOK, _PRECISION, "80 → 81"): TUNING,
    (BOOK, _PRECISION, "80 → 79"): TUNING,
    (BOOK, _ERROR, "2.0 → 1.0"): SLOWER,
    (BOOK, _ERROR, "2.0 ** (-50) → 2.0 * -50"): SLOWER,
    (BOOK, _ERROR, "-50 → 50"): SLOWER,
    (BOOK, _ERROR, "50 → 49"): SLOWER,
    (BOOK, _ERROR, "50 → 51"): "the error is no more than that",
    (BOOK, _IS_LAST, "len(self.levels) - 1 → len(self.levels) + 1"): SAME,
    (BOOK, _IS_LAST, "1 → 0"): SAME,
    (BOOK, _SPLIT, "1 → 2"): SAME,
    **{
        (
            BOOK,
            f"notional_{side}=_round({side}.approx, {side}.approx * _RELATIVE_ERROR, {side}.exact),",
            f"{side}.approx * _RELATIVE_ERROR → {side}.approx / _RELATIVE_ERROR",
        ): SLOWER
        for side in ("bid", "ask")
    },
    (
        RECORD,
        "if value_type is float and type(value) is int and abs(value) < MAX_NUMBER:",
        "abs(value) < MAX_NUMBER → abs(value) <= MAX_NUMBER",
    ): "no whole number equals that float",
    (SLOTS, _DATE, "text >= '1970' → text > '1970'"): "eight characters are not four",
    (HOSTS, "if until > host.cooldown_until:", "until > host.cooldown_until → until >= host.cooldown_until"): (
        "of two cooldowns that end at once either reason is true"
    ),
    (OPTIONS, "return values[0]", "0 → -1"): "there is one value only",
    (SETTINGS, 'return options.whole_number("--retention-days", 0, MAX_RETENTION_DAYS)', "0 → -1"): (
        "a number is digits only, without a sign"
    ),
    (INVOCATION, "@dataclass(slots=True)", "True → False"): MEMORY,
    (BINANCE, _BODY, "60 → 61"): TUNING,
    (BINANCE, _BODY, "60 → 59"): TUNING,
    (SINKS, "STOP_SECONDS = 1.0", "1.0 → 2.0"): TUNING,
    (SINKS, "STOP_SECONDS = 1.0", "1.0 → 0.5"): TUNING,
    (BULK, "CONCURRENT_REQUESTS = 4", "4 → 5"): TUNING,
    (BULK, _POOL, "CONCURRENT_REQUESTS - 1 → CONCURRENT_REQUESTS + 1"): UNUSED,
    (BULK, _POOL, "1 → 0"): UNUSED,
}
"""(module, line, mutation) → why no test can tell it from the original, or should."""
