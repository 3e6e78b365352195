"""Records in any text that comes in pieces: whatever stands around them, however they are quoted. Pure.

A JSON parser cannot find them: an export may be one line of a gigabyte, cut off, or JSON only in parts. So the scan
searches for a mark, a key that only records have, and reads the object around it.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple

from handler.errors import InvalidRecord
from handler.record import Record
from handler.stores.csv_rows import EMBEDDED_COLUMNS, EMBEDDED_ROW, embedded_heading, unescaped
from handler.stores.csv_rows import record_of as record_of_row
from handler.stores.encoded_data import BASE64_START, MAX_DATA_CHARACTERS, NUMBERS_START, EncodedData
from handler.stores.line_count import LineCount
from handler.stores.objects import MAX_CHARACTERS, CutOff, read_object, record_of
from handler.stores.quoting import layers_of

MAX_ENCLOSING = 20
"""Objects that are read for one key, from the innermost out: an unknown key may hold objects, and a symbol a brace."""
MAX_INVALID = 100
"""Invalid records one after the other; what follows is no log, and each costs time."""

_MARK = re.compile(
    rf"""
    notional_bid (?: (?P<quote> [\\"]{{1,999}}+ ) \s{{0,9}} : | (?P<columns> {EMBEDDED_COLUMNS} ) )
    | \{{ (?: \s | \\{{1,999}}[nrt] ){{0,99}} (?P<first_quote> [\\"]{{1,999}}+ ) timestamp (?P=first_quote) \s{{0,9}} :
      (?! \s{{0,9}} -?[0-9] )  # CloudWatch's own events have their time in milliseconds
    | {BASE64_START}
    | {NUMBERS_START}
    | {EMBEDDED_ROW}
    """,
    re.VERBOSE,
)
r"""A key of a record; `{"timestamp":`, perhaps cut off; encoded data; CSV.

Each alternative begins with a character, not a class or a group: then `re` skips all others, 3 to 8 times as fast.
"""
_MAX_MARK_CHARACTERS = 4000


class Found(NamedTuple):
    """A record, or one that is invalid, and the number of the line in which it starts, from 1."""

    line: int
    what: Record | InvalidRecord


class Scan:
    """Takes a text in pieces and gives the records in it. Holds no more than the longest of what it looks for."""

    def __init__(
        self,
        lines: LineCount,
        look_into: Callable[[bytes], Iterator[Record | InvalidRecord]],
        on_unknown_key: Callable[[str], object],
    ) -> None:
        self._lines = lines
        self._look_into = look_into
        """Gives the records in data that was written as base64 or numbers."""
        self._on_unknown_key = on_unknown_key
        self._data: EncodedData | None = None
        """Data that is longer than a record, and whose end has not come."""
        self._heading: list[str] = []
        """Of embedded CSV."""
        self._text = ""
        """What is held."""
        self._passed = 0
        """Up to here the lines are counted."""
        self._position = 0
        """From here marks are searched."""
        self._is_open = False
        """Whether the object before `_passed` was invalid there, and may go on with more of its keys."""
        self._invalid, self._skips_line = 0, False

    @property
    def is_empty(self) -> bool:
        """Whether no text is held."""
        return not self._text

    def feed(self, text: str, *, final: bool = False) -> Iterator[Found]:
        """Give the records of the next piece. `final`: nothing follows, so nothing is held for what could."""
        if self._data:
            end = self._data.take(text)
            if end < len(text) or final:
                yield from self._after(self._data)
                self._data = None
            text = text[end:]
        self._text += text
        held_from = len(self._text)
        while mark := self._next_mark():
            is_open = mark.end() == len(self._text) and not final
            found = None if is_open else self._at(mark, final)
            if found is None:
                held_from = self._position = mark.start()
                break
            yield from found
        else:
            self._position = max(self._position, len(self._text) - _MAX_MARK_CHARACTERS)
        if final:
            self._forget(len(self._text))
            self._is_open, self._invalid, self._skips_line = False, 0, False
        elif len(self._text) > 2 * MAX_CHARACTERS:
            self._forget(min(held_from, len(self._text) - MAX_CHARACTERS))

    def close(self) -> None:
        """Count the lines that are held."""
        self._forget(len(self._text))

    def _next_mark(self) -> re.Match[str] | None:
        if self._skips_line:
            end = self._text.find("\n", self._position)
            self._skips_line = end < 0
            self._position = len(self._text) if end < 0 else end
        return _MARK.search(self._text, self._position)

    def _at(self, mark: re.Match[str], final: bool) -> Iterable[Found] | None:
        """What is found at a mark; None if its end may follow."""
        if mark["quote"] or mark["first_quote"]:
            return self._around(mark, final)
        if mark["columns"]:
            self._position = mark.end()
            self._heading = embedded_heading(self._text, mark.start(), mark.end())
            return []
        return self._in_row(mark) if mark[0][0].isdigit() else self._in_data(mark, final)

    def _in_row(self, mark: re.Match[str]) -> list[Found]:
        self._position = mark.end()
        found = record_of_row(unescaped(mark[0]), self._heading, self._on_unknown_key)
        if found is None:
            return []
        if isinstance(found, InvalidRecord):
            return [self._invalid_record(mark.start(), mark.end(), str(found), is_open=False)]
        return [self._record(mark.start(), mark.end(), found)]

    def _around(self, mark: re.Match[str], final: bool) -> list[Found] | None:
        """What the object is that has this key; None if its end may follow."""
        starts = [mark.start()] if mark["first_quote"] else self._enclosing(mark.start())
        reason = "" if mark["first_quote"] or self._is_open else "its start is missing"
        may_follow = False
        for start in starts:
            try:
                layers = layers_of(mark["first_quote"] or mark["quote"])
                values, end = read_object(self._text, start, mark.end(), layers)
            except CutOff:
                may_follow |= not final and len(self._text) - start < MAX_CHARACTERS
                reason = "cut off" if len(self._text) - start < MAX_CHARACTERS else ""
            except (ValueError, RecursionError) as error:
                reason = f"cut off or not JSON: {error}"
            else:
                if mark["first_quote"] or "notional_bid" in values:
                    return self._object(mark, start, end, values)
        if may_follow:
            return None
        self._position = mark.end()
        return [self._invalid_record(starts[0] if starts else mark.start(), mark.end(), reason)] if reason else []

    def _enclosing(self, position: int) -> list[int]:
        """Where the objects begin that may be around a position, the innermost first."""
        starts: list[int] = []
        first, start = max(self._passed, position - MAX_CHARACTERS), position
        while len(starts) < MAX_ENCLOSING and (start := self._text.rfind("{", first, start)) >= 0:
            starts.append(start)
        return starts

    def _object(self, mark: re.Match[str], start: int, end: int, values: dict[str, Any]) -> list[Found]:
        found = record_of(values, self._on_unknown_key)
        if found is None:
            self._position = mark.end()  # a record may be inside
            return []
        if "\N{REPLACEMENT CHARACTER}" in self._text[start:end]:
            found = InvalidRecord("bytes that are not text")
        if isinstance(found, InvalidRecord):
            return [self._invalid_record(start, end, str(found), is_open=False)]
        return [self._record(start, end, found)]

    def _record(self, start: int, end: int, record: Record) -> Found:
        self._invalid = 0
        self._is_open = False
        return Found(self._pass(start, end), record)

    def _invalid_record(self, start: int, end: int, reason: str, *, is_open: bool = True) -> Found:
        self._is_open = is_open
        self._invalid += 1
        if self._invalid == MAX_INVALID:
            reason += "; the rest of this line is left out"
            self._invalid, self._skips_line = 0, True
        return Found(self._pass(start, end), InvalidRecord(reason))

    def _pass(self, start: int, end: int) -> int:
        """Count the lines up to the end of a record; gives the line in which it starts."""
        start = max(start, self._passed)
        self._lines.text(self._text[self._passed : start])
        line = self._lines.line
        self._lines.record(line_ends=self._text.count("\n", start, end))
        self._passed = self._position = end
        return line

    def _in_data(self, mark: re.Match[str], final: bool) -> Iterable[Found] | None:
        data, start = EncodedData(), mark.start()
        end = data.take(self._text, start)
        if end < len(self._text) or final:
            self._position = end
            return self._in_short_data(data, start, end)
        if data.length < MAX_CHARACTERS:
            return None
        self._forget(start)
        self._data, self._text = data, ""
        return []

    def _in_short_data(self, data: EncodedData, start: int, end: int) -> Iterator[Found]:
        line = 0
        for what in self._look_into(data.decode()):
            line = line or self._pass(start, end)
            yield Found(line, what)

    def _after(self, data: EncodedData) -> Iterator[Found]:
        """What was found in data, now that it has ended."""
        line, has_record = self._lines.line, False
        too_long = InvalidRecord(f"encoded data of more than {MAX_DATA_CHARACTERS:,} characters")
        for what in [too_long] if data.is_too_long else self._look_into(data.decode()):
            has_record = True
            yield Found(line, what)
        if has_record:
            self._lines.record(line_ends=data.line_ends)
        else:
            self._lines.text(data.text)

    def _forget(self, end: int) -> None:
        if end > self._passed:
            self._lines.text(self._text[self._passed : end])
            self._passed = end
        self._text = self._text[end:]
        self._passed -= end
        self._position = max(0, self._position - end)
