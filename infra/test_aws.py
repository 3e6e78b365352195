"""`make test-aws STACK=obi-trial`: deploy to the account that is configured, prove that it works, delete everything.

It costs some cents. A stack of this name must not exist. Below, `archive` is the stack of infra/archive.yaml.
"""

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from infra.deploy import AWS_ERRORS, EXAMPLE, ROOT, DeployError, Target, check, run_sam

INTERVAL_SECONDS = 10
TEMPLATES = {"sampler": "template.yaml", "archive": "infra/archive.yaml"}


@contextmanager
def deployed(target: Target, build: Path, parameters: Mapping[str, object]) -> Iterator[dict[str, str]]:
    """Deploy what was built; gives the outputs. Deletes the stack and all that it leaves, also after a failure."""
    words = ["--template-file", str(build / "template.yaml"), "--config-file", str(EXAMPLE)]
    words += ["--stack-name", target.stack, "--region", target.session.region_name]
    overrides = [f"{name}={value}" for name, value in parameters.items()]
    try:
        run_sam("deploy", *words, "--parameter-overrides", *overrides)
        yield target.outputs()
    finally:
        delete(target)


def delete(target: Target) -> None:
    """Delete a stack, and the table, log and bucket that it leaves."""
    formation, dynamodb = target.client("cloudformation"), target.client("dynamodb")
    pages = formation.get_paginator("list_stack_resources").paginate(StackName=target.stack)
    found = [
        (each["ResourceType"], each["PhysicalResourceId"]) for page in pages for each in page["StackResourceSummaries"]
    ]
    formation.delete_stack(StackName=target.stack)
    formation.get_waiter("stack_delete_complete").wait(StackName=target.stack, WaiterConfig={"Delay": 2})
    for kind, name in found:
        if kind == "AWS::DynamoDB::Table":
            dynamodb.update_table(TableName=name, DeletionProtectionEnabled=False)
            dynamodb.delete_table(TableName=name)
        elif kind == "AWS::Logs::LogGroup":
            target.client("logs").delete_log_group(logGroupName=name)
        elif kind == "AWS::S3::Bucket":
            bucket = target.session.resource("s3").Bucket(name)
            bucket.object_versions.delete()
            bucket.delete()


def handler(*words: str, text: str = "") -> str:
    """Run a command of the program; returns what it printed. Raises DeployError."""
    command = [sys.executable, "-m", "handler", *words]
    done = subprocess.run(command, cwd=ROOT, input=text, capture_output=True, encoding="utf-8", check=False)
    if done.returncode:
        raise DeployError(f"{' '.join(words)} failed: {done.stderr}")
    return done.stdout


def expect(promise: str, fulfilled: object) -> None:
    """Print a promise that holds. Raises DeployError for another."""
    if not fulfilled:
        raise DeployError(f"not so: {promise}")
    print(f"ok: {promise}")


def try_sampler(target: Target, outputs: dict[str, str], seconds: int) -> list[str]:
    """Check that the deployed stack samples; returns the lines that `history` prints."""
    function, minute = outputs["FunctionName"], datetime.now(UTC).replace(second=0, microsecond=0)
    expect("an event by hand samples the current slot", target.invoke(function, {})["skipped"] == 0)
    for scheduled in (minute - timedelta(minutes=1), minute):  # the schedule's own events come later
        target.invoke(function, {"scheduled_time": f"{scheduled:%Y-%m-%dT%H:%M:%SZ}"})
    time.sleep(seconds)
    table = f"{outputs['TableName']}@{target.session.region_name}"
    lines = handler("history", "--table", table, "--symbol", "BTC", "--detail").splitlines()
    records = [json.loads(line) for line in lines]
    expect("history prints what was stored", lines)
    print(f"{len(records)} records, seconds of the minute: {' '.join(each['received_at'][17:23] for each in records)}")
    expect("timers sampled slots in time", len(records) > seconds / INTERVAL_SECONDS / 3)
    alarms = target.client("cloudwatch").describe_alarms(AlarmNamePrefix=target.stack)["MetricAlarms"]
    raised = {alarm["AlarmName"] for alarm in alarms if alarm["StateValue"] == "ALARM"}
    # Coverage looks at an hour, which is not over
    expect("no alarm is raised", len(alarms) == 4 and not [name for name in raised if "CoverageAlarm" not in name])
    return lines


def try_archive(target: Target, outputs: dict[str, str], table: str, line: str) -> None:
    """Load a record into yesterday, and check that an event writes that day's file."""
    yesterday = str(datetime.now(UTC).date() - timedelta(days=1))
    handler(
        "load", "--table", f"{table}@{target.session.region_name}", text=line.replace(line[14:24], yesterday) + "\n"
    )
    target.invoke(outputs["FunctionName"], {"day": yesterday})
    found: Any = target.client("s3").list_objects_v2(Bucket=outputs["BucketName"]).get("Contents", ())
    expect("a day is archived by an event", [each for each in found if f"dt={yesterday}/" in each["Key"]])


def main() -> int:
    """Deploy both stacks one after the other, and try them."""
    parser = argparse.ArgumentParser(prog="make test-aws", description=__doc__)
    parser.add_argument("--stack", default="", help="the name of a new stack")
    parser.add_argument("--seconds", type=int, default=180, help="how long it samples")
    parser.add_argument("--built", type=Path, help="a directory with sampler/ and archive/, as sam build left them")
    options = parser.parse_args()
    builds = options.built or ROOT / ".aws-sam/trial"
    try:
        expect("a name for the trial's stack is given: STACK=obi-trial", options.stack)
        target = check()._replace(stack=options.stack)
        for name, template in TEMPLATES.items() if options.built is None else ():
            run_sam("build", "--template-file", template, "--build-dir", str(builds / name))
        with ExitStack() as stacks:
            parameters = {"Symbols": "BTC", "IntervalSeconds": INTERVAL_SECONDS}
            outputs = stacks.enter_context(deployed(target, builds / "sampler", parameters))
            lines = try_sampler(target, outputs, options.seconds)
            archive = target._replace(stack=f"{target.stack}-archive")
            parameters = {"Symbols": "BTC", "TableName": outputs["TableName"], "FailuresArn": outputs["FailuresArn"]}
            found = stacks.enter_context(deployed(archive, builds / "archive", parameters))
            try_archive(archive, found, outputs["TableName"], lines[-1])
    except (DeployError, *AWS_ERRORS) as error:
        print(f"make test-aws: {error}", file=sys.stderr)
        return 1
    print("everything works, and everything is deleted")
    return 0


if __name__ == "__main__":
    sys.exit(main())
