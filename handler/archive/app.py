"""The functions of the archive: `handler.archive.app.lambda_handler` writes a day, `check_handler` looks for gaps."""

import os
import time
from collections.abc import Callable
from typing import Any, TypeVar

from handler.archive.check import check_archive
from handler.archive.days import check_is_writable, requested_day
from handler.archive.writer import write_day
from handler.bootstrap import build_table
from handler.errors import HandlerError, UsageError
from handler.function_log import function_logger
from handler.safe_text import safe_text
from handler.secret_values import hide_credentials
from handler.settings import Settings
from handler.stores.archive_bucket import ArchiveBucket
from handler.stores.dynamodb import dynamodb_client

T = TypeVar("T")

hide_credentials(os.environ)
logger = function_logger()


@logger.inject_lambda_context(correlation_id_path="execution_id")
def lambda_handler(event: Any, context: Any) -> dict[str, Any]:
    """Write the day that the event requests. Raises HandlerError; the day's file is then the one that it was."""

    def write() -> dict[str, Any]:
        settings, now = Settings.read({}, os.environ), time.time()
        day = requested_day(event, now)
        check_is_writable(day, now, settings.retention_days)
        table, bucket = build_table(settings, dynamodb_client()), ArchiveBucket(_variable("OBI_ARCHIVE_BUCKET"))
        written = write_day(day, settings.series, table, bucket, lambda: context.get_remaining_time_in_millis() / 1000)
        return {"day": str(day), **written._asdict()}

    return _logged(write)


@logger.inject_lambda_context(correlation_id_path="execution_id")
def check_handler(event: Any, _context: Any) -> dict[str, Any]:
    """Compare the archive with the table, up to the day that the event requests.

    Raises ArchiveError if a day is missing or not whole.
    """

    def check() -> dict[str, Any]:
        settings = Settings.read({}, os.environ)
        table, bucket = build_table(settings, dynamodb_client()), ArchiveBucket(_variable("OBI_ARCHIVE_BUCKET"))
        today = requested_day(event, time.time()).before(-1)
        days = check_archive(today, settings.series, table, bucket, _variable("OBI_ARCHIVE_FUNCTION"))
        return {"checked": [str(day) for day in days]}

    return _logged(check)


def _logged(run: Callable[[], T]) -> T:
    """What a run returns, which is logged too; the runtime logs what it raises, as safe text."""
    try:
        result = run()
    except HandlerError as error:
        raise type(error)(safe_text(error)) from None
    logger.info("done: %s", result)
    return result


def _variable(name: str) -> str:
    if not (value := os.environ.get(name)):
        raise UsageError(f"the variable {name} is not set: deploy infra/archive.yaml")
    return value
