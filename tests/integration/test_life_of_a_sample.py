"""The files that README lists as the life of a sample are those that run."""

import json
import re
import subprocess
import sys
import threading
import time
from pathlib import Path
from types import FrameType
from typing import Any

from support.fakes import StartExchange, StartRaw, http
from support.servers import AWS, clean_environment

ROOT = Path(__file__).parents[2]


def test_the_life_of_a_sample_is_what_the_readme_says(start_exchange: StartExchange, start_raw: StartRaw) -> None:
    """One warm sample, stored, runs through the listed files, in their order, and no others."""
    exchange = start_exchange(clock=time.time)  # on time, so that nothing is warned of
    table = start_raw(http("200 OK", b"{}", x_amzn_RequestId="1"))  # every put succeeds
    variables = {"OBI_SYMBOLS": "BTC", "OBI_BASE_URL": exchange.url, "OBI_TABLE": "obi"}
    environment = AWS | variables | {"AWS_ENDPOINT_URL_DYNAMODB": table.url, "PYTHONPATH": f"{ROOT}:{ROOT}/tests"}
    done = subprocess.run(
        [sys.executable, __file__], cwd=ROOT, env=clean_environment(**environment), capture_output=True, text=True,
        timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    answer, files = json.loads(done.stdout.splitlines()[-1])
    assert answer == {"stored": 1, "duplicates": 0, "skipped": 0}
    _, _, text = (ROOT / "README.md").read_text().partition("The life of a sample")
    assert len(files) <= 13
    assert files == re.findall(r"^\d+\. \[[^\]]+\]\((handler/[\w/]+\.py)\)", text, re.MULTILINE)


def profile() -> None:
    """Invoke the function twice; print the second answer and the files of `handler/` that ran, by their first call."""
    from handler.app import lambda_handler
    from infra.testkit.lambda_container import LambdaContext

    context = LambdaContext(time.monotonic() + 60)
    files: dict[str, None] = {}
    is_warm = False

    def note(frame: FrameType, event: str, _argument: Any) -> None:
        path = Path(frame.f_code.co_filename)
        if is_warm and event == "call" and path.is_relative_to(ROOT / "handler"):
            files[str(path.relative_to(ROOT))] = None

    threading.setprofile(note)  # for the threads that the first sample starts
    lambda_handler({}, context)
    is_warm = True
    sys.setprofile(note)
    answer = lambda_handler({}, context)
    sys.setprofile(None)
    print(json.dumps([answer, list(files)]))


if __name__ == "__main__":
    profile()
