"""The number of the current line of a text that is passed in order, and how many lines hold no record. Pure."""


class LineCount:
    """Counts the lines of a text that is passed in order, and those without a record."""

    def __init__(self) -> None:
        self.line = 1
        self.without_record = 0
        """Blank ones are left out."""
        self._is_blank = True
        self._has_record = False

    def text(self, text: str) -> None:
        """Pass text that holds no record."""
        first, *others = text.split("\n")
        self._is_blank &= not first.strip()
        for line in others:
            self.end()
            self.line += 1
            self._is_blank = not line.strip()

    def record(self, *, line_ends: int) -> None:
        """Pass text that is a record, or a part of it, with so many line ends."""
        self.line += line_ends
        self._has_record = True

    def end(self) -> None:
        """Pass the end of a line, or of the text."""
        self.without_record += not self._is_blank and not self._has_record
        self._is_blank, self._has_record = True, False
