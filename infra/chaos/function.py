"""`python -m infra.chaos.function RESULTS`: a container of the function, as Lambda runs it, one event after the other.

Reads a JSON object a line, `{"id", "event", "seconds", "offset"}`: what is delivered, how long the function may take,
and what the container's wall clock is ahead of this machine's. Writes what came of each to the file RESULTS.
"""

import json
import sys
import time
import traceback
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from handler.errors import HandlerError

_wall = time.time


@dataclass(frozen=True, slots=True)
class Context:
    """What Lambda hands the function besides the event."""

    deadline: float
    aws_request_id: str
    function_name: str = "chaos"
    memory_limit_in_mb: int = 256
    invoked_function_arn: str = "arn:aws:lambda:us-east-1:000000000000:function:chaos"

    def get_remaining_time_in_millis(self) -> int:
        """Milliseconds until the function would be stopped."""
        return max(int((self.deadline - time.monotonic()) * 1000), 0)


def main() -> None:
    """Serve events until stdin ends."""
    results = Path(sys.argv[1])
    for line in sys.stdin:
        request = json.loads(line)
        outcome = _invoke(request)
        with results.open("a") as file:
            file.write(json.dumps({"id": request["id"], **outcome}) + "\n")


def _invoke(request: dict[str, Any]) -> dict[str, Any]:
    time.time = lambda: _wall() + request["offset"]
    from handler.app import lambda_handler  # reads its settings when first called

    print(f"START RequestId: {request['id']} Version: $LATEST", flush=True)
    try:
        context = Context(time.monotonic() + request["seconds"], request["id"])
        return {"returned": lambda_handler(request["event"], context)}
    except HandlerError as error:
        return {"raised": f"{type(error).__name__}: {error}"}
    except Exception:
        return {"crashed": traceback.format_exc()}
    finally:
        print(f"END RequestId: {request['id']}", flush=True)


if __name__ == "__main__":
    main()
