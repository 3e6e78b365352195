"""The events of the function: slots below a minute are planned as delayed messages, one for each slot.

EventBridge Scheduler starts the function once a minute, at any second of it. So the event of a minute plans the slots
of the next one, and the queue delivers each message when its slot begins.
"""

import json
from collections.abc import Mapping, Sequence
from math import ceil
from typing import Any

from .errors import InvalidTimestamp, UsageError
from .slots import format_timestamp, parse_iso_time, parse_timestamp, slot_start

MINUTE_SECONDS = 60


def plan(scheduled: float, interval_seconds: int, now: float) -> list[tuple[str, int]]:
    """Plan the slots of the minute after the scheduled one that are not over: `{"slot":"…"}` and its delay in seconds.

    Delays are whole seconds, rounded up, so that no message is early by more than the clocks differ.
    """
    first = slot_start(scheduled, MINUTE_SECONDS) + MINUTE_SECONDS
    slots = range(first, first + MINUTE_SECONDS, interval_seconds)
    return [
        (f'{{"slot":"{format_timestamp(slot)}"}}', max(0, ceil(slot - now)))
        for slot in slots
        if now < slot + interval_seconds
    ]


def scheduled_time(event: Any) -> float | None:
    """Read the time of the schedule's event, `scheduled_time`, or of a rule's event, `time`. Raises UsageError."""
    time = event.get("scheduled_time", event.get("time")) if isinstance(event, dict) else event
    if time is None:
        return None
    try:
        return parse_iso_time(time)
    except (InvalidTimestamp, TypeError) as error:
        advice = "send scheduled_time as YYYY-MM-DDThh:mm:ssZ, or {}"
        raise UsageError(f"the event's time is {time!r:.100}: {advice}") from error


def sqs_messages(event: Any) -> Sequence[Mapping[str, Any]] | None:
    """Return the messages that SQS delivers with an event; None if another service or a person sent it."""
    records = event.get("Records") if isinstance(event, dict) else None
    return records if isinstance(records, list) and all(isinstance(one, dict) for one in records) else None


def slot_of_message(message: Mapping[str, Any], interval_seconds: int) -> int:
    """Read the slot that a message names. Raises UsageError if it names none of this interval."""
    body = message.get("body")
    try:
        slot = parse_timestamp(json.loads(body)["slot"])  # type: ignore[arg-type] # a TypeError if it is no text
    except (InvalidTimestamp, ValueError, TypeError, KeyError, RecursionError) as error:
        raise UsageError(f'the message {body!r:.100} names no slot: send {{"slot":"2026-11-22T10:00:10Z"}}') from error
    if slot % interval_seconds:
        raise UsageError(f"no slot of {interval_seconds} s starts at {body}: another interval's timer")
    return slot
