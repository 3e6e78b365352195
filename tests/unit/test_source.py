"""Every record of every source comes back, whatever the question is, as a plain computation says."""

import gzip
import random
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support import oracle, records
from support.ask import ask, write_lines

from handler import read
from handler.record import Record
from handler.slots import epoch_seconds, format_timestamp

START = epoch_seconds("2026-11-22T10:00:00Z")


def at(seconds: int, kind: str = "full", **changes: Any) -> Record:
    """A record of the slot that begins so many seconds after START."""
    moment = START + seconds
    values: dict[str, Any] = {"timestamp": format_timestamp(moment), "obi": (moment * 7 % 199 - 99) / 100} | changes
    if kind == "nothing":
        return records.plain(**(values | {"obi": 0.0, "notional_bid": 0.0, "notional_ask": 0.0}))
    make = {"plain": records.plain, "full": records.full, "reason": records.reason}[kind]
    return make(**(values | ({"obi": 0.0} if kind == "reason" else {})))


def lines(found: list[Record], **options: bool) -> list[str]:
    return [record.to_line(**options) for record in found]


def history_of(found: list[Record]) -> list[Record]:
    return [row.record for row in oracle.rows(found) if row.has_data]


@st.composite
def runs(draw: st.DrawFn) -> list[Record]:
    """Runs of one or two pairs, plain or full, with failures, jitter, repeats and overlaps, in any order."""
    found: list[Record] = []
    for market in draw(st.sampled_from([["spot"], ["spot", "usdm"]])):
        for _ in range(draw(st.integers(1, 2))):
            interval, begin = draw(st.sampled_from([1, 10, 60])), draw(st.integers(0, 50)) * 10
            is_plain = draw(st.booleans())
            kinds = ["plain"] * 5 + ["nothing", "none"] if is_plain else ["full"] * 5 + ["reason", "none"]
            for number, kind in enumerate(draw(st.lists(st.sampled_from(kinds), min_size=1, max_size=25))):
                jitter = draw(st.integers(0, min(3, interval - 1))) if kind in ("plain", "full") else 0
                bids = [(Decimal(100 - number), Decimal("1.5"))]
                own: dict[str, Any] = {} if is_plain else {"interval_seconds": interval}
                own |= {"bids": bids} if kind == "full" else {}
                if kind != "none":
                    slot = (begin + number * interval) // interval * interval
                    found.append(at(slot + jitter, kind, market=market, obi=draw(st.integers(-99, 99)) / 100, **own))
    found += found[: draw(st.integers(0, 3))]
    random.Random(draw(st.integers(0, 99))).shuffle(found)
    return found


