"""What `history --every` writes: a line for each step of time in which a series has records."""

import re
from collections.abc import Iterable, Iterator
from heapq import merge
from itertools import chain
from operator import attrgetter
from typing import get_args

from handler.cli import Write
from handler.cli.formats import COLUMNS, Column, Columns, colored_imbalance, write_aligned, write_csv_rows
from handler.cli.output import Formats
from handler.errors import UsageError
from handler.options import Options
from handler.record import compact_json
from handler.slots import SECONDS_OF_UNIT
from handler.steps import Step

_DURATION = re.compile(r"([1-9][0-9]{0,8})([smhd])")


def read_step_seconds(options: Options) -> int:
    """The seconds of --every. Raises UsageError."""
    text = options.value("--every")
    match = _DURATION.fullmatch(text)
    if not match:
        raise UsageError(f"--every {text} is not a duration: give a whole number of s, m, h or d, such as 5m, 1h or 1d")
    return int(match[1]) * SECONDS_OF_UNIT[match[2]]


def check_step(series_key: str, step_seconds: int, interval_seconds: int) -> None:
    """Raise UsageError if a step does not consist of whole intervals."""
    if step_seconds % interval_seconds:
        raise UsageError(
            f"--every of {step_seconds} s is not a multiple of the interval of {series_key}, which is"
            f" {interval_seconds} s: give a multiple"
        )


def in_time_order(steps: Iterable[Iterator[Step]]) -> Iterator[Step]:
    """The steps of several series, step by step, within a step in the order given."""
    return merge(*steps, key=attrgetter("timestamp"))


def step_formats(columns: Columns) -> Formats[Step]:
    """The formats of steps, for records that have these columns."""
    shown = [key for key in Step._fields if key not in ("bps", "market") or key in columns.keys]

    def write_csv(steps: Iterable[Step], write: Write) -> None:
        write_csv_rows(chain([shown], map(attrgetter(*shown), steps)), write)

    def write_table(steps: Iterable[Step], write: Write) -> None:
        write_aligned(steps, {key: STEP_COLUMNS[key] for key in shown}, write, unknown="–")

    text = {"jsonl": _write_jsonl, "csv": write_csv, "table": write_table}
    return Formats(text, STEP_TYPES, lambda step: step)


def _write_jsonl(steps: Iterable[Step], write: Write) -> None:
    for step in steps:
        write(compact_json(step.values()))


STEP_TYPES = [(key, (get_args(hint) or (hint,))[0]) for key, hint in Step.__annotations__.items()]
STEP_COLUMNS = {
    **{key: COLUMNS[key] for key in ("timestamp", "symbol", "levels", "bps", "market")},
    "obi_mean": Column("OBI, mean", colored_imbalance),
    "obi_min": Column("minimum", colored_imbalance),
    "obi_max": Column("maximum", colored_imbalance),
    "obi_last": Column("last", colored_imbalance),
    "obi_of_sums": Column("of sums", colored_imbalance),
    "mid_mean": Column("mid, mean (quote)", "{:,.10g}".format),
    "n": Column("n", "{:,}".format),
    "expected": Column("expected", "{:,}".format),
}
