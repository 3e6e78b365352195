"""The function: `handler.app.lambda_handler(event, context)`, run by the schedule, by timers, or by hand."""

import gc
import os

gc.disable()  # until the container is ready: see sampler.resume_garbage_collection
LOG_LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")
for name in list(os.environ):  # an account may set these for all functions: Powertools raises for unknown values
    if name.startswith("POWERTOOLS_") or (name == "LOG_LEVEL" and os.environ[name] not in LOG_LEVELS):
        del os.environ[name]

import logging
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import cache
from types import NoneType
from typing import Any

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.logging.formatter import LambdaPowertoolsFormatter
from aws_lambda_powertools.metrics import MetricUnit

from .clock import SYSTEM
from .errors import HandlerError, UsageError
from .exchange.client import BinanceClient
from .exchange.markets import MARKETS
from .messages import safe_text
from .options import parse
from .sampler import ReasonLog, Sample, Sampler, resume_garbage_collection
from .settings import FLAGS, Settings
from .slots import format_timestamp, slot_start
from .stores.table import Table
from .timers import plan, scheduled_time, slot_of_message, sqs_messages

EXPECTED_REASONS = ("rejected", "empty book")  # not a failure of the run: a delisted pair would raise for ever
MAX_EARLY_SECONDS = 5  # by how much clocks may differ: an event that is early waits for its slot
RESERVED_SECONDS = 5.5  # reserved before the function's timeout: a put exceeds its deadline by at most boto3's timeouts


class SafeFormatter(LambdaPowertoolsFormatter):
    """Powertools' JSON lines as safe text: control characters are escaped, and credentials redacted."""

    def serialize(self, log: Any) -> str:
        """Return a log record's keys as a JSON line."""
        numbers = (int, float, NoneType)
        safe = {key: value if isinstance(value, numbers) else safe_text(value) for key, value in log.items()}
        return super().serialize(safe)


logger = Logger(
    service="handler",
    log_uncaught_exceptions=True,
    logger_formatter=SafeFormatter(use_rfc3339=True, serialize_stacktrace=False),
)
log = logging.getLogger(__name__)
metrics = Metrics(namespace="OrderBookImbalance", service=os.environ.get("AWS_LAMBDA_FUNCTION_NAME", "local"))


