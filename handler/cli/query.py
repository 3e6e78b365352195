"""Shared by all commands that read: the pairs, the range, the sources, and the message about absent records."""

from argparse import Namespace
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import NamedTuple, Self

from ..errors import InvalidTimestamp, UsageError
from ..pairs import stored_pairs
from ..reading.engine import Engine
from ..reading.source import Range, Records
from ..reading.tables import open_tables
from ..reading.views import Expected, pair_order
from ..slots import format_timestamp, parse_moment
from .streams import print_message

TABLE_SECONDS = 86_400  # how much of a table is read by default
SAMPLER_VARIABLES = ("OBI_LEVELS", "OBI_INTERVAL_SECONDS")  # they say how to sample, not how stored records are read


class Query(NamedTuple):
    """The pairs, the range and the files or tables. `words`: pairs as the user wrote them → stored names."""

    files: Sequence[str]
    tables: Sequence[tuple[str, str | None]]
    words: Mapping[str, tuple[str, ...]]
    asked: Range
    interval_seconds: int | None
    now: float

    @classmethod
    def parse(cls, flags: Namespace, argv: Sequence[str], now: float) -> Self:
        """Raises UsageError."""
        if flags.from_ and any(word.partition("=")[0] == "--table" for word in argv):
            raise UsageError("--from and --table are mutually exclusive: give one of them")
        words = {word: stored_pairs(word, flags.quote) for word in flags.symbol}
        tables = [] if flags.from_ else flags.table
        if not (flags.from_ or tables):
            raise UsageError("nothing to read: give --from FOLDER or FILE, or --table NAME")
        if tables and not words:
            raise UsageError("a table is read by pair: give --symbol BTC, or set OBI_SYMBOLS")
        since, until = _moment("--since", flags.since, now), _moment("--until", flags.until, now)
        if tables and since is None:
            since = (now if until is None else until) - TABLE_SECONDS
        if since is not None and since >= (now if until is None else until):
            raise UsageError("--since is not before --until: no slot lies between them")
        return cls(
            files=flags.from_,
            tables=tables,
            words=words,
            asked=Range(since, until),
            interval_seconds=flags.interval_seconds if "--interval_seconds" in flags.given else None,
            now=now,
        )

    @property
    def pairs(self) -> list[str]:
        """The names under which the pairs may be stored, in the order given; none means all pairs."""
        return list(dict.fromkeys(name for names in self.words.values() for name in names))

    @property
    def _until(self) -> float:
        return self.now if self.asked.until is None else self.asked.until

    @property
    def order(self) -> str:
        """SQL that sorts by pair."""
        return pair_order(self.pairs)

    @property
    def expected(self) -> Expected:
        """The slots that should be there."""
        return Expected(self.asked, self.now, is_table=bool(self.tables))

    @contextmanager
    def open(
        self, columns: Sequence[str] | None, *, with_reasons: bool = False, output: str | None = None
    ) -> Iterator[Records]:
        """Read the records, with what the question needs. Raises HandlerError, also if `output` is what is read."""
        with Engine() as engine:
            records = Records(
                engine,
                pairs=self.pairs,
                asked=self.asked,
                interval_seconds=self.interval_seconds,
                columns=columns,
                with_reasons=with_reasons,
            )
            records.load(self.files, open_tables(self.tables, self.pairs, self.asked.since, self._until))
            if output is not None and records.reads(output):
                raise UsageError(f"{output} is being read: give the name of another file")
            yield records

    def warn_missing_pairs(self, records: Records) -> list[str]:
        """Print in one line which pairs have no record in the range; returns those that have none at any time."""
        rows = records.engine.rows(
            f"SELECT pair, min(slot), max(slot), count(*) FILTER ({self.asked.sql()}) FROM samples GROUP BY pair"
        )
        found = {pair: (first, last, count) for pair, first, last, count in rows}
        wanted = self.words or {pair: (pair,) for pair in found}
        unknown, elsewhere = [], []
        for names in wanted.values():
            stored = [found[name] for name in names if name in found]
            if not stored:
                unknown.append(names[-1])
            elif not any(count for _, _, count in stored):
                first, last = format_timestamp(stored[0][0]), format_timestamp(stored[0][1])
                elsewhere.append(f"{names[-1]} only from {first} to {last}")
        sentences = []
        if unknown:
            sentences.append(f"no record of {', '.join(unknown)} in {records.description}")
        if elsewhere:
            sentences.append(f"no record in this range: {', '.join(elsewhere)}")
        if sentences or not found:
            print_message("; ".join(sentences) or f"no record in {records.description}")
        return unknown


def _moment(flag: str, text: str | None, now: float) -> float | None:
    if text is None:
        return None
    try:
        return parse_moment(text, now)
    except InvalidTimestamp as error:
        raise UsageError(f"{flag} {error}") from error
