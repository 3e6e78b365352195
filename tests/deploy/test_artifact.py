"""What `sam build` makes: only what the function needs, for Lambda's machines, and that under Lambda's own runtime."""

import re
import socket
import sys
import zipfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from support.container import this_minute
from support.tables import StoredTable

from deploy.emulator import Emulator, emulate
from deploy.tools import ROOT, RUNTIME, run
from handler.record import Record
from infra.fake_exchange import FakeExchange

MAX_ZIP_BYTES = 8_000_000
StartFunction = Callable[..., Emulator]


def sources(directory: Path) -> dict[str, bytes]:
    return {str(path.relative_to(directory)): path.read_bytes() for path in directory.rglob("*.py")}


def test_contents(artifact: Path, tmp_path: Path) -> None:
    """It holds the handler without commands, and its dependencies, and nothing else."""
    top = {path.name for path in artifact.iterdir()} - {"__pycache__"}
    libraries = {"aws_lambda_powertools", "boto3", "botocore", "certifi", "charset_normalizer", "dateutil", "idna"}
    libraries |= {"jmespath", "msgspec", "requests", "s3transfer", "six.py", "typing_extensions.py", "urllib3"}
    assert top == libraries | {"handler"}
    product = sources(ROOT / "handler")
    expected = {name: text for name, text in product.items() if name != "__main__.py" and not name.startswith("cli/")}
    assert sources(artifact / "handler") == expected
    data = artifact / "botocore/data"
    assert sorted(path.name for path in data.iterdir() if path.is_dir()) == ["dynamodb", "sqs"]
    with zipfile.ZipFile(tmp_path / "zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for path in artifact.rglob("*"):
            archive.write(path, path.relative_to(artifact))
    size = (tmp_path / "zip").stat().st_size
    print(f"the zip is {size / 1e6:.2f} MB")
    assert size <= MAX_ZIP_BYTES


def test_nothing_is_compiled_for_another_machine(artifact: Path) -> None:
    libraries = {str(path.relative_to(artifact)): path for path in artifact.rglob("*.so*")}
    assert libraries  # or this proves nothing
    assert [name for name in libraries if "cpython-313-aarch64-linux-gnu" not in name] == []
    assert {path.read_bytes()[18:20] for path in libraries.values()} == {b"\xb7\x00"}  # EM_AARCH64 in the ELF header


def test_clients_have_the_endpoints_that_all_of_boto3_gives_them(runnable: Path) -> None:
    """Only services that the function does not call are gone from endpoints.json: no region, no partition."""
    code = (
        "import boto3; session = boto3.Session(); print([(region, session.client(service, region).meta.endpoint_url)"
        " for service in ('dynamodb', 'sqs') for partition in ('aws', 'aws-cn', 'aws-us-gov')"
        " for region in session.get_available_regions(service, partition)[:4]])"
    )
    trimmed = run(RUNTIME, "-P", "-S", "-B", "-c", code, PYTHONPATH=str(runnable))
    assert "('us-gov-west-1', 'https://dynamodb.us-gov-west-1.amazonaws.com')" in trimmed
    assert trimmed == run(sys.executable, "-c", code)


def test_nothing_is_missing_or_left_to_be_compiled_at_the_cold_start(runnable: Path) -> None:
    """Lambda's file system is read-only: what is not compiled here would be compiled at every start."""
    code = "import handler.app, handler.stores.queue; print(handler.app.Table.__module__)"
    log = run(RUNTIME, "-v", "-P", "-S", "-B", "-c", code, PYTHONPATH=str(runnable))
    assert "handler.stores.table" in log
    if "3.13" not in run(RUNTIME, "--version"):
        pytest.skip("python3.13, whose bytecode it would be, is not on this machine")
    loaded = set(re.findall(rf"code object from '?({runnable}/[^\s']+)", log))
    assert f"{runnable}/handler/__pycache__/app.cpython-313.pyc" in loaded
    assert [path for path in loaded if not path.endswith(".pyc")] == []


def test_a_cold_start_loads_no_client_of_the_queue_and_no_reader(runnable: Path) -> None:
    code = "import sys, handler.app; print(sorted(name for name in sys.modules if name.startswith('handler.')))"
    printed = run(RUNTIME, "-P", "-S", "-B", "-c", code, PYTHONPATH=str(runnable))
    assert not re.search(r"handler\.(stores\.queue|reading|load|archive|cli|runner)", printed)


@pytest.fixture
def start_function(runnable: Path, stored: StoredTable, tmp_path: Path) -> Iterator[StartFunction]:
    """Start the artifact, sampling BTCUSDT of an exchange that fails by this script."""
    with ExitStack() as servers:

        def start(*script: str, timeout_seconds: int = 30, **variables: str) -> Emulator:
            exchange = servers.enter_context(FakeExchange(["BTCUSDT"], script=script))
            base = {"OBI_SYMBOLS": "BTC", "OBI_BASE_URL": exchange.url} | stored.environment
            return servers.enter_context(
                emulate(runnable, tmp_path, timeout_seconds=timeout_seconds, **base | variables)
            )

        yield start


def test_two_deliveries(start_function: StartFunction, stored: StoredTable) -> None:
    """A minute is stored, and its second delivery is a duplicate."""
    function, event = start_function(), this_minute()
    assert function.invoke(event) == {"stored": 1, "duplicates": 0, "skipped": 0}
    assert function.record_lines == [record.to_line() for record in stored.records()]
    assert function.invoke(event) == {"stored": 0, "duplicates": 1, "skipped": 0}
    assert function.record_lines[:1] == [record.to_line() for record in stored.records()]
    assert '"CloudWatchMetrics":[{"Namespace":"OrderBookImbalance","Dimensions":[["service"]]' in function.log
    assert "Found credentials" not in function.log


def test_hung_exchange(start_function: StartFunction) -> None:
    """It ends in an error of ours before the timeout kills the function."""
    function = start_function("hang*", timeout_seconds=4)
    answer = function.invoke(this_minute())
    assert answer["errorType"] == "HandlerError"
    assert "1 failure(s), the first: BTCUSDT" in answer["errorMessage"]
    assert "timed out after" not in function.log


def test_a_table_that_hangs_costs_an_error_but_not_the_record(start_function: StartFunction) -> None:
    with socket.create_server(("127.0.0.1", 0)) as hung:  # the kernel accepts, but nobody answers
        url = f"http://127.0.0.1:{hung.getsockname()[1]}"
        function = start_function(timeout_seconds=8, AWS_ENDPOINT_URL_DYNAMODB=url)
        answer = function.invoke(this_minute())
    assert (answer["errorType"], "table" in answer["errorMessage"]) == ("HandlerError", True)
    assert [Record.from_line(line).symbol for line in function.record_lines] == ["BTCUSDT"]
