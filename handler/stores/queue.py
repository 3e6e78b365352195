"""The queue of the function's timers, on SQS."""

from collections.abc import Sequence
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from ..errors import StoreError

BATCH_SIZE = 10  # https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessageBatch.html
ATTEMPTS = 3


class DelayQueue:
    """An SQS queue, by its URL, whose messages are delivered after a delay.

    DelayQueue("https://sqs.eu-west-1.amazonaws.com/123456789012/timers").send([('{"slot":"…"}', 10)])
    """

    def __init__(self, url: str) -> None:
        self._url = url
        retries: Any = {"mode": "standard", "total_max_attempts": ATTEMPTS}
        self._client = boto3.client("sqs", config=Config(connect_timeout=2.0, read_timeout=3.0, retries=retries))

    def send(self, messages: Sequence[tuple[str, int]]) -> None:
        """Send messages, each with its delay in seconds. Raises StoreError if one cannot be sent."""
        entries = [
            {"Id": str(number), "MessageBody": body, "DelaySeconds": delay}
            for number, (body, delay) in enumerate(messages)
        ]
        try:
            for _ in range(ATTEMPTS):
                batches = [entries[start : start + BATCH_SIZE] for start in range(0, len(entries), BATCH_SIZE)]
                answers = [self._client.send_message_batch(QueueUrl=self._url, Entries=batch) for batch in batches]
                sent = {each["Id"] for answer in answers for each in answer.get("Successful", ())}
                failed = [each for answer in answers for each in answer.get("Failed", ())]
                entries = [entry for entry in entries if entry["Id"] not in sent]
                if not entries:
                    return
        except (BotoCoreError, ClientError, OSError) as error:
            raise StoreError(f"the timers' queue: {error}; slots of the next minute may not be planned") from error
        why = (failed[0].get("Message") or failed[0]["Code"]) if failed else "it did not say why"
        raise StoreError(f"the timers' queue did not take {len(entries)} messages: {why}")
