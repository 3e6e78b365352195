"""What `sam build` makes: only what the function needs, for Lambda's machines."""

import json
import re
import sys
import zipfile
from pathlib import Path

import pytest

from deploy.tools import ROOT, RUNTIME, build, run

MAX_ZIP_BYTES = 8_000_000


def files(directory: Path) -> dict[str, bytes]:
    return {str(path.relative_to(directory)): path.read_bytes() for path in directory.rglob("*") if path.is_file()}


def sources(directory: Path) -> dict[str, bytes]:
    return {name: content for name, content in files(directory).items() if "__pycache__" not in name}


def test_the_artifact_holds_the_handler_and_its_dependencies_and_nothing_else(artifact: Path) -> None:
    assert sorted(path.name for path in artifact.iterdir() if path.name != "__pycache__") == [
        "aws_lambda_powertools",
        "boto3",
        "botocore",
        "certifi",
        "charset_normalizer",
        "dateutil",
        "handler",
        "idna",
        "jmespath",
        "msgspec",
        "requests",
        "s3transfer",
        "six.py",
        "typing_extensions.py",
        "urllib3",
    ]


def test_the_handler_is_the_one_of_this_repository_without_its_command_line(artifact: Path) -> None:
    product = sources(ROOT / "handler")
    expected = {name: text for name, text in product.items() if name != "__main__.py" and not name.startswith("cli/")}
    assert len(expected) < len(product)
    assert sources(artifact / "handler") == expected


def test_nothing_is_compiled_for_another_machine(artifact: Path) -> None:
    libraries = {str(path.relative_to(artifact)): path for path in artifact.rglob("*.so*")}
    assert libraries  # or this proves nothing
    assert [name for name in libraries if "cpython-313-aarch64-linux-gnu" not in name] == []
    machines = {path.read_bytes()[18:20] for path in libraries.values()}
    assert machines == {b"\xb7\x00"}  # EM_AARCH64 in the ELF header


def test_no_service_but_dynamodb_is_described(artifact: Path) -> None:
    assert [path.name for path in (artifact / "botocore/data").iterdir() if path.is_dir()] == ["dynamodb"]


def test_dynamodb_has_the_endpoints_that_all_of_boto3_gives_it(runnable: Path) -> None:
    """Only the services of endpoints.json that the function does not call are gone: no region, no partition."""
    endpoints = json.loads((runnable / "botocore/data/endpoints.json").read_text(encoding="utf-8"))
    assert {name for partition in endpoints["partitions"] for name in partition["services"]} == {"dynamodb"}
    code = (
        "import boto3; session = boto3.Session(); print([(region, session.client('dynamodb', region).meta.endpoint_url)"
        " for partition in session.get_available_partitions()"
        " for region in session.get_available_regions('dynamodb', partition)])"
    )
    trimmed = run(RUNTIME, "-P", "-S", "-B", "-c", code, PYTHONPATH=str(runnable))
    assert "('us-gov-west-1', 'https://dynamodb.us-gov-west-1.amazonaws.com')" in trimmed
    assert trimmed == run(sys.executable, "-c", code)


def test_the_zip_is_small(artifact: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files(artifact).items():
            archive.writestr(name, content)
    size = (tmp_path / "zip").stat().st_size
    print(f"the zip is {size / 1e6:.2f} MB")
    assert size <= MAX_ZIP_BYTES


def test_a_second_build_is_the_same(artifact: Path, tmp_path: Path) -> None:
    build(tmp_path, "SamplerFunction")
    assert files(tmp_path / "SamplerFunction") == files(artifact)


def test_it_needs_nothing_that_is_not_in_it(runnable: Path) -> None:
    code = (
        "import handler.app, handler.stores.dynamodb as d; d.dynamodb_client();"
        " print(handler.__file__, d.boto3.__file__)"
    )
    printed = run(RUNTIME, "-P", "-S", "-B", "-c", code, PYTHONPATH=str(runnable))
    assert printed.split() == [f"{runnable}/handler/__init__.py", f"{runnable}/boto3/__init__.py"]


def test_nothing_is_left_to_be_compiled_at_the_cold_start(runnable: Path) -> None:
    """Lambda's file system is read-only: what is not compiled here would be compiled at every start."""
    if "3.13" not in run(RUNTIME, "--version"):
        pytest.skip("python3.13, whose bytecode it would be, is not on this machine")
    log = run(RUNTIME, "-v", "-P", "-S", "-B", "-c", "import handler.app", PYTHONPATH=str(runnable))
    loaded = set(re.findall(rf"code object from '?({runnable}/[^\s']+)", log))
    assert f"{runnable}/handler/__pycache__/app.cpython-313.pyc" in loaded
    assert [path for path in loaded if not path.endswith(".pyc")] == []
