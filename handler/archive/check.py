"""Whether the archive holds what the table holds, of the days that have been written lately."""

from collections.abc import Iterator, Mapping, Sequence

from handler.archive.days import Day
from handler.errors import ArchiveError
from handler.record import Series
from handler.stores.archive_bucket import ArchiveBucket
from handler.stores.table import Table

COUNTED_DAYS = (2, 3, 4)
"""How many days ago: late enough for most of what is loaded late, and before RetentionDays, which are 7 or more."""
WATCHED_DAYS = range(1, 8)
"""How many days ago a file may not be missing, since the archive's first one."""


def check_archive(today: Day, series: Sequence[Series], table: Table, bucket: ArchiveBucket, writer: str) -> list[Day]:
    """Compare the archive with the table, and return the days that were compared, all of them whole.

    A day is whole if its file holds at least as many records of each series as the table. Raises ArchiveError with
    each day that is not, and with the command that has `writer`, the function, write it again.
    """
    written = bucket.days()
    watched = {day for day in map(today.before, WATCHED_DAYS) if written and str(day) >= written[0]}
    missing = {day for day in watched if str(day) not in written}
    counted = {day for day in map(today.before, COUNTED_DAYS) if day in watched}
    compared = sorted(missing | counted)
    faults = []
    for day in compared:
        rows = {} if day in missing else bucket.rows(str(day))
        differences = list(_differences(day, series, table, rows))
        if differences:
            state = "has no file, and" if day in missing else "is not whole:"
            others = f" (and {len(differences) - 1} more series)" if len(differences) > 1 else ""
            faults.append((day, f"{day} {state} {differences[0]}{others}"))
    if faults:
        commands = "; ".join(_write_command(writer, day) for day, _ in faults)
        raise ArchiveError(f"{'; '.join(text for _, text in faults)}. Write again what is not whole: {commands}")
    return compared


def _differences(day: Day, series: Sequence[Series], table: Table, rows: Mapping[str, int]) -> Iterator[str]:
    for each in series:
        stored, archived = table.count(each, day.start, day.end), rows.get(each.key, 0)
        if archived < stored:
            yield f"of {each.key} the table holds {stored} and the archive {archived} records"


def _write_command(writer: str, day: Day) -> str:
    # By default the CLI waits for 60 s, and then invokes the function once more:
    # https://repost.aws/knowledge-center/lambda-function-retry-timeout-sdk
    return (
        f"""aws lambda invoke --function-name {writer} --payload '{{"day": "{day}"}}'"""
        " --cli-binary-format raw-in-base64-out --cli-read-timeout 900 /dev/stdout"
    )
