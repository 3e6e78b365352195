"""A model of EventBridge Scheduler and Lambda: when events arrive, in which container, and what CloudWatch counts."""

import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from handler.slots import format_timestamp
from infra.simulator.timeline import TimedOut, Timeline

MINUTE = 60
COLD_START_SECONDS = (0.8, 2.0)
RETIRED_SHARE = 0.02
"""The share of invocations after which Lambda discards the container."""
MAX_CONCURRENCY = 10
"""How many functions a new account may run at a time: https://github.com/awslabs/fhir-works-on-aws-deployment/issues/691"""
MAX_EVENT_AGE_SECONDS = 60
"""How long Lambda queues an event that is throttled (MaximumEventAgeInSeconds)."""
MAX_DUPLICATE_SECONDS = 30.0

Metrics = Counter[tuple[str, int]]
"""Metric and minute since the start → its sum."""


@dataclass(frozen=True, slots=True)
class Schedule:
    """When the events of so many minutes arrive. `max_jitter_seconds` is added to the delay at random."""

    minutes: int = 60
    delay_seconds: float = 0.0
    max_jitter_seconds: float = 0.0
    dropped_share: float = 0.0
    duplicated_share: float = 0.0
    dropped_minutes: frozenset[int] = frozenset()
    disabled_minutes: frozenset[int] = frozenset()
    """Minutes in which the schedule does not fire, and nothing counts that."""


@dataclass(slots=True)
class Container:
    """One container."""

    function: Any = None
    frozen_seconds: float = 0.0
    idle_since: float = 0.0


@dataclass(slots=True)
class Cloud:
    """Delivers the events of a schedule to a function, in as many containers as are needed.

    `invoke` runs the function in a container, with so many seconds; it is true unless it fails.
    """

    timeline: Timeline
    draw: random.Random
    invoke: Callable[[Container, Any, float], bool]
    timeout_seconds: float
    frozen_clock: bool = False
    concurrency: int = MAX_CONCURRENCY
    metrics: Metrics = field(default_factory=Counter)
    dropped: set[int] = field(default_factory=set)
    """The minutes whose event never arrived."""
    invocations: list[tuple[float, float]] = field(default_factory=list)
    """When each began and ended."""
    max_running: int = 0
    _idle: list[Container] = field(default_factory=list)
    _running: int = 0

    def count(self, metric: str, value: int = 1) -> None:
        """Add to a metric of the current minute."""
        self.metrics[metric, int(self.timeline.now - self.timeline.start) // MINUTE] += value

    def run(self, schedule: Schedule) -> None:
        """Let the schedule fire, and everything end."""
        for minute in range(schedule.minutes):
            due = self.timeline.start + minute * MINUTE
            delay = schedule.delay_seconds + self.draw.uniform(0, schedule.max_jitter_seconds)
            is_dropped = self.draw.random() < schedule.dropped_share or minute in schedule.dropped_minutes
            event = {"scheduled_time": format_timestamp(due), "execution_id": f"execution-{minute}"}
            if minute in schedule.disabled_minutes:
                self.dropped.add(minute)
            elif is_dropped:
                self.dropped.add(minute)
                self.timeline.at(due + delay, self._drop)
            else:
                self.timeline.at(due + delay, partial(self._accept, event, due + delay))
                if self.draw.random() < schedule.duplicated_share:
                    again = due + delay + self.draw.uniform(0, MAX_DUPLICATE_SECONDS)
                    self.timeline.at(again, partial(self._accept, event, again))
        self.timeline.run()

    def _drop(self) -> None:
        self.count("InvocationDroppedCount")
        self.count("NumberOfMessagesSent")

    def _accept(self, event: Any, accepted_at: float) -> None:
        if self._running < self.concurrency:
            self._start(event)
            return
        self.count("Throttles")
        retry_at = self.timeline.now + 2.0
        if retry_at - accepted_at <= MAX_EVENT_AGE_SECONDS:
            self.timeline.at(retry_at, partial(self._accept, event, accepted_at))
        else:
            self.count("AsyncEventsDropped")
            self.count("NumberOfMessagesSent")

    def _start(self, event: Any) -> None:
        container = self._idle.pop() if self._idle else Container()
        seconds = 0.0
        if container.function is None:
            seconds = self.draw.uniform(*COLD_START_SECONDS)
        elif self.frozen_clock:
            container.frozen_seconds += self.timeline.now - container.idle_since
        self._running += 1
        self.max_running = max(self.max_running, self._running)
        begin = self.timeline.now + seconds
        run = partial(self._run, container, event)
        start = partial(self.timeline.start_task, run, begin + self.timeout_seconds, container.frozen_seconds)
        self.timeline.at(begin, start)

    def _run(self, container: Container, event: Any) -> None:
        begin = self.timeline.now
        self.count("Invocations")
        try:
            succeeded, survives = self.invoke(container, event, self.timeout_seconds), True
        except TimedOut:
            succeeded = survives = False
        if not succeeded:
            self.metrics["Errors", int(begin - self.timeline.start) // MINUTE] += 1
            self.count("NumberOfMessagesSent")
        self.invocations.append((begin, self.timeline.now))
        self._running -= 1
        if survives and self.draw.random() >= RETIRED_SHARE:
            container.idle_since = self.timeline.now
            self._idle.append(container)
