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

from aws_lambda_powertools import Metrics
from aws_lambda_powertools.metrics import MetricUnit

from .clock import SYSTEM
from .errors import HandlerError, UsageError
from .exchange.client import BinanceClient
from .exchange.markets import MARKETS
from .function_log import function_logger
from .messages import safe_text
from .sampler import ReasonLog, Sample, Sampler, resume_garbage_collection
from .settings import Settings
from .slots import format_timestamp, slot_start
from .stores.table import Table
from .timers import plan, scheduled_time, slot_of_message, sqs_messages

MAX_EARLY_SECONDS = 5  # by how much clocks may differ: an event that is early waits for its slot
MAX_PUT_SECONDS = 5.5  # kept free before the function's timeout: one put may take so long beyond its deadline
STORING_SECONDS = 4.5  # kept free before that, so that there is time to store what was fetched
QUIET_REASONS = ("rejected", "empty book")  # not a failure of the run: a delisted pair would raise for ever

logger = function_logger()
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

    def stored_share(self, pairs: int) -> float:
        """The share of the slot that is in the table, from 0 to 1, without the pairs that the exchange rejects."""
        expected = pairs - self.rejected
        return (self.stored + self.duplicates) / expected if expected else 0.0


class Function:
    """Settings, connections to the exchange and the table's client. It lives as long as the container."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self.settings = settings = Settings.read({}, environment)
        if settings.table is None:
            raise UsageError("no table: set OBI_TABLE")
        name, region = settings.table
        self.exchanges = {market: _exchange(settings, market) for market in settings.markets}
        self._sampler = Sampler(
            self.exchanges,
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
        scheduled, interval_seconds, now = scheduled_time(event), self.settings.interval_seconds, time.time()
        if scheduled is not None and self._timers_url:
            return self._plan(scheduled, now)
        slot = slot_start(now, interval_seconds)
        if scheduled is not None and now < (own := slot_start(scheduled, interval_seconds)) < now + MAX_EARLY_SECONDS:
            slot = own
        outcome = self._run_slot(slot, seconds)
        if outcome.failures:
            raise HandlerError(f"{len(outcome.failures)} failure(s), the first: {outcome.failures[0]}")
        return [outcome]

    def _run_timer(self, message: Mapping[str, Any], seconds: float) -> Outcome:
        try:
            return self._run_slot(slot_of_message(message, self.settings.interval_seconds), seconds)
        except UsageError as error:
            log.warning("%s", error)
            return Outcome(skipped=len(self.settings.pairs))

    def _plan(self, scheduled: float, now: float) -> list[Outcome]:
        timers = plan(scheduled, self.settings.interval_seconds, now)
        if not timers:
            log.warning("the minute after %s is over: not planned", format_timestamp(scheduled))
        if timers and self._queue is None:
            from .stores.queue import DelayQueue  # its client takes a tenth of a second to create

            self._queue = DelayQueue(self._timers_url)
        if timers:
            self._queue.send([(timer.body, timer.delay_seconds) for timer in timers])
        return []

    def _run_slot(self, slot: int, seconds: float) -> Outcome:
        put_deadline = time.monotonic() + seconds - min(MAX_PUT_SECONDS, seconds * 2 / 3)
        if 0 < (early := slot - time.time()) < MAX_EARLY_SECONDS:
            SYSTEM.sleep(early)
        outcome, lag = Outcome(), time.time() - slot
        if 0 <= lag < self.settings.interval_seconds:
            remaining = self.settings.interval_seconds - lag
            deadline = min(put_deadline - min(STORING_SECONDS, seconds / 6), time.monotonic() + remaining)
            samples: list[Sample] = []
            for ready in self._sampler.sample(deadline, slot):
                self._deliver(ready, put_deadline, outcome)
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
            elif error.reason not in QUIET_REASONS:
                outcome.failures.append(str(error))
            outcome.rejected += error is not None and error.reason == "rejected"
            outcome.skipped += error is not None and error.reason == "empty book"
        result = self._table.put([record for record, _ in samples], deadline)
        outcome.stored += result.stored
        outcome.duplicates += result.duplicates
        lost = [error for record, error in result.failed if record.reason is None]
        if lost:  # the lines themselves are in the log already
            log.error("%d record(s) not stored: %s", len(lost), lost[0])
            outcome.failures += map(str, lost)

    def _flush_metrics(self, outcome: Outcome) -> None:
        metrics.add_metric("StoredShare", MetricUnit.Count, outcome.stored_share(len(self.settings.pairs)))
        metrics.add_metric("Failures", MetricUnit.Count, len(outcome.failures))
        shares = [
            100 * exchange.used_weight / MARKETS[market].weight_per_minute
            for market, exchange in self.exchanges.items()
            if exchange.used_weight is not None
        ]
        if shares:
            metrics.add_metric("UsedWeight", MetricUnit.Percent, max(shares))
        metrics.flush_metrics()


def _exchange(settings: Settings, market: str) -> BinanceClient:
    urls, hints = settings.base_urls[market], settings.hints
    return BinanceClient(MARKETS[market], urls, hints=hints, may_freeze=True)


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
