"""A contender that keeps running: it reads commands from stdin, and responds with what each took."""

import json
import os
import re
import sys
import time
from collections.abc import Sequence
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

from infra.bench.contender import THREADS, Contender


class Store:
    """Storing as a script around a peer does it: boto3's Table, configured by the environment."""

    def __init__(self) -> None:
        from concurrent.futures import ThreadPoolExecutor

        import boto3
        from botocore.config import Config

        self._table = boto3.resource("dynamodb", config=Config(max_pool_connections=THREADS)).Table("obi")
        self._pool = ThreadPoolExecutor(THREADS)

    def put(self, lines: Sequence[str]) -> None:
        """Put the record of each line, one after the other."""
        for text in lines:
            self._put(text)

    def put_concurrently(self, lines: Sequence[str]) -> None:
        """Put the record of each line, in threads."""
        list(self._pool.map(self._put, lines))

    def _put(self, text: str) -> None:
        from decimal import Decimal

        from boto3.dynamodb.conditions import Attr

        record: dict[str, Any] = json.loads(text, parse_float=Decimal)
        keys = {"series": f"{record['symbol']}#{record['levels']}", "slot": record["timestamp"]}
        self._table.put_item(Item=keys | record, ConditionExpression=Attr("series").not_exists())


def serve(contender: Contender) -> None:
    """Run commands until stdin ends. Record lines go to /dev/null, one write each, as to a pipe."""
    with Path(os.devnull).open("w", encoding="utf-8") as sink:
        for text in sys.stdin:
            print(json.dumps(_measured(contender, json.loads(text), sink)), flush=True)


def _measured(contender: Contender, command: dict[str, Any], sink: Any) -> dict[str, float]:
    cpu, wall = time.process_time(), time.perf_counter()
    lines = _run_command(contender, command, sink)
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    records = [json.loads(line) for line in lines]
    obi = sum(float(record["obi"]) for record in records)
    skew = _skew_seconds([record["received_at"] for record in records if "received_at" in record])
    return {"cpu": cpu, "wall": wall, "lines": len(lines), "obi": obi, "peak_mb": _peak_mb(), "skew": skew}


def _skew_seconds(received_at: Sequence[str]) -> float:
    """From the first to the last of such times; 0 where there are none."""
    times = [datetime.fromisoformat(text).timestamp() for text in received_at]
    return max(times) - min(times) if times else 0.0


def _peak_mb() -> float:
    """The peak memory of this process. getrusage would include the parent's at the time of the start."""
    found = re.search(r"VmHWM:\s*(\d+) kB", Path("/proc/self/status").read_text(encoding="utf-8"))
    return int(found[1]) / 1024 if found else 0.0


def _run_command(contender: Contender, command: dict[str, Any], sink: Any) -> list[str]:
    own: Any = getattr(contender, "run_command", None)
    if own is not None:  # it prints and stores by itself
        lines: list[str] = own(**command)
        return lines
    is_sweep = "symbols" in command
    if is_sweep:
        lines = contender.sweep(command["symbols"], command["levels"])
    else:
        lines = contender.samples(command["symbol"], command["levels"], command["count"])
    for text in lines:
        print(text, file=sink, flush=True)
    if command.get("store"):
        store = _store()
        (store.put_concurrently if is_sweep else store.put)(lines)
    return lines


@cache
def _store() -> Store:
    return Store()
