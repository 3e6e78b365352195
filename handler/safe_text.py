"""Text for stderr and the log: one line, without control characters and without credentials, whoever wrote it.

Libraries put what they were given into their errors: a header with its token, a proxy with its password. So everything
for these two streams passes `safe_text`, which knows the credentials of this process by their values (`hide`; found by
secret_values.py) and the user of any other URL by its place.
"""

import re
from base64 import b64encode
from collections.abc import Iterable, Iterator
from json import dumps
from logging import LogRecord
from threading import Lock
from urllib.parse import quote, quote_plus, unquote

MAX_CHARACTERS = 8000
"""A message is a sentence; a host or a file can put megabytes into one."""
MIN_CHARACTERS = 3
"""A shorter part of a credential is not looked for: it is a part of other words."""
MIN_CHARACTERS_INSIDE_WORDS = 6
"""A shorter one is only replaced where it is a whole word."""


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
    r"""The text with `\x1b`, `\n`, `\u202e` for what is no visible character or space."""
    if text.isprintable():
        return text
    return "".join(one if one.isprintable() else one.encode("unicode_escape").decode() for one in text)


def redacted(text: str) -> str:
    """The text without hidden values, and without what any URL in it says before its host."""
    lowered = text.lower()
    if found := [word for word in _words() if word in lowered]:
        pattern = re.compile("|".join(map(_finder, found)), re.IGNORECASE)
        text = pattern.sub(lambda match: f"<{_words().get(match[0].lower(), 'credential')}>", text)
    if "@" in text:
        text = "".join(map(_without_user, re.split(r"(\s+)", text)))
    return text


def hide(name: str, *values: str) -> None:
    """From now on replace these values by their name, however they are written, instead of those it had before."""
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


def _words() -> dict[str, str]:
    """Every spelling of every hidden value in lower case, as hosts are printed, and its name; the longest first."""
    with _lock:
        if not _cache:
            spellings = [(word.lower(), name) for name, values in _hidden.items() for word in _spellings(values)]
            longest_first = sorted(spellings, key=lambda spelling: -len(spelling[0]))
            names: dict[str, str] = {}
            for word, name in longest_first:
                if len(word) >= MIN_CHARACTERS:
                    names.setdefault(word, name)  # of two names for one value the first, which is the variable's
            _cache.append(names)
        return _cache[0]


def _finder(word: str) -> str:
    found = re.escape(word)
    return found if len(word) >= MIN_CHARACTERS_INSIDE_WORDS else rf"(?<![^\W_]){found}(?![^\W_])"


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
