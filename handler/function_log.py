"""The log of a Lambda function: JSON lines by Powertools, as safe text, and each failure once while it lasts."""

import logging
import os
import time
from collections.abc import Iterable, MutableMapping
from copy import copy
from logging import LogRecord
from typing import Any

from aws_lambda_powertools import Logger
from aws_lambda_powertools.logging.formatter import LambdaPowertoolsFormatter

from .errors import ExchangeError
from .messages import redacted, safe_message, safe_text
from .sampler import Sample

LOG_AGAIN_SECONDS = 86_400

LEVEL_VARIABLES = ("LOG_LEVEL", "POWERTOOLS_LOG_LEVEL")
LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")
FLAG_VARIABLES = (
    *("POWERTOOLS_DEBUG", "POWERTOOLS_DEV", "POWERTOOLS_LOGGER_LOG_EVENT", "POWERTOOLS_LOG_DEDUPLICATION_DISABLED"),
    *("POWERTOOLS_METRICS_DISABLED", "POWERTOOLS_TRACE_DISABLED", "POWERTOOLS_TRACE_MIDDLEWARES"),
)
FLAGS = ("1", "y", "yes", "t", "true", "on", "0", "n", "no", "f", "false", "off")


def drop_unusable_variables(environment: MutableMapping[str, str]) -> None:
    """Remove the variables of Powertools whose values it does not know: it raises an error for each.

    The interface of an account may set them for all of its functions; none is worth a failing sampler.
    """
    allowed = dict.fromkeys(LEVEL_VARIABLES, LEVELS) | dict.fromkeys(FLAG_VARIABLES, FLAGS)
    for name, values in allowed.items():
        if environment.get(name, values[0]) not in {*values, *map(str.upper, values), *map(str.capitalize, values)}:
            del environment[name]
    environment.pop("POWERTOOLS_LOGGER_SAMPLE_RATE", None)  # it would switch the level to DEBUG now and then


def function_logger() -> Logger:
    """The logger of the process; errors that nobody foresaw are logged by it too."""
    drop_unusable_variables(os.environ)
    return Logger(service="handler", log_uncaught_exceptions=True, logger_formatter=SafeFormatter(use_rfc3339=True))


class FailureLog:
    """Logs why samples fail: one line for all pairs of a reason while it lasts, and again once a day."""

    def __init__(self, log: logging.Logger) -> None:
        self._log = log
        self._logged: dict[str, tuple[str, float]] = {}  # pair → reason, and when it was logged

    @property
    def is_open(self) -> bool:
        """True while some pair fails."""
        return bool(self._logged)

    def note(self, samples: Iterable[Sample]) -> None:
        """Log the reasons that are new."""
        now, new = time.monotonic(), dict[str, list[ExchangeError]]()
        for record, error in samples:
            reason, logged_at = self._logged.get(record.pair, ("", now))
            if error is None:
                self._logged.pop(record.pair, None)
            elif reason != error.reason or now - logged_at >= LOG_AGAIN_SECONDS:
                self._logged[record.pair] = error.reason, now
                new.setdefault(error.reason, []).append(error)
        for reason, (first, *others) in new.items():
            self._log.warning("%s: %s%s", reason, first, f" (and {len(others)} more pairs)" if others else "")


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
