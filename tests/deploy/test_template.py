"""The templates: what CloudFormation gets, as a snapshot, and what has to agree with something else.

`pytest tests/deploy/test_template.py --snapshot-update` takes a change over; look at its diff.
"""

import json
import re
import tomllib
from typing import Any

import pytest
from syrupy.assertion import SnapshotAssertion
from syrupy.extensions.json import JSONSnapshotExtension

from deploy.tools import ROOT, template, transformed
from handler.options import OPTIONS
from handler.timers import plan
from infra.testkit.aws import TABLE

Resources = dict[str, Any]
MONITORING = "infra/monitoring.yaml"
PAIRS = (
    ["BTC", "BTC,ETH", "1000SATSUSDT", "ETH/BTC", "BTC,ETH/BTC,BTC/USDC", "BTCUSDT_261225", ""],
    ["btc", "BTC, ETH", "BTC,", '"', "A/B/C", "/BTC", "ETH/", "BTC,/ETH", "ETH//BTC", "/", "usdm:BTC", "BTC/USDT:USDT"],
)
REPLACING = {
    "AWS::DynamoDB::Table": ["TableName", "KeySchema", "AttributeDefinitions"],
    "AWS::Logs::LogGroup": ["LogGroupName"],
    "AWS::SQS::Queue": ["QueueName", "FifoQueue"],
    "AWS::Lambda::Function": ["FunctionName", "PackageType"],
}  # properties whose change replaces a resource that keeps data, or the dimension of metrics


@pytest.mark.parametrize(
    "name", ["template.yaml", MONITORING, "infra/archive.yaml"], ids=["sampler", "monitoring", "archive"]
)
def test_what_is_deployed_changes_only_on_purpose(name: str, snapshot: SnapshotAssertion) -> None:
    assert transformed(ROOT / name)["Resources"] == snapshot(extension_class=JSONSnapshotExtension)


def test_no_parameter_replaces_what_keeps_data(resources: Resources, sam_template: Any) -> None:
    """No property of the table, which is the history, depends on a parameter at all."""
    parameters = "|".join(sam_template["Parameters"])
    depends = re.compile(rf'"Ref": "({parameters})"|\\$\\{{({parameters})\\}}|"Fn::If"')
    assert not depends.search(json.dumps(resources["Records"]["Properties"]))
    assert resources["Records"]["Properties"].items() >= TABLE.items()  # of all other tests
    for found in resources.values():
        for name in REPLACING.get(found["Type"], ()):
            assert not depends.search(json.dumps(found["Properties"].get(name)))
    kept = {
        name: found["DeletionPolicy"]
        for name, found in resources.items()
        if "Retain" in found.get("DeletionPolicy", "")
    }
    assert kept == {"Records": "Retain", "Log": "RetainExceptOnCreate"}


def test_every_variable_is_one_that_the_function_reads(resources: Resources) -> None:
    variables = set(resources["SamplerFunction"]["Properties"]["Environment"]["Variables"])
    assert variables - {option.variable for option in OPTIONS.values()} == {"OBI_TIMERS_URL"}


def test_the_longest_lists_of_pairs_fit_into_the_functions_variables(resources: Resources, sam_template: Any) -> None:
    """Lambda allows 4 KB. `usdm:` is put in front of each pair of futures, here of three letters and a comma."""
    lengths = {name: found.get("MaxLength", 5) for name, found in sam_template["Parameters"].items()}
    symbols = lengths["Symbols"] + 1 + lengths["UsdmSymbols"] * (1 + len("usdm:") / 4)
    longest = {"OBI_SYMBOLS": symbols, "OBI_TABLE": 255, "OBI_TIMERS_URL": 200}
    variables = resources["SamplerFunction"]["Properties"]["Environment"]["Variables"]
    text = json.dumps({name: "x" * int(longest.get(name, 5)) for name in variables}, separators=(",", ":"))
    assert len(text) <= 4096


