"""The real `lambda_handler` in simulated containers: each has its own Function; they share the state of the module."""

import io
import json
import os
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, redirect_stdout
from types import ModuleType
from typing import Any
from unittest.mock import patch

from handler.errors import HandlerError
from infra.simulator.cloud import Cloud, Container
from infra.simulator.network import DelayedTable, Network, TableClient, delayed_requests
from infra.simulator.timeline import current_task
from infra.testkit.lambda_context import LambdaContext


class FunctionLog(io.TextIOBase):
    """Takes what the function prints: the sums of its metrics, how many records, and its messages."""

    def __init__(self) -> None:
        self.records = 0
        self.messages: Counter[str] = Counter()
        self.cloud: Cloud | None = None
        self._line = ""

    def reset(self, cloud: Cloud) -> None:
        """Begin a new run."""
        self.records, self.cloud = 0, cloud
        self.messages.clear()

    def write(self, text: str) -> int:
        """Called by print and by logging."""
        *lines, self._line = (self._line + text).split("\n")
        for line in filter(None, lines):
            self._add(json.loads(line))
        return len(text)

    def _add(self, values: dict[str, Any]) -> None:
        if "_aws" in values and self.cloud:
            (directive,) = values["_aws"]["CloudWatchMetrics"]
            for metric in directive["Metrics"]:
                if metric["Unit"] == "Count" and metric["Name"] != "UsedWeight":
                    self.cloud.count(metric["Name"], int(sum(values[metric["Name"]])))
        elif "obi" in values:
            self.records += 1
        elif "message" in values:
            self.messages[str(values["message"])] += 1


LOG = FunctionLog()
"""The one log of this process: logging keeps the stdout that it found when the handler was loaded."""


class SimulatedFunction:
    """Invokes the handler; the table's client is that of the simulation."""

    def __init__(self, app: ModuleType) -> None:
        self._app = app
        self._container: dict[Any, Container] = {}

    def function(self) -> Any:
        """The Function of the container that this task runs in."""
        return self._container[current_task()].function

    def invoke(self, container: Container, event: Any, seconds: float) -> bool:
        """One invocation; false if it fails."""
        task = current_task()
        self._container[task] = container
        try:
            container.function = container.function or self._app.Function()
            self._app.lambda_handler(event, LambdaContext(time.monotonic() + seconds))
        except HandlerError:
            return False
        finally:
            del self._container[task]
        return True


@contextmanager
def simulated_function(
    variables: Mapping[str, str], network: Network, table: TableClient
) -> Iterator[SimulatedFunction]:
    """The handler with a network, an environment and a stdout of its own; the clock must be installed."""
    with ExitStack() as stack:
        stack.enter_context(patch.dict(os.environ, variables))
        stack.enter_context(redirect_stdout(LOG))
        stack.enter_context(delayed_requests(network))
        from handler import app

        simulated = SimulatedFunction(app)
        stack.enter_context(patch.object(app, "function", simulated.function))
        stack.enter_context(patch.object(app, "dynamodb_client", lambda **_: DelayedTable(network, table)))
        yield simulated
