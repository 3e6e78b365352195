"""A simulated day at every interval: late, duplicate and dropped events. It is not AWS: see infra/simulator."""

from infra.chaos.harness import ChaosRun
from infra.chaos.processes import Program

MAX_SECONDS = 900
EVENTS = ("--jitter", "59", "--dropped", "0.05", "--duplicated", "0.05")


def simulated_day(run: ChaosRun) -> tuple[str, list[str]]:
    """What the simulator prints, and problems: a slot without a reason, or metrics that do not show a loss."""
    report, problems = "", []
    for name, flags in (("day", ("--minutes", "1440", *EVENTS)), ("losses", ("--losses",))):
        program = Program(run.folder / f"simulated-{name}", "infra.simulator", *flags, "--seed", str(run.seed))
        code = program.wait(MAX_SECONDS)
        printed = program.stdout.read_text()
        report += printed
        if code:
            problems.append(f"simulator: exit code {code}: {printed[-500:]} {program.stderr.read_text()[-500:]}")
    return report, problems
