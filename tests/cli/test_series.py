"""`series` lists what is stored: of a table at two one-item queries per series, of files all that is there."""

import json
from pathlib import Path
from typing import Any

import pytest
from handler.stores.items import item_from_record
from support.archive import Archive, lines, record

from handler.cli.main import main
from handler.record import Record
from handler.stores.dynamodb import dynamodb_client

Capture = pytest.CaptureFixture[str]

BTC = [record(minute, interval_seconds=60) for minute in (0, 1, 2, 5)]
ETH = [record(minute, "ETHUSDT", bps=10, covered=True, levels=1000, market="usdm") for minute in (3, 4)]
RECORDS: list[Record] = [*BTC, *ETH]
BTC_LINE: dict[str, Any] = {
    "series": "BTCUSDT#5",
    "symbol": "BTCUSDT",
    "levels": 5,
    "interval_seconds": 60,
    "first": "2024-01-01T00:00:00Z",
    "last": "2024-01-01T00:05:00Z",
}
ETH_LINE: dict[str, Any] = {
    "series": "usdm:ETHUSDT@10bps",
    "symbol": "ETHUSDT",
    "levels": None,
    "bps": 10,
    "market": "usdm",
    "interval_seconds": 60,
    "first": "2024-01-01T00:03:00Z",
    "last": "2024-01-01T00:04:00Z",
}


def printed(capfd: Capture) -> list[dict[str, Any]]:
    return [json.loads(line) for line in capfd.readouterr().out.splitlines()]


@pytest.mark.parametrize(
    ("flags", "expected"),
    [
        ([], [BTC_LINE | {"slots": 4, "covered": 0.666667}, ETH_LINE | {"slots": 2, "covered": 1.0}]),
        (["--symbol", "BTC"], [BTC_LINE | {"slots": 4, "covered": 0.666667}]),
        (["--market", "usdm"], [ETH_LINE | {"slots": 2, "covered": 1.0}]),
        (["--bps", "10", "20"], [ETH_LINE | {"slots": 2, "covered": 1.0}]),
        (["--levels", "5"], [BTC_LINE | {"slots": 4, "covered": 0.666667}]),
        (["--symbol", "XRP"], []),
    ],
)
def test_of_files_it_lists_all_that_flags_do_not_exclude(
    tmp_path: Path, capfd: Capture, flags: list[str], expected: list[dict[str, Any]]
) -> None:
    (tmp_path / "records").write_text(lines(RECORDS, detail=True))
    assert main(["series", *flags, "--from", str(tmp_path / "records")], {"OBI_SYMBOLS": "SOL"}) == 0
    assert printed(capfd) == expected


def test_of_a_table_it_lists_what_flags_and_variables_name(archive: Archive, capfd: Capture) -> None:
    archive.fill([item_from_record(one, 60) for one in RECORDS])
    assert archive.run_here("series", "--symbol", "BTC") == 0
    assert printed(capfd) == [BTC_LINE]
    with pytest.MonkeyPatch.context() as patch:
        for name, value in {"OBI_SYMBOLS": "ETH,SOL", "OBI_BPS": "10", "OBI_MARKET": "usdm"}.items():
            patch.setenv(name, value)
        assert archive.run_here("series") == 0
    out, err = capfd.readouterr()
    assert [json.loads(line) for line in out.splitlines()] == [ETH_LINE]
    assert "holds no record of usdm:SOLUSDT@10bps" in err


def test_a_series_of_a_table_costs_two_queries_of_one_item(
    archive: Archive, capfd: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive.fill([item_from_record(record(minute), 60) for minute in range(100)])
    counts: list[tuple[str, int]] = []

    def counting(**options: Any) -> Any:
        client = dynamodb_client(**options)
        client.meta.events.register(
            "after-call.dynamodb", lambda model, parsed, **_: counts.append((model.name, parsed["ScannedCount"]))
        )
        return client

    monkeypatch.setattr("handler.stores.table.dynamodb_client", counting)
    assert archive.run_here("series", "--symbol", "BTC") == 0
    assert [line["last"] for line in printed(capfd)] == ["2024-01-01T01:39:00Z"]
    assert counts == [("Query", 1), ("Query", 1)]
