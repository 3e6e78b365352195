"""`python -m infra.testkit.lambda_container RESULTS`: a Lambda container, which invokes the function event by event.

Reads one JSON object per line from stdin: `{"id", "event", "seconds"}`, where `seconds` is the function's timeout.
Appends each result to the file RESULTS: `{"id", "returned": …}`, or `{"id", "raised": "Type: message"}`.
"""

import json
import sys
import time
from pathlib import Path
from typing import Any

from handler.app import lambda_handler
from infra.testkit.lambda_context import LambdaContext


def main() -> None:
    """Serve events until stdin ends."""
    with Path(sys.argv[1]).open("a") as results:
        for line in sys.stdin:
            request = json.loads(line)
            print(f"START RequestId: {request['id']} Version: $LATEST", flush=True)
            print(json.dumps({"id": request["id"], **_invoke(request)}), file=results, flush=True)


def _invoke(request: dict[str, Any]) -> dict[str, Any]:
    context = LambdaContext(time.monotonic() + request["seconds"], request["id"])
    try:
        return {"returned": lambda_handler(request["event"], context)}
    except Exception as error:
        return {"raised": f"{type(error).__name__}: {error}"}


if __name__ == "__main__":
    main()
