"""Records without a market: made up, the same at every run, and the table that is filled with them."""

import random
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import chain, islice
from pathlib import Path
from typing import Any

from handler.record import Record
from handler.slots import format_timestamp, parse_timestamp
from handler.stores.items import item_from_record

START = parse_timestamp("2024-01-01T00:00:00Z")
MINUTE, DAY = 60, 86_400
BATCH = 25


def records(symbol: str, step: int = 1) -> Iterator[Record]:
    """A detailed record every so many minutes, for ever."""
    chance = random.Random(symbol)
    number = 0
    while True:
        values = [round(chance.random(), 6) for _ in range(6)]
        yield Record(
            format_timestamp(START + number * step * MINUTE + 3),
            symbol,
            round(chance.uniform(-1, 1), 6),
            round(chance.uniform(0, 1e6), 6),
            round(chance.uniform(0, 1e6), 6),
            5,
            values[0],
            round(90_000 + values[1], 2),
            round(90_001 + values[2], 2),
            round(90_000.5 + values[3], 3),
            values[3],
            5,
            5,
            values[4],
            values[5],
            70_000_000_000 + number,
            "data-api.binance.vision",
            round(chance.uniform(1, 200), 3),
        )
        number += 1


def write_lines(file: Path, count: int) -> None:
    """A file of so many lines, as the sampler prints them."""
    with file.open("w", encoding="utf-8") as lines:
        lines.writelines(f"{one.to_line(detail=True)}\n" for one in islice(records("BTCUSDT"), count))


def fill(dynamodb: Any, table: str, *, every_minute: int, every_other: int) -> None:
    """So many records of BTCUSDT without a gap, and of ETHUSDT with one after each."""
    series = [islice(records("BTCUSDT"), every_minute), islice(records("ETHUSDT", 2), every_other)]

    def write(part: Sequence[Record]) -> None:
        requests = {table: [{"PutRequest": {"Item": item_from_record(record, MINUTE)}} for record in part]}
        while requests:
            requests = dynamodb.batch_write_item(RequestItems=requests)["UnprocessedItems"]

    with ThreadPoolExecutor(2) as pool:
        for several in _parts(_parts(chain(*series), BATCH), 400):
            list(pool.map(write, several))


def _parts(things: Iterable[Any], size: int) -> Iterator[list[Any]]:
    rest = iter(things)
    while part := list(islice(rest, size)):
        yield part
