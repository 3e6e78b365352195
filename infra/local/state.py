"""The folder of the local system: one process at a time, and how another terminal finds its table."""

import fcntl
import shlex
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from handler.errors import HandlerError, UsageError

FOLDER = Path(".local")
RECORDS = FOLDER / "records.jsonl"
LOCK = FOLDER / "lock"
ENVIRONMENT = FOLDER / "environment"

LOCK_SECONDS = 1.0
"""How long the lock is tried: `env` holds it for a moment, and a run that was just ended a little longer."""


@contextmanager
def locked() -> Iterator[None]:
    """Own the folder; the system frees the lock however the process ends. Raises HandlerError if it is taken."""
    FOLDER.mkdir(exist_ok=True)
    with LOCK.open("ab") as file:
        give_up = time.monotonic() + LOCK_SECONDS
        while not _lock(file.fileno(), fcntl.LOCK_EX):
            if time.monotonic() > give_up:
                raise HandlerError(f"another make local runs in {Path.cwd()}: use its table, or end it first")
            time.sleep(0.02)
        ENVIRONMENT.unlink(missing_ok=True)  # of a run that was killed
        yield


def _lock(descriptor: int, kind: int) -> bool:
    try:
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def announce(variables: Mapping[str, str], programs: Path) -> None:
    """Write down, for `python -m infra.local env`, what a shell must know to use the table."""
    lines = [
        "unset AWS_PROFILE AWS_SESSION_TOKEN",  # the developer's own would be used beside the keys below
        *(f"export {name}={shlex.quote(value)}" for name, value in variables.items()),
        f'export PATH={shlex.quote(str(programs))}:"$PATH"',
    ]
    draft = ENVIRONMENT.with_suffix(".new")
    draft.write_text("\n".join(lines) + "\n", encoding="utf-8")
    draft.replace(ENVIRONMENT)


def announced() -> str:
    """What `announce` wrote. Raises UsageError if the local system does not run."""
    try:
        with LOCK.open("rb") as file:
            if not _lock(file.fileno(), fcntl.LOCK_SH):  # its owner runs
                return ENVIRONMENT.read_text(encoding="utf-8")
    except (FileNotFoundError, NotADirectoryError):
        pass
    raise UsageError("the local system does not run: start it with make local in another terminal")