def test_timers_fit_the_queue(resources: Resources, sam_template: Any) -> None:
    queue, function = resources["Timers"]["Properties"], resources["SamplerFunction"]["Properties"]
    assert function["Timeout"] <= 30
    assert queue["VisibilityTimeout"] >= function["Timeout"]
    for seconds in sam_template["Parameters"]["IntervalSeconds"]["AllowedValues"]:
        timers = plan(0, seconds, 0)
        assert len(timers) * seconds == 60
        assert queue["MessageRetentionPeriod"] >= max(delay for _, delay in timers) + 60
    assert resources["Timers"]["Condition"] == resources["TimerSource"]["Condition"] == "HasTimers"
    assert sam_template["Conditions"]["HasTimers"] == {"Fn::Not": [{"Fn::Equals": [{"Ref": "IntervalSeconds"}, 60]}]}


def test_the_makefile_builds_for_the_runtime_and_architecture_of_the_template(resources: Resources) -> None:
    defaults = dict(re.findall(r"^(\w+) \?= (\S+)$", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    function = resources["SamplerFunction"]["Properties"]
    assert f"python{defaults['RUNTIME_VERSION']}" == function["Runtime"]
    assert [defaults["ARCHITECTURE"].replace("aarch64", "arm64")] == function["Architectures"]


@pytest.mark.parametrize(
    ("parameter", "good", "bad"),
    [
        ("Symbols", *PAIRS),
        ("UsdmSymbols", *PAIRS),
        ("ExistingTable", ["", "order-book-imbalance-Records-1A2B", "a.b_c"], ["ab", "a b", "arn:aws:dynamodb:x"]),
        ("AlarmEmail", ["", "a@b.example"], ["a", "a b@c", "a@b@c"]),
    ],
)
def test_a_parameter_takes_what_the_function_takes(sam_template: Any, parameter: str, good: Any, bad: Any) -> None:
    pattern = sam_template["Parameters"][parameter]["AllowedPattern"]
    assert [word for word in good if not re.fullmatch(pattern, word)] == []
    assert [word for word in bad if re.fullmatch(pattern, word)] == []


def test_every_parameter_has_a_default_and_stands_in_the_example_and_on_the_page(sam_template: Any) -> None:
    parameters = {name: str(found["Default"]) for name, found in sam_template["Parameters"].items()}
    assert all(found["Description"] for found in sam_template["Parameters"].values())
    example = tomllib.loads((ROOT / "samconfig.example.toml").read_text(encoding="utf-8"))
    overrides = example["default"]["deploy"]["parameters"]["parameter_overrides"]
    assert {name: value.strip('"') for name, value in (word.split("=", 1) for word in overrides)} == parameters
    page = (ROOT / "docs/deploy.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `(\w+)` \|\s*`?([^|`]*?)`?\s*\|", page, re.MULTILINE)
    assert {name: value.strip() for name, value in rows} == parameters
    groups = sam_template["Metadata"]["AWS::CloudFormation::Interface"]["ParameterGroups"]
    assert sorted(name for group in groups for name in group["Parameters"]) == sorted(parameters)


def test_the_coverage_of_an_hour_is_57_minutes_of_slots(sam_template: Any) -> None:
    slots = template(ROOT / MONITORING)["Mappings"]["Slots"]
    intervals = sam_template["Parameters"]["IntervalSeconds"]["AllowedValues"]
    assert slots == {str(seconds): {"In57Minutes": 57 * 60 / seconds} for seconds in intervals}


def test_every_alarm_is_explained(resources: Resources) -> None:
    page = (ROOT / "docs/alarms.md").read_text(encoding="utf-8")
    alarms = {name for name, found in resources.items() if found["Type"] == "AWS::CloudWatch::Alarm"}
    assert set(re.findall(r"^## (\w+Alarm)$", page, re.MULTILINE)) == alarms
    assert set(re.findall(r"^\| (\w+Alarm) \|", page, re.MULTILINE)) == alarms


def test_the_dashboard_is_json_and_draws_what_there_is(resources: Resources) -> None:
    body, names = resources["Dashboard"]["Properties"]["DashboardBody"]["Fn::Sub"]
    widgets = json.loads(body)["widgets"]
    assert [widget["type"] for widget in widgets].count("log") == 3  # whose scans infra/cost.py counts
    known = resources.keys() | template(ROOT / MONITORING)["Parameters"].keys() | names.keys() | {"AWS::Region"}
    assert set(re.findall(r"\$\{([\w:]+)\}", body)) <= known
