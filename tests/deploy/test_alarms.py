"""docs/alarms.md: every alarm of the template is in it as it is deployed, and every loss names an alarm.

No emulator evaluates an alarm: these tests compare the properties that CloudWatch gets.
"""

import re
from typing import Any

import pytest

from deploy.intrinsics import Intrinsics
from deploy.tools import ROOT, template
from handler import app
from handler.exchanges.market import MARKETS
from infra import cost

PAGE = (ROOT / "docs/alarms.md").read_text(encoding="utf-8")
COMPARISONS = {"<": "LessThanThreshold", ">": "GreaterThanThreshold"}


def rows(heading: str) -> list[list[str]]:
    """The cells of the table that follows a heading, row by row, without the header."""
    lines = [line for line in PAGE.partition(f"\n## {heading}\n")[2].partition("\n## ")[0].splitlines() if "|" in line]
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines[2:]]


def deployed(*, dashboard: bool, interval_seconds: int = 60, market: str = "spot") -> dict[str, dict[str, Any]]:
    """The properties of each alarm of a stack."""
    monitoring = template(ROOT / "infra/monitoring.yaml")
    parameters = {"ShowDashboard": str(dashboard).lower(), "IntervalSeconds": str(interval_seconds), "Market": market}
    intrinsics = Intrinsics(monitoring, parameters)
    return {
        name: intrinsics.resolve(found["Properties"])
        for name, found in monitoring["Resources"].items()
        if found["Type"] == "AWS::CloudWatch::Alarm" and (dashboard or "Condition" not in found)
    }


ALARMS = {row[0]: row[1:] for row in rows("The alarms")}


@pytest.mark.parametrize("dashboard", [True, False])
def test_the_page_has_every_alarm(dashboard: bool) -> None:
    listed = {name for name, (*_, without) in ALARMS.items() if dashboard or without != "none"}
    assert deployed(dashboard=dashboard).keys() == listed
    assert len(listed) == cost.ALARMS + (cost.DASHBOARD_ALARMS if dashboard else 0)


@pytest.mark.parametrize("name", ALARMS)
def test_an_alarm_is_what_the_page_says(name: str) -> None:
    metric, condition, period, missing, _ = ALARMS[name]
    found = deployed(dashboard=True)[name]
    assert f"{found['Namespace']} {found['MetricName']}" == metric
    statistic, comparison, threshold = condition.split(" ", 2)
    assert (found["Statistic"], found["ComparisonOperator"]) == (statistic, COMPARISONS[comparison])
    assert found["Threshold"] == {"57 minutes": 57, "80 %": 4800}.get(threshold) or int(threshold) == found["Threshold"]
    assert (f"{found['Period']} s", found["TreatMissingData"], found["EvaluationPeriods"]) == (period, missing, 1)


def test_without_custom_metrics_only_those_of_aws_are_watched() -> None:
    alarms = deployed(dashboard=False)
    assert all(found["Namespace"] in ("AWS/Lambda", "AWS/SQS", "AWS/Scheduler") for found in alarms.values())
    coverage = alarms["CoverageAlarm"]
    assert (
        f"{coverage['Namespace']} {coverage['MetricName']}, {coverage['Statistic']} < {coverage['Threshold']}"
        == (ALARMS["CoverageAlarm"][-1])
    )
    assert {name: ALARMS[name][-1] for name in alarms if name != "CoverageAlarm"} == dict.fromkeys(
        alarms.keys() - {"CoverageAlarm"}, "the same"
    )


def test_every_loss_names_a_metric_and_its_alarm() -> None:
    losses = rows("Losses")
    assert {row[3] for row in losses} == ALARMS.keys()
    for _, metric, _, alarm, after in losses:
        assert ALARMS[alarm][0].endswith(f" {metric}")
        assert ("minute" in after) == (ALARMS[alarm][2] == "60 s") or alarm == "CoverageAlarm"


def test_no_alarm_depends_on_a_pair_and_each_notifies() -> None:
    alarms = deployed(dashboard=True).values()
    names = {dimension["Name"] for found in alarms for dimension in found["Dimensions"]}
    assert names == {"FunctionName", "QueueName", "ScheduleGroup", "service"}
    assert all(found["AlarmActions"] == found["OKActions"] == ["AlarmTopic"] for found in alarms)


def test_each_custom_metric_that_is_watched_or_drawn_is_one_of_the_function() -> None:
    """And the function has as many as are paid for."""
    text = (ROOT / "handler/app.py").read_text(encoding="utf-8")
    written = set(re.findall(r'add_metric\("(\w+)"', text))
    alarms = deployed(dashboard=True).values()
    watched = {found["MetricName"] for found in alarms if found["Namespace"] == app.metrics.namespace}
    assert watched <= written
    assert len(written) == cost.METRICS


@pytest.mark.parametrize("seconds", [1, 2, 3, 4, 5, 6, 10, 12, 15, 20, 30, 60])
def test_the_coverage_of_an_hour_is_57_minutes_of_slots(seconds: int) -> None:
    alarm = deployed(dashboard=True, interval_seconds=seconds)["CoverageAlarm"]
    assert alarm["Threshold"] == 57 * 60 / seconds
    assert deployed(dashboard=False, interval_seconds=seconds)["CoverageAlarm"]["Threshold"] == 57


@pytest.mark.parametrize("market", MARKETS)
def test_used_weight_is_watched_at_80_percent_of_the_markets_limit(market: str) -> None:
    alarm = deployed(dashboard=True, market=market)["UsedWeightAlarm"]
    assert alarm["Threshold"] == MARKETS[market].WEIGHT_PER_MINUTE * 0.8


def test_without_the_dashboard_the_function_writes_no_metrics(resources: dict[str, Any]) -> None:
    variables = resources["SamplerFunction"]["Properties"]["Environment"]["Variables"]
    assert variables["POWERTOOLS_METRICS_DISABLED"] == {"Fn::If": ["HasDashboard", "false", "true"]}
