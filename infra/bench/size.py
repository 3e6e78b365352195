"""Size: what has to be carried to where it runs."""

from collections.abc import Iterable
from pathlib import Path
from tempfile import TemporaryFile
from zipfile import ZIP_DEFLATED, ZipFile

from infra.bench.environments import OURS, PEERS
from infra.bench.figures import table
from infra.bench.part import Bench, Section, Target

MB = 1_000_000
INSTALLERS = ("pip", "setuptools", "_distutils_hack", "pkg_resources", "distutils-precedence.pth")

BOTO3 = ("boto3", "botocore", "s3transfer", "jmespath")
OURS_LABEL = "**this project's artifact**, boto3 inside"


def run(bench: Bench) -> Section:
    """The function's artifact against site-packages, both unpacked and zipped."""
    ours = bench.environments.packages(OURS)
    boto3 = [path for path in _files(ours) if path.relative_to(ours).parts[0] in BOTO3]
    artifact = bench.environments.artifact()
    rows = {OURS_LABEL: _sizes(path for path in sorted(artifact.rglob("*")) if path.is_file())}
    rows["this project's requirements, uncut"] = _sizes(_files(ours))
    for name in PEERS:
        packages = list(_files(bench.environments.packages(name)))
        rows[name] = _sizes(packages)
        rows[f"{name} + boto3, uncut"] = _sizes([*packages, *boto3])
    text = (
        "The artifact as it is built, bytecode included where python3.13 was at hand; the others without bytecode and"
        " without pip. “Zipped” is what is uploaded; Lambda takes 50 MB that way."
    )
    zipped = float(rows[OURS_LABEL][1])
    return Section(
        "Size",
        f"{text}\n\n{table(['', 'MB', 'zipped, MB', 'files'], rows)}",
        [Target("artifact, zipped, MB", zipped, 8.0)],
    )


def _files(folder: Path) -> Iterable[Path]:
    for path in sorted(folder.rglob("*")):
        parts = path.relative_to(folder).parts
        if path.is_file() and "__pycache__" not in parts and not parts[0].startswith(INSTALLERS):
            yield path


def _sizes(files: Iterable[Path]) -> list[str]:
    found = list(files)
    with TemporaryFile() as file:
        with ZipFile(file, "w", ZIP_DEFLATED) as archive:
            for path in found:
                archive.write(path, str(path))
        zipped = file.tell()
    return [f"{sum(path.stat().st_size for path in found) / MB:.1f}", f"{zipped / MB:.1f}", str(len(found))]
