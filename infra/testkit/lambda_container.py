"""`python -m infra.testkit.lambda_container`: a Lambda container, which invokes the function event by event.

Reads one JSON object per line from stdin: `{"id", "event", "seconds"}`, where `seconds` is the function's timeout.
Prints each result behind RESULT: `{"id", "returned": …}`, or `{"id", "raised": "Type: message"}`.
"""

import json
import sys
import time
from dataclasses import dataclass
from typing import Any

from handler.app import lambda_handler


@dataclass(frozen=True, slots=True)
class LambdaContext:
    """The part of the context that the function and Powertools use. `deadline` is on the monotonic clock."""

    deadline: float
    aws_request_id: str = "local"
    function_name: str = "sampler"
    memory_limit_in_mb: int = 256
    invoked_function_arn: str = "arn:aws:lambda:us-east-1:123456789012:function:sampler"

    def get_remaining_time_in_millis(self) -> int:
        """Milliseconds until Lambda would stop the function."""
        return max(int((self.deadline - time.monotonic()) * 1000), 0)


def main() -> None:
    """Serve events until stdin ends."""
    for line in sys.stdin:
        request = json.loads(line)
        print(f"START RequestId: {request['id']} Version: $LATEST", flush=True)
        print("RESULT", json.dumps({"id": request["id"], **_invoke(request)}), flush=True)


def _invoke(request: dict[str, Any]) -> dict[str, Any]:
    context = LambdaContext(time.monotonic() + request["seconds"], request["id"])
    try:
        return {"returned": lambda_handler(request["event"], context)}
    except Exception as error:
        return {"raised": f"{type(error).__name__}: {error}"}


if __name__ == "__main__":
    main()