@settings(max_examples=4)
@given(found=runs().filter(bool))
def test_every_question_is_answered_as_a_plain_computation_answers_it(
    found: list[Record], tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("records")
    middle = len(found) // 2
    write_lines(folder / "a.jsonl", *found[middle:])
    (folder / "b.jsonl.gz").write_bytes(gzip.compress("".join(f"{line}\n" for line in lines(found[:middle])).encode()))
    rows = oracle.rows(found)
    detail = ask("--from", folder, "--detail")
    assert sorted(detail.lines) == sorted(lines(history_of(found)))
    assert sorted(ask("--from", folder).lines) == sorted(lines(history_of(found), detail=False))
    steps = ask("--from", folder, "--every 1m")
    assert steps.rows == oracle.steps(rows, 60)
    assert ask("--from", folder, command="series").rows == oracle.series(rows)
    pairs = sorted({row.record.pair for row in rows})
    expected = [gap for pair in pairs for gap in oracle.gaps([row for row in rows if row.record.pair == pair], pair)]
    gaps = ask("--from", folder, "--gaps")
    assert gaps.rows == expected
    assert gaps.code == (3 if any(gap["missing"] for gap in expected) else 0)

    export = folder.with_suffix(".parquet")
    ask("--from", folder, "--reasons --output", export)
    assert ask("--from", export, "--detail") == detail
    assert ask("--from", export, "--gaps") == gaps
    assert ask("--from", folder, export, "--detail") == detail
    assert ask("--from", export, "--every 1m") == steps
    assert ask("--from", export, "--levels 1 5 --bps 10 200") == ask("--from", folder, "--levels 1 5 --bps 10 200")


PLAIN_1S = [at(second, "plain") for second in range(236)]
MIXED = [at(60 * n + 5, "full") for n in range(50)] + [at(60 * n + 9, "plain") for n in range(50, 90)]


@pytest.mark.parametrize("found", [PLAIN_1S, MIXED], ids=["1 s", "mixed"])
def test_plain_lines_come_back_one_by_one(
    found: list[Record], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    write_lines(tmp_path / "a.jsonl", *found)
    assert ask("--from", tmp_path, "--detail").lines == lines(found)
    assert "plain lines have no interval" in caplog.text
    ask("--from", tmp_path, "--output", tmp_path.with_suffix(".parquet"))
    assert ask("--from", tmp_path.with_suffix(".parquet"), "--detail").lines == lines(found)
    assert ask("--from", tmp_path, "--gaps").rows[-1]["missing"] == 0


def test_samples_that_share_a_slot_are_given_and_named(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    write_lines(tmp_path / "a.jsonl", *PLAIN_1S)
    assert len(ask("--from", tmp_path, "--interval_seconds 60").lines) == len(PLAIN_1S)
    assert "232 sample(s) share a slot of 60 s" in caplog.text


@pytest.mark.parametrize(
    ("found", "kept"),
    [
        pytest.param([at(7), at(30), at(0, "reason")], [0], id="the earliest"),
        pytest.param([at(7), at(7, bids=None, asks=None, bid_levels=None)], [0], id="the line with levels"),
        pytest.param([at(7), at(7, "plain")], [0], id="the full line of a sample"),
        pytest.param([at(7), at(7, "plain", obi=0.5)], [0, 1], id="two samples in one second"),
        pytest.param([at(7), at(7, market="usdm"), at(7, symbol="ETHUSDT")], [0, 2, 1], id="three pairs"),
    ],
)
@pytest.mark.parametrize("turn", [1, -1])
def test_one_row_for_each_pair_and_slot(found: list[Record], kept: list[int], turn: int, tmp_path: Path) -> None:
    write_lines(tmp_path / "a.jsonl", *found[::turn])
    assert ask("--from", tmp_path, "--detail").lines == [found[number].to_line() for number in kept]


def test_keys_of_newer_versions_survive_in_lines(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    newer = [at(0).to_line()[:-1] + ',"spread":[1.5]}', at(60, "plain").to_line()[:-1] + ',"color":"red"}']
    write_lines(tmp_path / "a.jsonl", *newer)
    assert ask("--from", tmp_path, "--detail").lines == newer
    assert ask("--from", tmp_path).lines == [at(0).to_line(detail=False), at(60).to_line(detail=False)]
    ask("--from", tmp_path, "--output", tmp_path.with_suffix(".parquet"))
    assert "left out keys of a newer version: color, spread" in caplog.text


def test_the_relation_is_typed_and_lives_on(tmp_path: Path) -> None:
    write_lines(tmp_path / "a.jsonl", at(0), at(60, "reason"), at(127, market="usdm"))
    relation = read(tmp_path)
    kinds = dict(zip(relation.columns, map(str, relation.types), strict=True))
    assert {kinds[name] for name in ("slot", "timestamp", "received_at")} == {"TIMESTAMP WITH TIME ZONE"}
    assert [kinds[name] for name in ("pair", "levels", "bids", "mid")] == ["VARCHAR", "BIGINT", "DOUBLE[][]", "DOUBLE"]
    frame = relation.df()
    assert list(frame.pair) == ["BTCUSDT", "usdm:BTCUSDT"]
    assert str(frame.timestamp.dtype) == "datetime64[us, UTC]"
    assert frame.mid.tolist() == [100.0, 100.0]
    assert len(read(tmp_path, symbols=["usdm:BTCUSDT"], since="2026-11-22T10:02:00Z").fetchall()) == 1


def test_derived_columns_know_what_was_not_measured(tmp_path: Path) -> None:
    """A rung that was not measured is null, an imbalance over nothing too; best prices are those of the book."""
    write_lines(tmp_path / "a.jsonl", at(0))
    columns = "best_bid, best_ask_quantity, weighted_mid, spread_bps, obi_quantity, obi_1bps, obi_100bps, obi_300bps"
    found = read(tmp_path).project(f"{columns}, notional_bid_200bps, quantity_bid_500bps").fetchall()
    best = (99.0, 1.0, (99 + 2.5 * 101) / 3.5, 200.0, 1.50000001 / 3.50000001)
    assert found[0] == pytest.approx((*best, None, 146.5 / 348.5, None, 247.5, None), abs=1e-8)


def test_exports_are_read_by_other_programs(tmp_path: Path) -> None:
    """pandas' merge_asof needs equal units of time; Parquet keeps them."""
    pandas = pytest.importorskip("pandas")
    pytest.importorskip("pyarrow")
    write_lines(tmp_path / "a.jsonl", *[at(60 * n, market=market) for n in range(5) for market in ("spot", "usdm")])
    ask("--from", tmp_path, "--output", tmp_path / "out.parquet")
    frame = pandas.read_parquet(tmp_path / "out.parquet")
    spot, usdm = (frame[frame.market == market] for market in ("spot", "usdm"))
    assert len(pandas.merge_asof(spot, usdm, on="received_at")) == 5
    assert list(frame.columns[:4]) == ["pair", "slot", "timestamp", "symbol"]
    assert "line" not in frame.columns
    for kind in ("ns", "ms"):  # pandas makes floats of whole numbers
        frame.astype({"timestamp": f"datetime64[{kind}, UTC]"}).to_parquet(tmp_path / "again.parquet")
        assert ask("--from", tmp_path / "again.parquet", "--detail") == ask("--from", tmp_path / "a.jsonl", "--detail")
    duckdb.execute(f"COPY (SELECT {{'a': 1}} AS a, * FROM '{tmp_path}/out.parquet') TO '{tmp_path}/again.parquet'")
    assert ask("--from", tmp_path / "again.parquet", "--detail") == ask("--from", tmp_path / "a.jsonl", "--detail")
