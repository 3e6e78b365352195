"""The contenders' virtual environments, `.venv-bench-NAME`, all of one interpreter; and the function's artifact."""

import shutil
import subprocess
from functools import cache
from pathlib import Path

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
PEERS = ("python-binance", "ccxt", "binance-sdk-spot")
OURS = "ours"
"""With all that this project can use."""
RUNNER = "runner"
"""With the dependencies that `pip install .` brings: as the others are, each in an environment with its own alone."""


class Environments:
    """Creates each environment at its first use, and again when its interpreter or its requirements have changed."""

    def __init__(self, interpreter: str, ours: str | None = None) -> None:
        """`ours` is a Python that has this project's requirements already: then no environment is made for it."""
        self.interpreter = shutil.which(interpreter) or interpreter
        self._ours = ours
        self.python = cache(self._python)
        self._artifact = cache(self._build_artifact)

    def packages(self, name: str) -> Path:
        """The site-packages of an environment."""
        (found,) = self.python(name).parents[1].glob("lib/python*/site-packages")
        return found

    def artifact(self, *, bytecode: bool) -> Path:
        """The function's artifact, with bytecode of the contenders' interpreter or without any."""
        folder = ROOT / f".venv-bench-artifact-{'compiled' if bytecode else 'plain'}"
        shutil.rmtree(folder, ignore_errors=True)
        # msgspec is compiled for Lambda's processor: the contenders' environment has it for this machine
        shutil.copytree(self._artifact(), folder, ignore=shutil.ignore_patterns("__pycache__", "msgspec"))
        if bytecode:
            _run(str(self.python(OURS)), "-m", "compileall", "-q", str(folder))
        return folder

    def _build_artifact(self) -> Path:
        """The function's files as `sam build` makes them, by the same make target."""
        folder = ROOT / ".venv-bench-artifact"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        _run("make", "--silent", "build-SamplerFunction", f"ARTIFACTS_DIR={folder}")
        return folder

    def _python(self, name: str) -> Path:
        if name in (OURS, RUNNER) and self._ours:
            return Path(self._ours)
        folder = ROOT / f".venv-bench-{name}"
        python, done = folder / "bin/python", folder / "done"
        requirements = [HERE / f"requirements-{name}.txt"]
        if name == OURS:  # the archive's, to read Parquet
            requirements = [ROOT / "requirements.txt", ROOT / "infra/requirements-archive.txt"]
        made_from = "\n".join([self.interpreter, *(path.read_text() for path in requirements)])
        if not done.exists() or done.read_text() != made_from:
            _run(self.interpreter, "-m", "venv", "--clear", str(folder))
            pip = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--require-hashes"]
            for path in requirements:
                _run(*pip, "-r", str(path))
            done.write_text(made_from)
        return python


def _run(*command: str) -> None:
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)}: {done.stdout}{done.stderr}")
