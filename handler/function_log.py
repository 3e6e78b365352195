"""The log of a Lambda function: JSON lines by Powertools, as safe text."""

import os
from collections.abc import MutableMapping
from copy import copy
from logging import LogRecord
from typing import Any

from aws_lambda_powertools import Logger
from aws_lambda_powertools.logging.formatter import LambdaPowertoolsFormatter

from .messages import redacted, safe_message, safe_text

LOG_LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")


def drop_foreign_variables(environment: MutableMapping[str, str]) -> None:
    """Remove what an account may set for all of its functions: Powertools raises an error for each unknown value."""
    for name in list(environment):
        if name.startswith("POWERTOOLS_") or (name == "LOG_LEVEL" and environment[name] not in LOG_LEVELS):
            del environment[name]


def function_logger() -> Logger:
    """The logger of the process; errors that nobody foresaw are logged by it too."""
    drop_foreign_variables(os.environ)
    return Logger(service="handler", log_uncaught_exceptions=True, logger_formatter=SafeFormatter(use_rfc3339=True))


class SafeFormatter(LambdaPowertoolsFormatter):
    """Powertools' JSON lines as safe text: control characters are escaped, and credentials redacted."""

    def format(self, record: LogRecord) -> str:
        """The line for a log record."""
        message = safe_message(record)
        record = copy(record)
        record.msg, record.args = "%s", (message,)
        return super().format(record)

    def serialize(self, log: Any) -> str:
        """The JSON line of a log record's keys."""
        return super().serialize({key: value if key == "message" else _safe_value(value) for key, value in log.items()})


def _safe_value(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _safe_value(one) for key, one in value.items()}
    if isinstance(value, list):
        return [_safe_value(one) for one in value]
    if value is None or isinstance(value, int | float):
        return value
    return "\n".join(map(safe_text, redacted(str(value)).split("\n")))  # a traceback; JSON escapes the line ends
