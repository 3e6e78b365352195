"""What every act stands on: a table of its own, chance, time, and `load` at the end."""

import random
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from infra.chaos import processes
from infra.chaos.proxy import TableProxy


@dataclass(frozen=True, slots=True)
class Stage:
    """What every act is given: a folder for its files, the port of the tables, chance, and how long it may take."""

    folder: Path
    tables: int
    seed: int
    seconds: float

    def draw(self, act: str) -> random.Random:
        """Chance of an act's own: the same for the same seed."""
        return random.Random(f"{self.seed}/{act}")


def with_password(url: str) -> str:
    """A base URL with credentials in it, which nothing may tell."""
    return url.replace("//", f"//user:{processes.PASSWORD}@")


def create_table(port: int, name: str) -> None:
    """Create a table as template.yaml does."""
    processes.client(port).create_table(
        TableName=name,
        AttributeDefinitions=[{"AttributeName": key, "AttributeType": "S"} for key in ("series", "slot")],
        KeySchema=[{"AttributeName": "series", "KeyType": "HASH"}, {"AttributeName": "slot", "KeyType": "RANGE"}],
        BillingMode="PAY_PER_REQUEST",
    )


Items = list[dict[str, Any]]


def load(stage: Stage, act: str, printed: Sequence[Path], interval: int = 1) -> tuple[Items, Items, list[str]]:
    """Load what was printed, twice; what the table held before and after, and what did not go as it should."""
    problems = []
    before = processes.items(stage.tables, act)
    counts = []
    for turn in ("first", "second"):
        code, _, said = processes.run(
            stage.folder / f"{act}-load-{turn}",
            *("handler", "load", *map(str, printed), "--table", act, "--interval_seconds", str(interval)),
            variables={"AWS_ENDPOINT_URL_DYNAMODB": f"http://127.0.0.1:{stage.tables}"},
        )
        counts.append(said.partition("loaded ")[2].partition(",")[0])
        if code:
            problems.append(f"the {turn} load ended with {code}: {said[-300:]}")
    after = processes.items(stage.tables, act)
    if counts != [str(len(after) - len(before)), "0"]:
        problems.append(f"load counted {counts}, and the table grew by {len(after) - len(before)}")
    return before, after, problems


def wait_until(moment: float) -> None:
    """Sleep until a moment of the monotonic clock."""
    time.sleep(max(moment - time.monotonic(), 0))


def faults(requests: Iterable[Any], proxy: TableProxy) -> Counter[str]:
    """What went wrong on the way to the exchange, and to the table."""
    met = Counter(asked.fault for asked in requests)
    met.update({f"table {name}": count for name, count in proxy.counts.items() if name != "ok"})
    del met["ok"], met["closed"]
    return met
