"""An account of the emulator, in which IAM policies are enforced, and `sam` as a user runs it there."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import cache
from pathlib import Path
from typing import Any

from support.servers import AWS, aws_client, free_port, running

from deploy.tools import MINISTACK, ROOT, SAM, run

STACK = "proof"
PARAMETERS = ("Symbols=BTC,BTC/USDT", "Levels=1,5", "AlarmEmail=a@b.example")


class Account:
    """`url` is that of the emulator; `built` is what `sam build` left, and samples the exchange at `exchange_url`.

    What was built is uploaded once for all stacks, since compressing the functions of the archive takes ten seconds.
    """

    def __init__(self, url: str, built: Path, exchange_url: str, home: Path) -> None:
        self.url = url
        self._opened = ExitStack()
        self.client = cache(lambda service: self._opened.enter_context(aws_client(service, url)))
        self._environment = {"AWS_ENDPOINT_URL": url, "HOME": str(home), "SAM_CLI_POLL_DELAY": "1"}
        self._base_url = f"BaseUrls={exchange_url}"
        self._built = built / "template.yaml"
        self._uploaded = home / "uploaded.yaml"

    def deploy(self, *parameters: str, stack: str = STACK) -> str:
        """Deploy with these parameters, or PARAMETERS; what sam printed."""
        if not self._uploaded.exists():
            self._upload()
        command: list[str | Path] = [SAM, "deploy", "--config-file", ROOT / "samconfig.toml"]
        command += ["--template-file", self._uploaded, "--no-confirm-changeset", "--stack-name", stack]
        command += ["--parameter-overrides", self._base_url, *(parameters or PARAMETERS)]
        return run(*command, **self._environment)

    def _upload(self) -> None:
        command: list[str | Path] = [SAM, "package", "--template-file", self._built, "--resolve-s3"]
        run(*command, "--output-template-file", self._uploaded, **self._environment)
        # sam takes the emulator's URLs for paths, and the emulator takes those of AWS for its own
        text = self._uploaded.read_text().replace(f"{self.url}/", "https://s3.amazonaws.com/")
        self._uploaded.write_text(text)

    def delete(self, stack: str) -> None:
        """Delete a stack. `sam delete` asks for the same, but first looks for uploads at https://s3…, of AWS alone."""
        cloudformation = self.client("cloudformation")
        cloudformation.delete_stack(StackName=stack)
        cloudformation.get_waiter("stack_delete_complete").wait(StackName=stack, WaiterConfig={"Delay": 1})

    def outputs(self, stack: str, status: str = "CREATE_COMPLETE") -> dict[str, str]:
        """The outputs of a stack, which must have this status."""
        (found,) = self.client("cloudformation").describe_stacks(StackName=stack)["Stacks"]
        assert found["StackStatus"] == status
        return {output["OutputKey"]: output["OutputValue"] for output in found["Outputs"]}

    def resources(self, stack: str) -> dict[str, str]:
        """The status of each resource of a stack and of the stack nested in it, by its logical name."""
        cloudformation = self.client("cloudformation")
        found = cloudformation.list_stack_resources(StackName=stack)["StackResourceSummaries"]
        (monitoring,) = [each["PhysicalResourceId"] for each in found if each["LogicalResourceId"] == "Monitoring"]
        found += cloudformation.list_stack_resources(StackName=monitoring)["StackResourceSummaries"]
        return {each["LogicalResourceId"]: each["ResourceStatus"] for each in found}

    def invoke(self, outputs: dict[str, str]) -> bytes:
        """Run the function of a stack for the current slot; what it returned."""
        answer = self.client("lambda").invoke(FunctionName=outputs["FunctionName"], Payload=b"{}")
        payload: bytes = answer["Payload"].read()
        return payload

    def items(self, table: str) -> list[Any]:
        """What a table holds."""
        return list(self.client("dynamodb").scan(TableName=table)["Items"])

    def close(self) -> None:
        """Close the clients."""
        self._opened.close()


@contextmanager
def emulated_aws(directory: Path) -> Iterator[str]:
    """Run the emulator; gives its URL."""
    port = free_port()
    settings = {"AUTH": "true", "BIND_HOST": "127.0.0.1", "GATEWAY_PORT": str(port)}
    settings |= {"TMPDIR": str(directory), "STATE_DIR": str(directory / "state")}
    settings |= {"IOT_MTLS_ENABLED": "0", "SFTP_HOST": "127.0.0.1"}  # which listen on every address, whatever BIND_HOST
    with running([MINISTACK], port, directory / "log", cwd=directory, **AWS, **settings):
        yield f"http://127.0.0.1:{port}"
