"""The dashboard is valid JSON for any parameters, and never mixes depths, pairs or markets."""

import json
from typing import Any

import pytest

from deploy.intrinsics import Intrinsics
from deploy.tools import ROOT, template

CASES = {
    "levels": {"Symbols": "BTC", "Levels": "5", "Bps": "", "Market": "spot"},
    "several": {"Symbols": "BTC,ETHBTC", "Levels": "5,20", "Bps": "10,50", "Market": "usdm"},
    "distances": {"Symbols": "BTCUSDT_261225", "Levels": "", "Bps": "10", "Market": "usdm"},
}


def dashboard(parameters: dict[str, str]) -> dict[str, Any]:
    monitoring = template(ROOT / "infra" / "monitoring.yaml")
    body = monitoring["Resources"]["Dashboard"]["Properties"]["DashboardBody"]
    found: dict[str, Any] = json.loads(Intrinsics(monitoring, parameters | {"Quote": "USDT"}).resolve(body))
    return found


@pytest.mark.parametrize(
    ("name", "depths"),
    [
        ("levels", ["levels = 5 and not ispresent(bps)"]),
        (
            "several",
            ["levels = 5 and not ispresent(bps)", "levels = 20 and not ispresent(bps)", "bps = 10", "bps = 50"],
        ),
        ("distances", ["bps = 10"]),
    ],
)
def test_depths(name: str, depths: list[str]) -> None:
    """Each depth that is measured can be chosen, as a condition that no other depth meets."""
    _, variable = dashboard(CASES[name])["variables"]
    assert [one["value"] for one in variable["values"]] == depths
    assert variable["defaultValue"] == depths[0]


@pytest.mark.parametrize("name", CASES)
def test_queries(name: str) -> None:
    """A line is drawn for one pair at one depth of one market."""
    drawn = [
        widget["properties"]["query"]
        for widget in dashboard(CASES[name])["widgets"]
        if widget["type"] == "log" and "bin(1m)" in widget["properties"]["query"]
    ]
    assert ["avg(obi) as imbalance" in query for query in drawn] == ["avg(mid)" not in query for query in drawn]
    assert len(drawn) == 2
    for query in drawn:
        assert f"coalesce(market, 'spot') = '{CASES[name]['Market']}' and DEPTH- and symbol in" in query
