"""An answer before it is on the wire: what is said, and how it is delivered. Pure."""

import json
from enum import Enum, auto
from typing import NamedTuple

JSON = "application/json;charset=UTF-8"
HTML = "text/html"


class Delivery(Enum):
    """How an answer travels. What `Answer.amount` means is said in brackets."""

    WHOLE = auto()
    """As it should."""
    SLOW = auto()
    """As it should, but late [seconds]."""
    HANG = auto()
    """Never; the connection stays open."""
    RESET_AT_ONCE = auto()
    """Never; the connection is reset before a byte of the answer."""
    RESET_MIDWAY = auto()
    """Half of the body, then a reset (RST)."""
    CUT = auto()
    """Half of the body, then the connection is closed in good order (FIN)."""
    TRICKLE = auto()
    """Byte by byte from the first of the head on [seconds a byte]."""
    TRICKLE_BODY = auto()
    """The head at once, then the body byte by byte [seconds a byte]."""
    CLOSE_AFTERWARDS = auto()
    """As it should, then the connection is closed although keep-alive was promised [seconds later]."""
    CLOSE_ON_REUSE = auto()
    """As it should; the next request on the connection meets a close instead of an answer."""
    INTERIM = auto()
    """As it should, behind interim responses (1xx) that come with it [how many]."""
    INTERIM_LATE = auto()
    """Interim responses at once, the final response later [seconds]."""
    SURPLUS = auto()
    """As it should, and in the same breath a second whole response that nobody asked for."""
    SURPLUS_LATE = auto()
    """As it should, and later such a response on the connection, if it is idle then [seconds]."""
    REPEAT = auto()
    """The body is one endlessly repeated piece of a JSON list, in chunks [megabytes in all]."""


class Answer(NamedTuple):
    """One answer. `headers` are those beyond what every answer has, or in place of one of them."""

    status: int
    body: bytes = b""
    content_type: str = JSON
    headers: tuple[tuple[str, str], ...] = ()
    delivery: Delivery = Delivery.WHOLE
    amount: float = 0.0


def error(status: int, code: int, message: str, *headers: tuple[str, str]) -> Answer:
    """The exchange's own kind of error: errors.md, "Errors consist of two parts"."""
    body = json.dumps({"code": code, "msg": message}, separators=(",", ":"), ensure_ascii=False)
    return Answer(status, body.encode(), headers=headers)


def nginx(status: int, title: str) -> Answer:
    """The page of the reverse proxy in front of the exchange, which knows no JSON."""
    page = (
        f"<html>\r\n<head><title>{title}</title></head>\r\n<body>\r\n"
        f"<center><h1>{title}</h1></center>\r\n<hr><center>nginx</center>\r\n</body>\r\n</html>\r\n"
    )
    return Answer(status, page.encode(), HTML)
