"""The function: `handler.app.lambda_handler(event, context)`, run once a minute by the schedule."""

import gc

gc.disable()  # until the container is ready: see bootstrap.resume_garbage_collection

import os
import time
from collections.abc import Iterator
from functools import cache, partial
from typing import Any

from aws_lambda_powertools import Metrics
from aws_lambda_powertools.metrics import MetricUnit

from handler import bootstrap
from handler.errors import HandlerError
from handler.function_log import function_logger
from handler.invocation import HAND_OVER_REQUESTS, Invocation, RecordWriter, RejectedPairs, Tally, slots_for_event
from handler.safe_text import safe_text
from handler.secret_values import hide_credentials
from handler.settings import Settings
from handler.stores.dynamodb import dynamodb_client

hide_credentials(os.environ)
logger = function_logger()
metrics = Metrics(namespace="OrderBookImbalance", service=os.environ.get("AWS_LAMBDA_FUNCTION_NAME", "local"))

METRICS_ENABLED = os.environ.get("POWERTOOLS_METRICS_DISABLED", "").lower() not in ("true", "1")
"""If false, none is added: while they are disabled, Powertools still prints them once there are 100."""


class Function:
    """What lives as long as the container: settings, connections to the exchange, the table's client."""

    def __init__(self) -> None:
        self.settings = settings = Settings.read({}, os.environ)
        if settings.interval_seconds < 60:
            settings.check_weight(extra_requests=HAND_OVER_REQUESTS)
        self.exchange = bootstrap.build_exchange(settings, freezes=True)
        self.sampler = bootstrap.build_sampler(settings, self.exchange)
        table = bootstrap.build_table(settings, dynamodb_client(attempts=1))
        self.writer = RecordWriter(partial(print, flush=True), detail=True, store=table)
        self.rejected_pairs = RejectedPairs()
        bootstrap.resume_garbage_collection()

    def run(self, event: Any, seconds: float) -> Iterator[Tally]:
        """Sample what the event requests within so many seconds, and give the tally of each minute.

        Raises UsageError if the event's time is invalid.
        """
        interval_seconds = self.settings.interval_seconds
        slots = slots_for_event(event, interval_seconds, time.time())
        deadline = time.monotonic() + seconds
        return Invocation(
            self.sampler,
            self.writer,
            interval_seconds=interval_seconds,
            deadline=deadline,
            rejected_pairs=self.rejected_pairs,
        ).run(slots)


function = cache(Function)
"""The container's one Function, created at the first call."""


@logger.inject_lambda_context(correlation_id_path="execution_id")
def lambda_handler(event: Any, context: Any) -> dict[str, int]:
    """Sample, print and store. Raises HandlerError if any sample failed, after every other one is stored."""
    try:
        tally = Tally()
        for minute in function().run(event, context.get_remaining_time_in_millis() / 1000):
            if METRICS_ENABLED:
                _flush_metrics(minute)
            tally.add(minute)
        if tally.errors:
            raise HandlerError(f"{len(tally.errors)} failure(s), the first: {tally.errors[0]}")
    except HandlerError as error:  # the runtime logs it, not the logger
        raise type(error)(safe_text(error)) from None
    return {"stored": tally.stored, "duplicates": tally.duplicates, "skipped": tally.skipped}


def _flush_metrics(tally: Tally) -> None:
    metrics.add_metric("Sampled", MetricUnit.Count, tally.sampled)
    metrics.add_metric("Stored", MetricUnit.Count, tally.stored)
    metrics.add_metric("Duplicates", MetricUnit.Count, tally.duplicates)
    metrics.add_metric("Skipped", MetricUnit.Count, tally.skipped)
    metrics.add_metric("StoredSlots", MetricUnit.Count, tally.stored_slots(function().sampler.size))
    metrics.add_metric("Rejected", MetricUnit.Count, tally.rejected)
    metrics.add_metric("FetchFailures", MetricUnit.Count, tally.fetch_failures)
    metrics.add_metric("StoreFailures", MetricUnit.Count, tally.store_failures)
    for lag_seconds in tally.lags_seconds:
        metrics.add_metric("LagSeconds", MetricUnit.Seconds, lag_seconds)
    if (used_weight := function().exchange.used_weight) is not None:
        metrics.add_metric("UsedWeight", MetricUnit.Count, used_weight)
    metrics.flush_metrics()


if "AWS_LAMBDA_RUNTIME_API" in os.environ:  # in the init phase the CPU is not yet throttled to the function's share
    function()
