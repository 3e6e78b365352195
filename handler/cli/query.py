"""Shared by all commands that read: their flags, the sources, and the message about absent records."""

import time
from argparse import Namespace
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from ..errors import InvalidTimestamp, SourceError, UsageError
from ..options import parse
from ..pairs import stored_pairs
from ..reading.engine import Engine
from ..reading.output import atomic_file
from ..reading.source import Range, Records, open_table
from ..slots import DAY_SECONDS, format_timestamp, parse_moment
from .streams import print_message

SAMPLER_VARIABLES = ("OBI_LEVELS", "OBI_INTERVAL_SECONDS")  # they say how to sample, not how stored records are read
EPILOG = "Without --since, files are read from the start, and tables for the 24 h before --until (default: now)."


def parse_query(
    run: Callable[..., int], names: Sequence[str], argv: Sequence[str], environment: Mapping[str, str], note: str = ""
) -> Namespace:
    """Read the flags of a command, whose docstring is its help. Raises UsageError, or SystemExit after --help."""
    command, lists = run.__module__.rpartition(".")[2], [name for name in ("--table", "--levels") if name in names]
    flags = parse(
        command, run.__doc__ or "", names, argv, environment,
        lists=lists, ignored=SAMPLER_VARIABLES, epilog=note + EPILOG,
    )  # fmt: skip
    if flags.from_ and any(word.partition("=")[0] == "--table" for word in argv):
        raise UsageError("--from and --table are mutually exclusive: give one of them")
    if flags.from_:
        flags.table = []
    elif not flags.table:
        raise UsageError("nothing to read: give --from FOLDER or FILE, or --table NAME")
    if flags.table and not flags.symbol:
        raise UsageError("a table is read by pair: give --symbol BTC, or set OBI_SYMBOLS")
    return flags


@contextmanager
def open_records(
    flags: Namespace,
    columns: Sequence[str] | None,
    path: str | None,
    *,
    flag: str = "--output",
    with_reasons: bool = False,
) -> Iterator[tuple[Records, Path | None]]:
    """Read the records, with the columns that the question needs.

    Yields them, and the file to write that becomes `path` in the end. Raises HandlerError.
    """
    now = time.time()
    wanted = [stored_pairs(word, flags.quote) for word in flags.symbol]
    requested = _range(flags, now)
    with ExitStack() as stack:
        unfinished = stack.enter_context(atomic_file(path, flag)) if path else None
        records = Records(
            engine=stack.enter_context(Engine()),
            pairs=list(dict.fromkeys(name for names in wanted for name in names)),
            range=requested,
            now=now,
            interval_seconds=flags.interval_seconds if "--interval_seconds" in flags.given else None,
            columns=columns,
            with_reasons=with_reasons,
        )
        records.load(flags.from_, [open_table(address) for address in flags.table])
        if path and records.reads(path):
            raise UsageError(f"{path} is being read: give the name of another file")
        _note_absent_pairs(records, wanted)
        yield records, unfinished


def _range(flags: Namespace, now: float) -> Range:
    since, until = (_moment(name, text, now) for name, text in (("--since", flags.since), ("--until", flags.until)))
    end = now if until is None else until
    if flags.table and since is None:
        since = end - DAY_SECONDS  # how much of a table is read by default
    if since is not None and since >= end:
        raise UsageError("--since is not before --until: no slot lies between them")
    return Range(since, until)


def _moment(flag: str, text: str | None, now: float) -> float | None:
    try:
        return None if text is None else parse_moment(text, now)
    except InvalidTimestamp as error:
        raise UsageError(f"{flag} {error}") from error


def _note_absent_pairs(records: Records, wanted: Sequence[Sequence[str]]) -> None:
    """Print which pairs have no record in the range; note in `absent` those without any. Raises SourceError."""
    rows = records.engine.rows(
        f"SELECT pair, min(slot), max(slot), count(*) FILTER ({records.range.sql()}) FROM samples GROUP BY pair"
    )
    if not rows and not wanted:
        raise SourceError(f"no record in {records.description}")
    found = {pair: (first, last, count) for pair, first, last, count in rows}
    unknown, elsewhere = [], []
    for names in wanted or [(pair,) for pair in found]:
        stored = [found[name] for name in names if name in found]
        if not stored:
            unknown.append(names[-1])
        elif not any(count for _, _, count in stored):
            first, last, _ = stored[0]
            elsewhere.append(f"{names[-1]} only from {format_timestamp(first)} to {format_timestamp(last)}")
    records.absent = unknown
    sentences = [f"no record of {', '.join(unknown)} in {records.description}"] if unknown else []
    sentences += [f"no record in this range: {', '.join(elsewhere)}"] if elsewhere else []
    if sentences:
        print_message("; ".join(sentences))
