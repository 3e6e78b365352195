"""Commands that read, in this process."""

import json
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple

from handler.record import Record


class Answer(NamedTuple):
    code: int
    lines: list[str]

    @property
    def rows(self) -> list[Any]:
        return [json.loads(line) for line in self.lines]


def ask(*flags: object, command: str = "history", **variables: str) -> Answer:
    """Run `history` or `series` with these flags; quoted ones may hold several words."""
    text: list[str] = []
    words = [word for flag in flags for word in (flag.split() if isinstance(flag, str) else [str(flag)])]
    code = import_module(f"handler.cli.{command}").run(words, variables, text.append)
    return Answer(int(code), "\n".join(text).splitlines())


def write_lines(path: Path, *records: Record | str, detail: bool = True) -> Path:
    """A file of these records."""
    lines = [one if isinstance(one, str) else one.to_line(detail=detail) for one in records]
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return path
