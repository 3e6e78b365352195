"""Text for stderr and the log: one line, without control characters and without credentials.

Errors of libraries contain their arguments, such as a header with its token or a proxy with its password. So everything
for these two streams passes through `safe_text`. It redacts the credentials of this process by value (`hide`, called by
secret_values.py), and user and password of any other URL by position.
"""

import re
from base64 import b64encode
from collections.abc import Iterable, Iterator
from json import dumps
from logging import LogRecord
from threading import Lock
from urllib.parse import quote, quote_plus, unquote

MAX_CHARACTERS = 8000
"""A host or a file can put megabytes into a message."""
MIN_CHARACTERS = 3
"""A shorter part of a credential is not redacted: it would be found inside other words."""
MIN_CHARACTERS_INSIDE_WORDS = 6
"""A shorter one is only redacted if it is a whole word."""


class RecordLine(str):
    """A record's JSON, as the last argument of a log message: printed unchanged, so that `load` can read it."""

    __slots__ = ()


def safe_text(text: object) -> str:
    """One printable line without credentials: `<HTTP_PROXY>` stands for what that variable holds."""
    found = redacted(str(text))
    if len(found) > MAX_CHARACTERS:
        found = f"{found[:MAX_CHARACTERS]}… ({len(found) - MAX_CHARACTERS} more characters)"
    return escaped(found)


def safe_message(record: LogRecord) -> str:
    """The safe text of a log record, without a traceback; a RecordLine at its end stays as it is."""
    message = record.getMessage()
    last = record.args[-1] if isinstance(record.args, tuple) and record.args else None
    line = last if isinstance(last, RecordLine) else ""
    text = message.removesuffix(line).rstrip("\n")
    if record.exc_info and (error := record.exc_info[1]):
        text += f": {type(error).__name__}: {error}"
    return safe_text(text) + line


def escaped(text: str) -> str:
    r"""The text with characters that are not printable as `\x1b`, `\n`, `\u202e`."""
    if text.isprintable():
        return text
    return "".join(one if one.isprintable() else one.encode("unicode_escape").decode() for one in text)


def redacted(text: str) -> str:
    """The text without hidden values, and without user and password of any URL in it."""
    lowered = text.lower()
    if found := [spelling for spelling in _names() if spelling in lowered]:
        pattern = re.compile("|".join(map(_pattern, found)), re.IGNORECASE)
        text = pattern.sub(lambda match: f"<{_names().get(match[0].lower(), 'credential')}>", text)
    if "@" in text:
        text = "".join(map(_without_user, re.split(r"(\s+)", text)))
    return text


def hide(name: str, *values: str) -> None:
    """From now on redact these values in every spelling, as `<name>`, instead of the name's previous values."""
    if _hidden.get(name) != values:
        with _lock:
            _hidden[name] = values
            _cache.clear()


def _without_user(word: str) -> str:
    head, at, host = word.rpartition("@")
    before, slashes, user = head.partition("//")
    is_named = user[:1] == "<" and user[1:-1] in _hidden
    return f"{before}//***@{host}" if at and slashes and not is_named else word


_lock = Lock()
_hidden: dict[str, tuple[str, ...]] = {}
_cache: list[dict[str, str]] = []


def _names() -> dict[str, str]:
    """Every spelling of every hidden value, in lower case, and its name; the longest first."""
    with _lock:
        if not _cache:
            pairs = [(spelling.lower(), name) for name, values in _hidden.items() for spelling in _spellings(values)]
            longest_first = sorted(pairs, key=lambda pair: -len(pair[0]))
            names: dict[str, str] = {}
            for spelling, name in longest_first:
                if len(spelling) >= MIN_CHARACTERS:
                    names.setdefault(spelling, name)  # of two names for one value the first, which is the variable's
            _cache.append(names)
        return _cache[0]


def _pattern(spelling: str) -> str:
    pattern = re.escape(spelling)
    return pattern if len(spelling) >= MIN_CHARACTERS_INSIDE_WORDS else rf"(?<![^\W_]){pattern}(?![^\W_])"


def _spellings(values: Iterable[str]) -> Iterator[str]:
    """Each value as headers, URLs, Python's repr and JSON write it."""
    for text in {form for value in values for form in (value, unquote(value))}:
        yield text
        yield repr(text)[1:-1]
        yield dumps(text)[1:-1]
        for encoding in ("utf-8", "latin-1"):
            data = text.encode(encoding, "backslashreplace")
            yield repr(data)[2:-1]
            yield b64encode(data).decode().rstrip("=")
            yield from (quote(data), quote(data, safe=""), quote_plus(data))
