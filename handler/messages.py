"""Text for stderr and the log: one printable line without credentials, and not the same one again and again.

Credentials should not be in a message at all, since each adapter says in its own words what failed. Where a library's
words are quoted nevertheless, `safe_text` cuts user and password out of URLs, and replaces the values of AWS variables.
"""

import os
import re
from collections.abc import Mapping
from logging import LogRecord
from threading import Lock

from .clock import Clock
from .slots import DAY_SECONDS

QUIET_SECONDS = 3600.0  # without trouble, after which it is new again
MAX_CHARACTERS = 8000  # a host or a file can put megabytes into a message
MIN_SECRET_CHARACTERS = 6  # the keys of local tables are often words such as `test`
SECRET_VARIABLES = (
    *("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_SECURITY_TOKEN"),
    *("AWS_CONTAINER_AUTHORIZATION_TOKEN", "AWS_BEARER_TOKEN_DYNAMODB"),
)
_URL_USER = re.compile(r"//[^\s]*@")


def safe_text(text: object, environment: Mapping[str, str] = os.environ) -> str:
    """Return one printable line without users and passwords of URLs, and `<NAME>` for values of SECRET_VARIABLES."""
    found = str(text)
    for name in SECRET_VARIABLES:
        value = environment.get(name, "").strip()
        if len(value) >= MIN_SECRET_CHARACTERS:
            found = found.replace(value, f"<{name}>")
    found = _URL_USER.sub("//", found)
    if len(found) > MAX_CHARACTERS:
        half = MAX_CHARACTERS // 2  # a traceback says at its end what happened
        found = f"{found[:half]}… ({len(found) - 2 * half} more characters) …{found[-half:]}"
    return escaped(found)


def safe_message(record: LogRecord) -> str:
    """Return the safe text of a log record, without a traceback."""
    text = record.getMessage()
    if record.exc_info and (error := record.exc_info[1]):
        text += f": {type(error).__name__}: {error}"
    return safe_text(text)


def escaped(text: str) -> str:
    r"""Return the text with `\x1b`, `\n`, `\u202e` for characters that are not printable."""
    if text.isprintable():
        return text
    return "".join(one if one.isprintable() else one.encode("unicode_escape").decode() for one in text)


class Episodes:
    """Decides which trouble to log: trouble that did not occur in the last hour and, while it lasts, once a day.

    Threads share it. Times are by the wall clock, since the monotonic clock may stand still in Lambda.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._known: dict[tuple[object, ...], tuple[float, float]] = {}  # when it is over, and when it was logged
        self._lock = Lock()

    def is_new(self, *trouble: object, seconds: float = 0.0) -> bool:
        """Note trouble that will last for `seconds`; returns whether to log it."""
        with self._lock:
            now = self._clock.time()
            over_at, logged_at = self._known.get(trouble, (now, now))
            is_new = not logged_at <= now < min(over_at, logged_at + DAY_SECONDS)  # also if the clock was set back
            quiet_until = now + seconds + QUIET_SECONDS
            self._known[trouble] = (quiet_until, now) if is_new else (max(over_at, quiet_until), logged_at)
        return is_new
