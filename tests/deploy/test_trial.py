"""`make test-aws` and `make deploy` as their users run them, and the sentence if something is missing."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from support.servers import clean_environment

from deploy.account import Account
from deploy.tools import ROOT, SAM
from infra.deploy import EXAMPLE, DeployError, check

PATH = f"{SAM.parent}{os.pathsep}{os.environ['PATH']}"


def test_the_trial_of_an_account_passes_and_leaves_nothing(account: Account) -> None:
    environment = clean_environment(**account.environment) | {"PATH": PATH}
    words = ["--stack", "trial", "--seconds", "2", "--built", str(account.built)]
    command = [sys.executable, "-m", "infra.test_aws", *words]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=180, check=False)
    print(done.stdout)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.endswith("everything works, and everything is deleted\n")
    left = account.client("cloudformation").list_stacks(StackStatusFilter=["CREATE_COMPLETE"])["StackSummaries"]
    assert [stack["StackName"] for stack in left if "trial" in stack["StackName"]] == []
    tables = account.client("dynamodb").list_tables()["TableNames"]
    assert [name for name in tables if "trial" in name] == []


@pytest.mark.parametrize(
    ("variables", "edit", "message"),
    [
        ({"PATH": "/none"}, ("", ""), "sam is missing: install it, from https://"),
        ({"AWS_REGION": ""}, ("", ""), "no region: set AWS_REGION"),
        ({"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": ""}, ("", ""), "no valid AWS credentials"),
        ({"AWS_PROFILE": "none"}, ("", ""), "no valid AWS credentials .*profile"),
        ({}, ("[default.deploy", "[other.deploy"), "samconfig.toml is not as samconfig.example.toml"),
    ],
)
def test_what_is_missing_is_said_in_one_sentence(
    account: Account,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    variables: dict[str, str],
    edit: tuple[str, str],
    message: str,
) -> None:
    config = tmp_path / "samconfig.toml"
    config.write_text(EXAMPLE.read_text(encoding="utf-8").replace(*edit), encoding="utf-8")
    for name, value in (account.environment | {"AWS_DEFAULT_REGION": "", "PATH": PATH} | variables).items():
        monkeypatch.setenv(name, value) if value else monkeypatch.delenv(name, raising=False)
    with pytest.raises(DeployError, match=message) as caught:
        check(config)
    assert "\n" not in str(caught.value)


def test_an_old_python_is_named(tmp_path: Path) -> None:
    python = tmp_path / "python3.9"
    python.write_text('#!/bin/sh\n[ "$1" = --version ] && echo Python 3.9.6\nexit 1\n')
    python.chmod(0o755)
    command = ["make", "deploy", f"PYTHON={python}"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert f"{python} is Python 3.9.6: install Python 3.11 or newer" in done.stderr
