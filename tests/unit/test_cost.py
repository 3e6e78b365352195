"""What a stack costs: docs/cost.md has the tables that infra/cost.py computes, and they are of what is deployed."""

import re
import subprocess
import sys

from support.program import ROOT

from infra import cost
from infra.cost import Case, bill, total


def test_what_is_counted_is_what_is_deployed() -> None:
    monitoring = (ROOT / "infra/monitoring.yaml").read_text(encoding="utf-8")
    assert monitoring.count("Type: AWS::CloudWatch::Alarm") == cost.ALARMS
    written = set(re.findall(r'add_metric\("(\w+)"', (ROOT / "handler/app.py").read_text(encoding="utf-8")))
    assert len(written) == cost.METRICS
    used = re.findall(r'MetricName: (\w+)|"(?:OrderBookImbalance|\.)", "(\w+)"', monitoring)
    assert written <= {name for pair in used for name in pair}


def test_cost_command_matches_the_page() -> None:
    command = [sys.executable, "-m", "infra.cost", "--pairs", "12", "--interval", "10"]
    printed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert f"**{total(bill(Case(12, 10))):.2f}**" in printed