class Function:
    """Settings, connections to the exchange and the table's client. It lives as long as the container."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self.settings = settings = Settings.read(parse("", "", FLAGS, (), environment))
        if settings.table is None:
            raise UsageError("no table: set OBI_TABLE")
        name, region = settings.table
        self._exchanges = {
            market: BinanceClient(MARKETS[market], urls, hint=settings.hint, may_freeze=True)
            for market, urls in settings.base_urls.items()
        }
        self._sampler = Sampler(
            self._exchanges,
            settings.pairs,
            levels=settings.levels,
            limits=settings.limits,
            interval_seconds=settings.interval_seconds,
        )
        self._table = Table(name, region=region, retention_days=settings.retention_days)
        self._timers_url = environment.get("OBI_TIMERS_URL", "")
        self._queue: Any = None
        self._reasons = ReasonLog()
        resume_garbage_collection()

    def run(self, event: Any, seconds: float) -> Counter[str]:
        """Sample the slots that an event names, or plan the slots of the next minute, within `seconds`.

        Returns counts of pairs. Raises HandlerError if a sample failed, after storing the others; not for a timer,
        since SQS would deliver it again.
        """
        if (timers := sqs_messages(event)) is not None:
            return sum((self._run_timer(message, seconds / len(timers)) for message in timers), Counter())
        scheduled, now = scheduled_time(event), time.time()
        if scheduled is not None and self._timers_url:
            self._plan(scheduled, now)
            return Counter()
        latest = now + MAX_EARLY_SECONDS
        moment = now if scheduled is None else min(max(scheduled, now), latest)
        counts, failures = self._run_slot(slot_start(moment, self.settings.interval_seconds), seconds)
        if failures:
            raise HandlerError(f"{len(failures)} failure(s), the first: {failures[0]}")
        return counts

    def _run_timer(self, message: Mapping[str, Any], seconds: float) -> Counter[str]:
        try:
            counts, _ = self._run_slot(slot_of_message(message, self.settings.interval_seconds), seconds)
            return counts
        except UsageError as error:
            log.warning("%s", error)
            return Counter(skipped=len(self.settings.pairs))

    def _plan(self, scheduled: float, now: float) -> None:
        timers = plan(scheduled, self.settings.interval_seconds, now)
        if not timers:
            log.warning("the minute after %s is over: not planned", format_timestamp(scheduled))
            return
        from .stores.queue import DelayQueue  # its client takes a tenth of a second to create

        self._queue = self._queue or DelayQueue(self._timers_url)
        self._queue.send(timers)

    def _run_slot(self, slot: int, seconds: float) -> tuple[Counter[str], list[str]]:
        """Sample and store every pair; returns counts and failures. Rejected pairs and empty books are no failures."""
        put_deadline = time.monotonic() + max(seconds - RESERVED_SECONDS, seconds / 3)
        interval_seconds = self.settings.interval_seconds
        if 0 < (early := slot - time.time()) < MAX_EARLY_SECONDS:
            SYSTEM.sleep(early)
        lag, counts, failures = time.time() - slot, Counter[str](), list[str]()
        if 0 <= lag < interval_seconds:
            deadline = min(put_deadline - seconds / 6, time.monotonic() + interval_seconds - lag)
            samples: list[Sample] = []
            for ready in self._sampler.sample(deadline, slot):
                failures += self._deliver(ready, put_deadline, counts)
                samples += ready
            self._reasons.note(samples)
            metrics.add_metric("LagSeconds", MetricUnit.Seconds, lag)
        else:
            log.warning("the slot %s %s: not sampled", format_timestamp(slot), "is over" if lag > 0 else "is far ahead")
            counts["skipped"] = len(self.settings.pairs)
        self._flush_metrics(counts, len(failures))
        return counts, failures

    def _deliver(self, samples: Sequence[Sample], deadline: float, counts: Counter[str]) -> list[str]:
        """Print measurements, so that they survive a failing table, and store them and the reasons of the others."""
        for record, error in samples:
            if error is None:
                print(record.to_line(), flush=True)
            counts[error.reason if error else "measured"] += 1
        counts["skipped"] = counts["empty book"]
        result = self._table.put([record for record, _ in samples], deadline)
        counts.update(stored=result.stored, duplicates=result.duplicates)
        lost = [str(error) for record, error in result.failed if record.reason is None]
        if lost:  # the lines themselves are in the log already
            log.error("%d record(s) not stored: %s", len(lost), lost[0])
        return lost + [str(error) for _, error in samples if error and error.reason not in EXPECTED_REASONS]

    def _flush_metrics(self, counts: Counter[str], failures: int) -> None:
        expected = len(self.settings.pairs) - counts["rejected"]
        share = (counts["stored"] + counts["duplicates"]) / expected if expected else 0.0
        metrics.add_metric("StoredShare", MetricUnit.Count, share)
        metrics.add_metric("Failures", MetricUnit.Count, failures)
        for market, exchange in self._exchanges.items():
            if exchange.used_weight is not None:
                used = 100 * exchange.used_weight / MARKETS[market].weight_per_minute
                metrics.add_metric("UsedWeight", MetricUnit.Percent, used)  # whose maximum counts
        metrics.flush_metrics()


@cache
def function() -> Function:
    """Return the container's one Function, which the first call creates."""
    return Function(os.environ)


@logger.inject_lambda_context(correlation_id_path="execution_id")
def lambda_handler(event: Any, context: Any) -> dict[str, int]:
    """Sample, print and store, or plan the slots of the next minute. Raises HandlerError as `Function.run` does."""
    try:
        counts = function().run(event, context.get_remaining_time_in_millis() / 1000)
    except HandlerError as error:  # the runtime logs it, not the logger
        error.args = (safe_text(error),)
        raise
    return {name: counts[name] for name in ("stored", "duplicates", "skipped")}


if "AWS_LAMBDA_RUNTIME_API" in os.environ:  # in the init phase the CPU is not yet throttled to the function's share
    function()
