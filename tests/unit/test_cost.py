"""What a stack costs: docs/cost.md has the tables that infra/cost.py computes, and they are of what is deployed."""

import re
import subprocess
import sys

import pytest
from support.program import ROOT

from infra import cost
from infra.cost import Case, bill, total


def test_what_is_counted_is_what_is_deployed() -> None:
    monitoring = (ROOT / "infra/monitoring.yaml").read_text(encoding="utf-8")
    assert monitoring.count("Type: AWS::CloudWatch::Alarm") == cost.ALARMS
    written = set(re.findall(r'add_metric\("(\w+)"', (ROOT / "handler/app.py").read_text(encoding="utf-8")))
    assert len(written) == cost.METRICS
    used = {
        name
        for pair in re.findall(r'MetricName: (\w+)|"(?:OrderBookImbalance|\.)", "(\w+)"', monitoring)
        for name in pair
    }
    assert written <= used


@pytest.mark.parametrize(("fewer", "more"), [(Case(1), Case(2)), (Case(1), Case(1, 10)), (Case(1), Case(1, months=36))])
def test_more_costs_more(fewer: Case, more: Case) -> None:
    assert total(bill(fewer)) < total(bill(more))


def test_cost_command_matches_the_page() -> None:
    command = [sys.executable, "-m", "infra.cost", "--pairs", "12", "--interval", "10"]
    printed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert f"**{total(bill(Case(12, 10))):.2f}**" in printed
