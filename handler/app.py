"""The function: `handler.app.lambda_handler(event, context)`, run by the schedule, by timers, or by hand."""

import gc

gc.disable()  # until the container is ready: see sampler.resume_garbage_collection

import logging
import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
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

LOG_LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")
MAX_EARLY_SECONDS = 5  # by how much clocks may differ: an event that is early waits for its slot
FETCHING_SHARE, STORING_SHARE = 0.65, 0.8  # of the time before the timeout; one put may take 5.5 s beyond its deadline


class SafeFormatter(LambdaPowertoolsFormatter):
    """Powertools' JSON lines as safe text: control characters are escaped, and credentials redacted."""

    def serialize(self, log: Any) -> str:
        """The JSON line of a log record's keys."""
        safe = {key: safe_text(value) if isinstance(value, str) else value for key, value in log.items()}
        return super().serialize(safe)


for name in list(os.environ):  # an account may set these for all functions: Powertools raises for unknown values
    if name.startswith("POWERTOOLS_") or (name == "LOG_LEVEL" and os.environ[name] not in LOG_LEVELS):
        del os.environ[name]
logger = Logger(
    service="handler",
    log_uncaught_exceptions=True,
    serialize_stacktrace=False,
    logger_formatter=SafeFormatter(use_rfc3339=True),
)
log = logging.getLogger(__name__)
metrics = Metrics(namespace="OrderBookImbalance", service=os.environ.get("AWS_LAMBDA_FUNCTION_NAME", "local"))


@dataclass
class Outcome:
    """Counts of the samples of a slot. Rejected pairs and empty books count neither as stored nor as failures."""

    stored: int = 0
    duplicates: int = 0
    skipped: int = 0
    rejected: int = 0
    failures: list[str] = field(default_factory=list)


class Function:
    """Settings, connections to the exchange and the table's client. It lives as long as the container."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self.settings = settings = Settings.read(parse("", "", FLAGS, (), environment))
        if settings.table is None:
            raise UsageError("no table: set OBI_TABLE")
        name, region = settings.table
        self._exchanges = {
            market: BinanceClient(MARKETS[market], urls, hints=settings.hints, may_freeze=True)
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

    def run(self, event: Any, seconds: float) -> list[Outcome]:
        """Sample the slots that an event is for, or plan the next minute's, within `seconds`.

        Raises HandlerError if a sample failed, after storing the others; not for a timer, since SQS would repeat it.
        """
        if (timers := sqs_messages(event)) is not None:
            end = time.monotonic() + seconds
            return [self._run_timer(message, end - time.monotonic()) for message in timers]
        scheduled, now = scheduled_time(event), time.time()
        if scheduled is not None and self._timers_url:
            self._plan(scheduled, now)
            return []
        moment = max(now, min(scheduled or 0, now + MAX_EARLY_SECONDS))
        outcome = self._run_slot(slot_start(moment, self.settings.interval_seconds), seconds)
        if outcome.failures:
            raise HandlerError(f"{len(outcome.failures)} failure(s), the first: {outcome.failures[0]}")
        return [outcome]

    def _run_timer(self, message: Mapping[str, Any], seconds: float) -> Outcome:
        try:
            return self._run_slot(slot_of_message(message, self.settings.interval_seconds), seconds)
        except UsageError as error:
            log.warning("%s", error)
            return Outcome(skipped=len(self.settings.pairs))

    def _plan(self, scheduled: float, now: float) -> None:
        timers = plan(scheduled, self.settings.interval_seconds, now)
        if not timers:
            log.warning("the minute after %s is over: not planned", format_timestamp(scheduled))
            return
        from .stores.queue import DelayQueue  # its client takes a tenth of a second to create

        self._queue = self._queue or DelayQueue(self._timers_url)
        self._queue.send(timers)

    def _run_slot(self, slot: int, seconds: float) -> Outcome:
        start = time.monotonic()
        if 0 < (early := slot - time.time()) < MAX_EARLY_SECONDS:
            SYSTEM.sleep(early)
        outcome, lag = Outcome(), time.time() - slot
        if 0 <= lag < self.settings.interval_seconds:
            slot_end = time.monotonic() + self.settings.interval_seconds - lag
            samples: list[Sample] = []
            for ready in self._sampler.sample(min(start + seconds * FETCHING_SHARE, slot_end), slot):
                self._deliver(ready, start + seconds * STORING_SHARE, outcome)
                samples += ready
            self._reasons.note(samples)
            metrics.add_metric("LagSeconds", MetricUnit.Seconds, lag)
        else:
            log.warning("the slot %s %s: not sampled", format_timestamp(slot), "is over" if lag > 0 else "is far ahead")
            outcome.skipped += len(self.settings.pairs)
        self._flush_metrics(outcome)
        return outcome

    def _deliver(self, samples: Sequence[Sample], deadline: float, outcome: Outcome) -> None:
        """Print measurements, so that they survive a failing table, and store them and the reasons of the others."""
        for record, error in samples:
            if error is None:
                print(record.to_line(), flush=True)
            elif error.reason == "rejected":  # no failure of the run: a delisted pair would raise for ever
                outcome.rejected += 1
            elif error.reason == "empty book":
                outcome.skipped += 1
            else:
                outcome.failures.append(str(error))
        result = self._table.put([record for record, _ in samples], deadline)
        outcome.stored += result.stored
        outcome.duplicates += result.duplicates
        lost = [str(error) for record, error in result.failed if record.reason is None]
        if lost:  # the lines themselves are in the log already
            log.error("%d record(s) not stored: %s", len(lost), lost[0])
            outcome.failures += lost

    def _flush_metrics(self, outcome: Outcome) -> None:
        expected = len(self.settings.pairs) - outcome.rejected
        share = (outcome.stored + outcome.duplicates) / expected if expected else 0.0
        metrics.add_metric("StoredShare", MetricUnit.Count, share)
        metrics.add_metric("Failures", MetricUnit.Count, len(outcome.failures))
        weights = [
            100 * exchange.used_weight / MARKETS[market].weight_per_minute
            for market, exchange in self._exchanges.items()
            if exchange.used_weight is not None
        ]
        if weights:
            metrics.add_metric("UsedWeight", MetricUnit.Percent, max(weights))
        metrics.flush_metrics()


@cache
def function() -> Function:
    """The container's one Function, created at the first call."""
    return Function(os.environ)


@logger.inject_lambda_context(correlation_id_path="execution_id")
def lambda_handler(event: Any, context: Any) -> dict[str, int]:
    """Sample, print and store, or plan the slots of the next minute. Raises HandlerError if any of it failed."""
    try:
        outcomes = function().run(event, context.get_remaining_time_in_millis() / 1000)
    except HandlerError as error:  # the runtime logs it, not the logger
        error.args = (safe_text(error),)
        raise
    return {name: sum(getattr(each, name) for each in outcomes) for name in ("stored", "duplicates", "skipped")}


if "AWS_LAMBDA_RUNTIME_API" in os.environ:  # in the init phase the CPU is not yet throttled to the function's share
    function()
