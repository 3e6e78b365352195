"""The processes of the chaos tests, and the secrets that they are given."""

import signal
import subprocess
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import IO

from infra.testkit.aws import AWS
from infra.testkit.metadata_service import CREDENTIALS
from infra.testkit.processes import clean_environment

ROOT = Path(__file__).resolve().parents[2]
KEYS = {
    "AWS_ACCESS_KEY_ID": "AKIACHAOSKEYIDCHAOS0",
    "AWS_SECRET_ACCESS_KEY": "chaos/secret/chaos/secret/chaos/secret00",
}
OLD_KEY, NEW_KEY = "AKIACHAOSOLDKEYIDCHA", "AKIACHAOSNEWKEYIDCHA"
PASSWORD = "chaos-password"  # noqa: S105 - of nothing
SECRETS = (
    *(*KEYS.values(), OLD_KEY, NEW_KEY, PASSWORD),
    *(CREDENTIALS["AccessKeyId"], CREDENTIALS["SecretAccessKey"], CREDENTIALS["Token"]),
)
"""What the program is given and must never print or store."""
END_SECONDS = 30.0


class Program:
    """A Python module in a process of its own; its output goes to files, which remain. An empty variable is unset."""

    def __init__(
        self,
        path: Path,
        *command: str,
        stdout: int | IO[bytes] | None = None,
        stdin: int = subprocess.DEVNULL,
        variables: Mapping[str, str] | None = None,
        before: Callable[[], object] | None = None,
    ) -> None:
        self.stdout, self.stderr = path.with_suffix(".out"), path.with_suffix(".err")
        environment = clean_environment(**{**AWS, **KEYS, "PYTHONPATH": str(ROOT), **(variables or {})})
        with self.stdout.open("ab") as out, self.stderr.open("ab") as err:
            self.process = subprocess.Popen(
                [sys.executable, "-m", *command],
                cwd=ROOT,
                env={name: value for name, value in environment.items() if value},
                preexec_fn=before,
                stdin=stdin,
                stdout=out if stdout is None else stdout,
                stderr=err,
            )

    def end(self, how: signal.Signals = signal.SIGTERM) -> int:
        """Send it a signal and wait for its end; returns its exit code."""
        with suppress(ProcessLookupError):
            self.process.send_signal(how)
        return self.wait()

    def wait(self, seconds: float = END_SECONDS) -> int:
        """Wait for its end; a process that does not end is killed, which shows in the exit code."""
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.process.kill()
            return self.process.wait()


def read_lines(path: Path) -> list[str]:
    """The whole lines of a file, if there is one."""
    return path.read_text(encoding="utf-8", errors="replace").split("\n")[:-1] if path.exists() else []
