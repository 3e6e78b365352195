"""Data that stands in a text as base64 or as a list of numbers, collected in pieces. Pure."""

import base64
import re

MAX_DATA_CHARACTERS = 2**24
"""CloudWatch and Firehose make pieces of up to 1.4 million."""

_BASE64_HEADS = ("H4sI", "eyJ", "eyA", "ewo", "W3s", "QlpoO", "/Td6WF", "UEsDB")
"""Of gzip; `{"`, `{ `, `{` and a line end, `[{`; bzip2, xz and zip."""
BASE64_START = " | ".join(f"{head}[A-Za-z0-9+/]{{60}}" for head in _BASE64_HEADS)
NUMBERS_START = r"\[ (?: \s{0,20} [0-9]{1,3} \s{0,20} , ){60}"
"""Patterns in the verbose syntax."""

_BASE64, _NUMBERS = re.compile(r"[A-Za-z0-9+/\\]*+"), re.compile(r"[\[0-9,\s]*+")
_NUMBER = re.compile("[0-9]{1,4}")


class EncodedData:
    """The characters of encoded data, as far as the text has come."""

    def __init__(self) -> None:
        self._characters: re.Pattern[str] | None = None
        self._pieces: list[str] = []
        self.length = 0
        """In characters."""
        self.line_ends = 0

    @property
    def is_too_long(self) -> bool:
        """Whether it has more than MAX_DATA_CHARACTERS, the last of which are not kept."""
        return self.length > MAX_DATA_CHARACTERS

    @property
    def text(self) -> str:
        """What is kept of it, as it was written."""
        return "".join(self._pieces)

    def take(self, text: str, start: int = 0) -> int:
        """Take what follows it in a text, at first what begins it; gives where that ends."""
        self._characters = self._characters or (_NUMBERS if text[start] == "[" else _BASE64)
        match = self._characters.match(text, start)
        end = match.end() if match else start
        if not self.is_too_long:
            self._pieces.append(text[start:end])
        self.length += end - start
        self.line_ends += text.count("\n", start, end)
        return end

    def decode(self) -> bytes:
        """The bytes; of base64 whose end is missing as many as there are, none if a number is no byte."""
        return _from_base64(self.text) if self._characters is _BASE64 else _from_numbers(self.text)


def _from_base64(text: str) -> bytes:
    text = text.replace("\\", "")
    text = text[: len(text) - (len(text) % 4 == 1)]
    return base64.b64decode(text + "=" * (-len(text) % 4))


def _from_numbers(text: str) -> bytes:
    try:
        return bytes(int(match[0]) for match in _NUMBER.finditer(text))
    except ValueError:
        return b""
