"""`python -m handler report`: a data sheet of stored records, as Markdown and a picture."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from .. import __version__
from ..errors import UsageError
from ..reading.output import atomic_file
from ..reading.report import COLUMNS, Sheet, data_sheet
from ..reading.source import Records
from ..reading.views import Depths
from . import ExitCode, Write
from .query import open_records, parse_query
from .streams import print_message

FLAGS = (
    *("--from", "--table", "--symbol", "--since", "--until"),
    *("--output", "--min-share", "--interval_seconds", "--quote"),
)
NOTE = """\
With --output report.md, a picture report.png is written beside it, of up to five pairs, those with the lowest share.
"""
PICTURE_PAIRS = 5


def run(argv: Sequence[str], environment: Mapping[str, str], write: Write) -> int:
    """Describe stored records: how complete, how deep, how good, how persistent they are."""
    flags = parse_query(run, FLAGS, argv, environment, NOTE)
    path = None if flags.output in (None, "-") else flags.output
    if path and Path(path).suffix.lower() == ".png":
        raise UsageError(f"--output {path} is the text: give report.md, and the picture report.png stands beside it")
    with open_records(flags, COLUMNS, path) as (records, unfinished):
        sheet = data_sheet(records, f"Order book imbalance: data sheet of {records.description}")
        text = f"{sheet.text}\n\nWritten by order-book-imbalance {__version__}.\n"
        if path and unfinished:
            text += _picture(records, sheet, Path(path).with_suffix(".png"))
            unfinished.write_text(text, encoding="utf-8")
        else:
            write(text.rstrip("\n"))
    if flags.min_share is not None and (not sheet.shares or min(sheet.shares.values()) < flags.min_share):
        return ExitCode.GAPS
    return ExitCode.FAILURE if records.failures else ExitCode.OK


def _picture(records: Records, sheet: Sheet, path: Path) -> str:
    """Draw the pairs with the lowest share; returns the link to the picture."""
    try:
        from ..reading.plot import plot  # matplotlib is optional, and slow to load
    except UsageError as error:
        print_message(f"without a picture: {error}")
        return ""
    names = [pair for pair, share in sheet.shares.items() if share > 0][:PICTURE_PAIRS]
    if not names:
        return ""
    with atomic_file(str(path)) as unfinished:
        plot(records, str(unfinished), name=path.name, depths=Depths(), pairs=names)
    count = len(sheet.shares)
    more = f", the {len(names)} pairs with the lowest share of {count}" if len(names) < count else ""
    return f"\n![Mid price and imbalance{more}]({path.name})\n"
