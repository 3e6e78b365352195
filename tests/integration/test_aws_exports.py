"""A thousand records that the AWS command line reads from CloudWatch Logs, here from moto, come out as they went in.

Its version 1: what only version 2 writes, `aws logs tail` and YAML, is in tests/unit/test_log_formats.py.
"""

import io
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.servers import AWS, aws_client, clean_environment

from handler.record import Record
from handler.slots import format_timestamp
from handler.stores.find_records import RecordFinder

CLI = Path(sys.executable).with_name("aws")
GROUP, STREAM = "/aws/lambda/obi", "2026/11/22/[$LATEST]0a1b"
NOW = time.time() // 60 * 60 - 3600
RECORDS = [
    Record(format_timestamp(NOW + number), "BTCUSDT", number / 1000, 150_000.5 + number, 0.1, 5, host="\N{SNOWMAN}")
    for number in range(1000)
]
COMMANDS = {
    "filter-log-events": ["filter-log-events", "--log-group-name", GROUP],
    "filter-log-events --output text": ["filter-log-events", "--log-group-name", GROUP, "--output", "text"],
    "filter-log-events --query": ["filter-log-events", "--log-group-name", GROUP, "--query", "events[].message"],
    "get-log-events": ["get-log-events", "--log-group-name", GROUP, "--log-stream-name", STREAM, "--start-from-head"],
}


@pytest.fixture(scope="module")
def logs_url(moto_url: str) -> Iterator[str]:
    """CloudWatch Logs that hold what the function printed."""
    with aws_client("logs", moto_url) as client:
        client.create_log_group(logGroupName=GROUP)
        client.create_log_stream(logGroupName=GROUP, logStreamName=STREAM)
        for start in range(0, 1000, 100):
            messages = [f"{record.to_line(detail=True)}\n" for record in RECORDS[start : start + 100]]
            client.put_log_events(
                logGroupName=GROUP,
                logStreamName=STREAM,
                logEvents=[
                    {"timestamp": int((NOW + start + number) * 1000), "message": message}
                    for number, record in enumerate(messages)
                    for message in (f"START RequestId: {number}\n", record)
                ],
            )
        yield moto_url


@pytest.mark.parametrize("name", COMMANDS)
def test_what_the_aws_command_line_writes_is_read(logs_url: str, name: str) -> None:
    command: list[str | Path] = [sys.executable, CLI, "logs", *COMMANDS[name], "--endpoint-url", logs_url]
    done = subprocess.run(command, env=clean_environment(**AWS, PYTHONUTF8="1"), capture_output=True, check=True)
    found = [what for _, what in RecordFinder().find(io.BytesIO(done.stdout))]
    assert found == RECORDS
