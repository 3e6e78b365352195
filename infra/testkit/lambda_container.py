"""`python -m infra.testkit.lambda_container RESULTS`: a Lambda container, which invokes the function event by event.

Reads one JSON object per line from stdin: `{"id", "event", "seconds"[, "clock_offset"]}`, where `seconds` is the
function's timeout and `clock_offset` is how far the wall clock is ahead. Appends each result to the file RESULTS:
`{"id", "returned": …}`, or `{"id", "raised": "Type: message"}`, with a `traceback` unless it is a HandlerError.
"""

import json
import sys
import time
import traceback
from pathlib import Path
from typing import Any

_system_time = time.time
_clock_offset = 0.0


def _time() -> float:
    return _system_time() + _clock_offset


time.time = _time  # before the function is imported: its clock keeps a reference

from handler.app import lambda_handler
from handler.errors import HandlerError
from infra.testkit.lambda_context import LambdaContext


def main() -> None:
    """Serve events until stdin ends."""
    with Path(sys.argv[1]).open("a") as results:
        for line in sys.stdin:
            request = json.loads(line)
            _set_clock(request.get("clock_offset", 0))
            print(f"START RequestId: {request['id']} Version: $LATEST Time: {time.time()}", flush=True)
            result = _invoke(request)
            print(f"END RequestId: {request['id']}", flush=True)
            print(json.dumps({"id": request["id"], **result}), file=results, flush=True)


def _set_clock(offset: float) -> None:
    global _clock_offset
    _clock_offset = offset


def _invoke(request: dict[str, Any]) -> dict[str, Any]:
    context = LambdaContext(time.monotonic() + request["seconds"], request["id"])
    try:
        return {"returned": lambda_handler(request["event"], context)}
    except HandlerError as error:
        return {"raised": f"{type(error).__name__}: {error}"}
    except Exception as error:
        return {"raised": f"{type(error).__name__}: {error}", "traceback": traceback.format_exc()}


if __name__ == "__main__":
    main()
