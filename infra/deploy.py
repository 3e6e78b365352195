"""`make deploy`: check what it takes, build, deploy with samconfig.toml, sample once, and print how to look."""

import json
import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any, NamedTuple

import boto3
from botocore.exceptions import BotoCoreError, ClientError

ROOT = Path(__file__).resolve().parents[1]
SAM_URL = "https://docs.aws.amazon.com/serverless-application-model/latest/developerguide/install-sam-cli.html"
CONFIG, EXAMPLE = ROOT / "samconfig.toml", ROOT / "samconfig.example.toml"
AWS_ERRORS = (BotoCoreError, ClientError, OSError)


class DeployError(Exception):
    """A reason why it cannot be deployed, and what to do."""


class Target(NamedTuple):
    """The stack, and the session of the account and region that it is in."""

    stack: str
    session: Any

    def client(self, service: str) -> Any:
        """A client of a service."""
        return self.session.client(service)

    def outputs(self) -> dict[str, str]:
        """The outputs of the stack."""
        [found] = self.client("cloudformation").describe_stacks(StackName=self.stack)["Stacks"]
        return {output["OutputKey"]: output["OutputValue"] for output in found["Outputs"]}

    def invoke(self, function: str, event: Any) -> Any:
        """Run a function of the stack; returns its result. Raises DeployError with its error."""
        answer = self.client("lambda").invoke(FunctionName=function, Payload=json.dumps(event).encode())
        result = json.loads(answer["Payload"].read())
        if "FunctionError" in answer:
            raise DeployError(f"{function} failed: {result.get('errorMessage', result)}")
        return result


def check(config: Path = CONFIG) -> Target:
    """Check tools, region and credentials. Raises DeployError, one sentence for what is missing."""
    if shutil.which("sam") is None:
        raise DeployError(f"sam is missing: install it, from {SAM_URL}")
    if not config.exists():
        shutil.copy(EXAMPLE, config)
        print(f"made {config.name} from {EXAMPLE.name}: edit it to sample other pairs", file=sys.stderr)
    try:
        sections = tomllib.loads(config.read_text(encoding="utf-8"))["default"]
        settings = sections["global"]["parameters"] | sections["deploy"]["parameters"]
    except (ValueError, KeyError, TypeError) as error:
        raise DeployError(f"{config.name} is not as {EXAMPLE.name}: {error}") from error
    profile, region = settings.get("profile"), settings.get("region") or os.environ.get("AWS_REGION")
    try:
        session = boto3.Session(profile_name=profile, region_name=region)
        if not session.region_name:
            raise DeployError("no region: set AWS_REGION, or region in samconfig.toml, such as eu-west-1")
        session.client("sts").get_caller_identity()
    except AWS_ERRORS as error:
        raise DeployError(
            f"no valid AWS credentials ({error}): configure them as for the AWS CLI, for example with AWS_PROFILE or"
            " aws configure"
        ) from error
    return Target(settings["stack_name"], session)


def run_sam(*words: str | Path) -> None:
    """Run the SAM CLI in the repository. Raises DeployError."""
    done = subprocess.run(["sam", *words], cwd=ROOT, stdin=subprocess.DEVNULL, check=False)
    if done.returncode:
        raise DeployError(f"sam {words[0]} failed: see above")


def main() -> int:
    """Deploy."""
    try:
        target = check()
        run_sam("build")
        run_sam("deploy", "--region", target.session.region_name)
        outputs = target.outputs()
        print(f"sampled once: {json.dumps(target.invoke(outputs['FunctionName'], {}))}", file=sys.stderr)
    except (DeployError, *AWS_ERRORS) as error:
        print(f"make deploy: {error}", file=sys.stderr)
        return 1
    print("to look at the last 24 hours:", outputs["ReadHistory"], "to follow the log:", outputs["FollowLog"], sep="\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
