"""The queue of the function's timers. boto3's client of SQS is created with the first messages that are sent."""

from collections.abc import Sequence
from functools import cached_property
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from .. import __version__
from ..errors import StoreError

BATCH_SIZE = 10  # https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessageBatch.html
ATTEMPTS = 3


class DelayQueue:
    """An SQS queue, by its URL, whose messages are delivered after a delay.

    DelayQueue("https://sqs.eu-west-1.amazonaws.com/123456789012/timers").send([('{"slot":"…"}', 10)])
    """

    def __init__(self, url: str, client: Any = None) -> None:
        self._url = url
        self._given = client

    def send(self, messages: Sequence[tuple[str, int]]) -> None:
        """Send messages, each with its delay in seconds. Raises StoreError if one cannot be sent."""
        for start in range(0, len(messages), BATCH_SIZE):
            self._send_batch(messages[start : start + BATCH_SIZE])

    def _send_batch(self, messages: Sequence[tuple[str, int]]) -> None:
        entries = [
            {"Id": str(number), "MessageBody": body, "DelaySeconds": delay}
            for number, (body, delay) in enumerate(messages)
        ]
        failed: list[dict[str, Any]] = []
        for _ in range(ATTEMPTS):
            try:
                failed = self._client.send_message_batch(QueueUrl=self._url, Entries=entries).get("Failed", [])
            except (BotoCoreError, ClientError, OSError) as error:
                raise StoreError(f"the timers' queue: {error}; the slots of the next minute are not planned") from error
            if not failed:
                return
            ids = {each["Id"] for each in failed}
            entries = [entry for entry in entries if entry["Id"] in ids]
        raise StoreError(f"the timers' queue did not take {len(failed)} messages: {failed[0].get('Message')}")

    @cached_property
    def _client(self) -> Any:
        if self._given is not None:
            return self._given
        config = Config(
            connect_timeout=2.0,
            read_timeout=3.0,
            retries={"mode": "standard", "total_max_attempts": ATTEMPTS},
            user_agent=f"order-book-imbalance/{__version__}",
        )
        return boto3.Session().client("sqs", config=config)
