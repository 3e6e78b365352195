"""The timers' queue: what SQS does not acknowledge was not sent."""

import json

import pytest
from support.fakes import StartRaw, http
from support.servers import AWS

from handler.errors import StoreError
from handler.stores.queue import ATTEMPTS, DelayQueue


def answer(sent: list[str], failed: list[dict[str, object]]) -> bytes:
    """The response to a batch."""
    successful = [{"Id": number, "MessageId": "m", "MD5OfMessageBody": "d"} for number in sent]
    return http("200 OK", json.dumps({"Successful": successful, "Failed": failed}).encode())


FAILED = {"Id": "1", "Code": "InternalError", "SenderFault": False}


@pytest.mark.parametrize(
    ("answers", "requests", "message"),
    [
        ([answer(["0", "1"], [])], 1, None),
        ([answer(["0"], [FAILED]), answer(["1"], [])], 2, None),
        ([answer(["0"], []), answer(["1"], [])], 2, None),
        ([answer(["0"], [FAILED])], ATTEMPTS, "did not take 1 messages: InternalError$"),
        ([answer(["0"], [FAILED | {"Message": "try later"}])], ATTEMPTS, "did not take 1 messages: try later$"),
        ([http("200 OK", b"{}")], ATTEMPTS, "did not take 2 messages: it did not say why$"),
        ([http("403 Forbidden", b"{}")], 1, "slots of the next minute may not be planned$"),
    ],
)
def test_send(
    start_raw: StartRaw, monkeypatch: pytest.MonkeyPatch, answers: list[bytes], requests: int, message: str | None
) -> None:
    """A message counts as sent only if the answer names it; the others are sent again, and named in the end."""
    for name, value in AWS.items():
        monkeypatch.setenv(name, value)
    server = start_raw(*answers)
    monkeypatch.setenv("AWS_ENDPOINT_URL_SQS", server.url)
    queue = DelayQueue(f"{server.url}/1/timers")
    if message is None:
        queue.send([("a", 0), ("b", 10)])
    else:
        with pytest.raises(StoreError, match=f"^the timers' queue.*{message}"):
            queue.send([("a", 0), ("b", 10)])
    assert len(server.heads) == requests
