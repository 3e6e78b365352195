"""The words that the user gave: flags beat environment beats defaults. What they mean is for others to say."""

from collections.abc import Mapping, Sequence

from handler.errors import UsageError
from handler.hosts import DEFAULT_BASE_URL

ENVIRONMENT = {
    "--symbol": "OBI_SYMBOLS",
    "--levels": "OBI_LEVELS",
    "--interval_seconds": "OBI_INTERVAL_SECONDS",
    "--quote": "OBI_QUOTE",
    "--base-url": "OBI_BASE_URL",
    "--table": "OBI_TABLE",
    "--retention-days": "OBI_RETENTION_DAYS",
}
"""Flag → the variable that stands in for it; several values are separated by commas."""

DEFAULTS = {
    "--levels": ("5",),
    "--interval_seconds": ("60",),
    "--quote": ("USDT",),
    "--base-url": (DEFAULT_BASE_URL,),
    "--retention-days": ("0",),
    "--since": ("24h",),
    "--format": ("jsonl",),
}

Flags = Mapping[str, Sequence[str] | None]
"""Flag → the words that were given for it, None or absent where it was not given."""


class Asked:
    """The words that were given for each flag, and where they came from."""

    def __init__(self, flags: Flags, environment: Mapping[str, str]) -> None:
        self._flags = flags
        self._environment = environment

    def given(self, flag: str) -> bool:
        """Whether a flag, or the variable that stands in for it, was given."""
        return self._flags.get(flag) is not None or bool(self._variable(flag))

    def some(self, flag: str) -> list[str]:
        """The values of a flag, at commas too. Raises UsageError if one is empty."""
        words = self._flags.get(flag)
        if words is None:
            words = [variable] if (variable := self._variable(flag)) else DEFAULTS.get(flag, ())
        found = [word.strip() for several in words for word in several.split(",")]
        if not all(found):
            raise UsageError(f"{self.name(flag)} holds an empty value: leave it out or fill it in")
        for word in found:
            if not word.isprintable():
                raise UsageError(f"{self.name(flag)} {word!r} holds characters that cannot be printed")
        return found

    def one(self, flag: str) -> str:
        """The value of a flag that takes one. Raises UsageError."""
        words = self.some(flag)
        if len(words) > 1:
            raise UsageError(f"{self.name(flag)} takes one value, not {len(words)}: {', '.join(words)}")
        return words[0]

    def whole_number(self, flag: str, least: int, most: int) -> int:
        """The value of a flag, as a number within bounds. Raises UsageError."""
        return whole_number(self.name(flag), self.one(flag), least, most)

    def whole_numbers(self, flag: str, least: int, most: int) -> list[int]:
        """The values of a flag, each a number within bounds. Raises UsageError."""
        return [whole_number(self.name(flag), word, least, most) for word in self.some(flag)]

    def _variable(self, flag: str) -> str:
        return self._environment.get(ENVIRONMENT.get(flag, ""), "")

    def name(self, flag: str) -> str:
        """What the user calls it: the flag, or the variable if that was given instead."""
        return ENVIRONMENT[flag] if self._flags.get(flag) is None and self._variable(flag) else flag


def whole_number(name: str, word: str, least: int, most: int) -> int:
    """Read a whole number. Raises UsageError, naming the flag or variable, if it is none or out of bounds."""
    if not (word.isascii() and word.isdigit() and len(word) < 10 and least <= int(word) <= most):
        raise UsageError(f"{name} {word} is not a whole number from {least} to {most}")
    return int(word)
