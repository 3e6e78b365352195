"""What `sam build` makes: only what the function needs, for Lambda's machines, and that under Lambda's own runtime."""

import re
import sys
import zipfile
from pathlib import Path

import pytest
from support.container import this_minute
from support.tables import StoredTable

from deploy.tools import ROOT, RUNTIME, emulate, run
from infra.fake_exchange import FakeExchange

MAX_ZIP_BYTES = 8_000_000


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
    """Lambda's file system is read-only: what is not compiled here would be compiled at every start.

    Neither is a client of the queue loaded, nor a reader.
    """
    log = run(RUNTIME, "-v", "-P", "-S", "-B", "-c", "import handler.app", PYTHONPATH=str(runnable))
    assert "import 'handler.stores.table'" in log
    assert not re.search(r"import 'handler\.(stores\.queue|reading|load|archive|cli|runner)", log)
    if "3.13" not in run(RUNTIME, "--version"):
        pytest.skip("python3.13, whose bytecode it would be, is not on this machine")
    loaded = set(re.findall(rf"code object from '?({runnable}/[^\s']+)", log))
    assert f"{runnable}/handler/__pycache__/app.cpython-313.pyc" in loaded
    assert [path for path in loaded if not path.endswith(".pyc")] == []


def test_two_deliveries(runnable: Path, stored: StoredTable, tmp_path: Path) -> None:
    """A minute is stored, and its second delivery is a duplicate."""
    event = this_minute()
    with FakeExchange(["BTCUSDT"]) as exchange:
        variables = {"OBI_SYMBOLS": "BTC", "OBI_BASE_URL": exchange.url} | stored.environment
        with emulate(runnable, tmp_path, **variables) as function:
            assert function.invoke(event) == {"stored": 1, "duplicates": 0, "skipped": 0}
            assert function.invoke(event) == {"stored": 0, "duplicates": 1, "skipped": 0}
            log = function.log
    assert [record.to_line() for record in stored.records()] == re.findall('^{"timestamp":.*"obi":.*', log, re.M)[:1]
    assert '"CloudWatchMetrics":[{"Namespace":"OrderBookImbalance","Dimensions":[["service"]]' in log
    assert "Found credentials" not in log
