"""An account of the emulator, in which IAM policies are enforced, and `sam` as a user runs it there."""

import json
import time
import uuid
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import cache
from pathlib import Path
from typing import Any

from support.servers import AWS, aws_client, free_port, running

from deploy.tools import MINISTACK, SAM, run
from infra.deploy import EXAMPLE, Target

REGION = "eu-west-1"  # which Binance's futures serve
FAILURE_SECONDS = 60.0


class Account:
    """`url` is that of the emulator; `built` is a directory with `sampler` and perhaps `archive`, as sam built them."""

    def __init__(self, url: str, built: Path, home: Path) -> None:
        self.url = url
        self.built = built
        self._opened = ExitStack()
        self.client = cache(lambda service: self._opened.enter_context(aws_client(service, url, region=REGION)))
        names = dict.fromkeys(("AWS_REGION", "AWS_DEFAULT_REGION"), REGION)
        self.environment = AWS | names | {"AWS_ENDPOINT_URL": url, "HOME": str(home), "SAM_CLI_POLL_DELAY": "0.2"}

    def deploy(self, stack: str, template: str = "sampler", **parameters: str) -> dict[str, str]:
        """Deploy with these parameters; the outputs of the stack."""
        words: list[str | Path] = ["--template-file", self.built / template / "template.yaml", "--config-file", EXAMPLE]
        given = [f'{name}="{value}"' for name, value in parameters.items()]
        overrides = ["--parameter-overrides", *given] if given else []
        run(SAM, "deploy", *words, "--stack-name", stack, "--region", REGION, *overrides, **self.environment)
        return self.target(stack).outputs()

    def target(self, stack: str) -> Target:
        """A stack."""
        return Target(stack, self)

    def delete(self, stack: str) -> None:
        """Delete a stack. `sam delete` asks for the same, but first looks for uploads at https://s3…, of AWS alone."""
        formation = self.client("cloudformation")
        formation.delete_stack(StackName=stack)
        formation.get_waiter("stack_delete_complete").wait(StackName=stack, WaiterConfig={"Delay": 1})

    def resources(self, stack: str) -> dict[str, str]:
        """The status of each resource of a stack and of the stacks nested in it, by its logical name."""
        found = self.client("cloudformation").list_stack_resources(StackName=stack)["StackResourceSummaries"]
        status = {each["LogicalResourceId"]: each["ResourceStatus"] for each in found}
        for each in found:
            if each["ResourceType"] == "AWS::CloudFormation::Stack":
                status |= self.resources(each["PhysicalResourceId"])
        return status

    def items(self, table: str) -> list[Any]:
        """The items of a table."""
        return list(self.client("dynamodb").scan(TableName=table)["Items"])

    def failure(self, queue_url: str) -> Any:
        """The next message of a queue for failures: the event, and the error."""
        queue, give_up = {"QueueUrl": queue_url, "WaitTimeSeconds": 1}, time.monotonic() + FAILURE_SECONDS
        while not (found := self.client("sqs").receive_message(**queue).get("Messages")):
            assert time.monotonic() < give_up, "nothing came"
        return json.loads(found[0]["Body"])

    def role_of(self, function: str) -> dict[str, str]:
        """The credentials of a function, as variables."""
        role = self.client("lambda").get_function(FunctionName=function)["Configuration"]["Role"]
        lent = self.client("sts").assume_role(RoleArn=role, RoleSessionName="proof")["Credentials"]
        return _keys(lent) | {"AWS_SESSION_TOKEN": lent["SessionToken"]}

    def user_with(self, policy: str) -> dict[str, str]:
        """The credentials of a new user with a policy, as variables."""
        iam, name = self.client("iam"), f"user-{uuid.uuid4()}"
        iam.create_user(UserName=name)
        iam.put_user_policy(UserName=name, PolicyName="own", PolicyDocument=policy)
        return _keys(iam.create_access_key(UserName=name)["AccessKey"])

    def client_as(self, variables: dict[str, str], service: str) -> Any:
        """A client with these credentials."""
        keys = {name.lower(): value for name, value in variables.items()}
        return self._opened.enter_context(aws_client(service, self.url, region=REGION, **keys))

    def close(self) -> None:
        """Close the clients."""
        self._opened.close()


def _keys(given: dict[str, str]) -> dict[str, str]:
    return {"AWS_ACCESS_KEY_ID": given["AccessKeyId"], "AWS_SECRET_ACCESS_KEY": given["SecretAccessKey"]}


@contextmanager
def emulated_aws(directory: Path) -> Iterator[str]:
    """Run the emulator; gives its URL."""
    port = free_port()
    settings = {"AUTH": "true", "BIND_HOST": "127.0.0.1", "GATEWAY_PORT": str(port)}
    settings |= {"TMPDIR": str(directory), "STATE_DIR": str(directory / "state")}
    settings |= {"IOT_MTLS_ENABLED": "0", "SFTP_HOST": "127.0.0.1"}  # which listen on every address, whatever BIND_HOST
    with running([MINISTACK], port, directory / "log", cwd=directory, **AWS, **settings):
        yield f"http://127.0.0.1:{port}"
