"""The reconciliation of the chaos tests finds every slot that is neither stored nor explained."""

import json
from fractions import Fraction
from types import SimpleNamespace
from typing import Any

import pytest

from handler.book import measure
from handler.exchanges.binance import parse_depth
from handler.record import Record
from handler.stores.items import item_from_record
from infra.chaos.cooldown_check import check_cooldowns
from infra.chaos.function_output import FunctionOutput
from infra.chaos.messages import DOWN, EMPTY_BOOK, NO_MID, SLOW_READER
from infra.chaos.oracle import agrees, expected
from infra.chaos.reconciliation import Observations, Outcome, Totals, reconcile, response_bodies, unloaded_lines
from infra.chaos.runner_output import ProgramRun, RunnerOutput
from infra.chaos.series import Depths, all_series

BODY = b'{"lastUpdateId":7,"bids":[["99.00","2.00"],["98.00","1.00"]],"asks":[["101.00","1.00"]]}'
SLOT = 1_795_262_400
KEY = "AUSDT#5", SLOT
SERIES = all_series(["AUSDT"], Depths(bps=()), "spot")


def record(second: int = 0, **changes: Any) -> Record:
    found = Record(f"2026-11-21T12:00:{second:02}Z", "AUSDT", levels=5, **measure(parse_depth(BODY), 5)._asdict())
    return found._replace(**changes)


def line(second: int = 0, **changes: Any) -> str:
    return record(second, **changes).to_line(detail=True)


def reconciled(
    *outcomes: Outcome,
    before: list[Any] | None = None,
    after: list[Any] | None = None,
    unstored_lines: set[str] | None = None,
) -> Totals:
    before = [item_from_record(record(), 1)] if before is None else before
    bodies = response_bodies([SimpleNamespace(symbol="AUSDT", body=BODY)])
    after = before if after is None else after
    return reconcile(Observations(list(outcomes), unstored_lines or set(), before, after, bodies))


def test_a_slot_that_is_stored_as_printed_is_accepted() -> None:
    totals = reconciled(Outcome(KEY, line()))
    assert (totals.slots, totals.stored, totals.loaded, totals.verified_records) == (1, 1, 0, 1)
    assert totals.problems == []


def test_a_second_line_of_a_slot_is_a_duplicate() -> None:
    totals = reconciled(Outcome(KEY, line()), Outcome(KEY, line(latency_ms=3.0)))
    assert (totals.stored, totals.duplicates, totals.problems) == (1, 1, [])


def test_a_slot_without_a_sample_is_accepted_with_its_reason() -> None:
    totals = reconciled(Outcome(KEY, reason="away"), before=[])
    assert (dict(totals.reasons), totals.problems) == ({"away": 1}, [])


def test_a_line_that_was_logged_as_not_stored_and_then_loaded_is_accepted() -> None:
    totals = reconciled(Outcome(KEY, line()), before=[], after=[item_from_record(record(), 1)], unstored_lines={line()})
    assert (totals.stored, totals.loaded, totals.problems) == (0, 1, [])


def test_a_line_that_was_logged_as_not_stored_but_never_printed_is_accepted() -> None:
    totals = reconciled(
        Outcome(KEY, reason=DOWN), before=[], after=[item_from_record(record(), 1)], unstored_lines={line()}
    )
    assert (totals.loaded, totals.verified_records, totals.problems) == (1, 1, [])


def test_a_logged_line_that_loading_the_log_did_not_store_is_a_problem() -> None:
    assert unloaded_lines({line(0)}, [item_from_record(record(), 1)], 1) == []
    assert "not loadable" in unloaded_lines({line(0), line(1)}, [item_from_record(record(), 1)], 1)[0]


@pytest.mark.parametrize("outcome", [Outcome(KEY, line(), was_killed=True), Outcome(KEY, reason=DOWN)])
def test_a_process_that_was_ended_may_have_stored_without_printing_and_the_reverse(outcome: Outcome) -> None:
    assert reconciled(outcome).problems == []
    assert reconciled(outcome, before=[], after=[item_from_record(record(), 1)] * bool(outcome.line)).problems == []


@pytest.mark.parametrize(
    ("outcomes", "before", "after", "problem"),
    [
        ([Outcome(KEY)], [], [], "without a reason"),
        ([Outcome(KEY, line())], [], [], "not in the table after loading"),
        ([Outcome(KEY, line())], [], [item_from_record(record(), 1)], "no log message says so"),
        ([Outcome(KEY, line())], None, [], "vanished from the table"),
        ([Outcome(KEY, line(latency_ms=3.0))], None, None, "other values"),
        ([Outcome(KEY, reason="away")], None, None, "never printed"),
        ([], None, None, "without being sampled"),
        ([Outcome(KEY, line(obi=0.5))], [item_from_record(record(obi=0.5), 1)], None, "no response of the exchange"),
        ([Outcome(KEY, line(last_update_id=8))], [item_from_record(record(last_update_id=8), 1)], None, "no response"),
        ([Outcome(KEY, line())], [item_from_record(record(), 1) | {"levels": {"N": "20"}}], None, "another key"),
    ],
)
def test_a_discrepancy_is_a_problem(
    outcomes: list[Outcome], before: list[Any] | None, after: list[Any] | None, problem: str
) -> None:
    assert problem in "; ".join(reconciled(*outcomes, before=before, after=after).problems)


def output(printed: list[str], logged: list[str]) -> RunnerOutput:
    found = RunnerOutput(SERIES)
    found.add(ProgramRun(printed, logged))
    return found


NOTHING = line(1, obi=0.0, notional_bid=0.0, notional_ask=0.0)
WARNED = "2026-11-21T12:00:01Z WARNING AUSDT: the order book is empty"


def test_a_line_without_data_is_given_the_reason_that_was_logged() -> None:
    found = output([line(0), NOTHING, line(2)], [WARNED])
    assert [outcome.reason for outcome in found.outcomes] == ["", "the order book was empty", ""]
    assert found.problems == []


def test_intervals_that_were_skipped_have_a_reason_if_that_was_logged() -> None:
    logged = "2026-11-21T12:00:03Z WARNING skipped 2 interval(s): the last one took too long, or the clock was set"
    found = output([line(0), line(3)], [logged])
    assert [outcome.reason for outcome in found.outcomes if outcome.reason] == [SLOW_READER] * 2
    assert found.problems == []
    assert "stderr reports 0" in output([line(0), line(3)], []).problems[0]


def test_between_two_runs_the_process_was_down() -> None:
    found = output([line(0)], [])
    found.add(ProgramRun([line(2)], []))
    assert (("AUSDT#5", SLOT + 1), DOWN) in [(outcome.key, outcome.reason) for outcome in found.outcomes]


@pytest.mark.parametrize(
    ("printed", "logged", "problem"),
    [
        ([line(0)], ["Traceback (most recent call last):"], "unexpected"),
        (["{"], [], "not a record"),
        ([line(0, symbol="BUSDT")], [], "out of order"),
        ([line(0)], [WARNED, WARNED], "belong to no line"),
    ],
)
def test_unexpected_output_is_a_problem(printed: list[str], logged: list[str], problem: str) -> None:
    assert problem in "; ".join(output(printed, logged).problems)


def test_a_line_without_data_and_without_a_reason_is_lost_without_a_recorded_reason() -> None:
    found = output([line(0), NOTHING], [])
    assert "without a reason" in "; ".join(reconciled(*found.outcomes).problems)


NO_BOOK = json.dumps({"level": "ERROR", "message": "AUSDT: no book before its slot was over (x)"})


def invoked(*printed: str, result: dict[str, Any], slots: list[int]) -> FunctionOutput:
    found = FunctionOutput(SERIES, {"a": slots}, {"a": result})
    found.add([f"START RequestId: a Version: $LATEST Time: {SLOT}", *printed, "END RequestId: a"])
    return found


def test_an_invocation_explains_each_of_its_slots() -> None:
    found = invoked(line(0), NO_BOOK, result={"raised": "HandlerError: 1 failure(s)"}, slots=[SLOT, SLOT + 1])
    assert [outcome.key[1] - SLOT for outcome in found.outcomes] == [0, 1]
    assert found.problems == []


@pytest.mark.parametrize(
    ("printed", "result", "slots", "problem"),
    [
        ([], {"returned": {}}, [SLOT], "0 outcomes for 1 slots"),
        ([line(2)], {"returned": {}}, [SLOT], "instead of"),
        ([], {"returned": {}}, [], "not rejected"),
        ([line(0)], {"raised": "E", "traceback": "…"}, [SLOT], "crashed"),
        ([line(0), NO_BOOK], {"returned": {}}, [SLOT, SLOT + 1], "although"),
    ],
)
def test_an_invocation_that_breaks_a_promise_is_a_problem(
    printed: list[str], result: dict[str, Any], slots: list[int], problem: str
) -> None:
    assert problem in "; ".join(invoked(*printed, result=result, slots=slots).problems)


def request(moment: float, status: int = 200, retry_after: str | None = None, symbol: str = "AUSDT") -> Any:
    body = b'{"code":-1003,"msg":"IP banned until 1795262407500."}'
    return SimpleNamespace(wall_seconds=SLOT + moment, status=status, retry_after=retry_after, symbol=symbol, body=body)


def test_a_cooldown_without_requests_is_counted() -> None:
    found = check_cooldowns(
        [request(0, 429, "3"), request(0.1, symbol="BUSDT"), request(3.01), request(4, 418), request(7.6)]
    )
    assert found == (2, [])


@pytest.mark.parametrize(
    "requests",
    [
        [request(0, 429, "3"), request(2.9)],
        [request(0, 418, "3"), request(0.1)],
        [request(0, 429), request(59.9)],
        [request(4, 418), request(7.4)],
        [request(0, 418, "9"), request(0.1, 429, "1", symbol="BUSDT"), request(8)],
    ],
)
def test_a_request_during_a_cooldown_is_a_problem(requests: list[Any]) -> None:
    assert "before a cooldown was over" in check_cooldowns(requests)[1][0]


DISTANCES = all_series(["AUSDT"], Depths(), "usdm")
ONE_SIDED = b'{"E":1795262400101,"T":1795262400099,"lastUpdateId":7,"bids":[],"asks":[["101.0","1.0"]]}'
"""A book without a mid: only its levels are measured."""
NO_MID_LOGGED = "2026-11-21T12:00:00Z WARNING AUSDT: the order book has no mid: a side is empty"
EMPTY_LOGGED = "2026-11-21T12:00:00Z WARNING AUSDT: the order book is empty"


def futures_line(second: int = 0, body: bytes = BODY, **changes: Any) -> str:
    depth = {"levels": 5, **changes}
    numbers = measure(parse_depth(body), depth["levels"], depth.get("bps"))._asdict()
    found = Record(f"2026-11-21T12:00:{second:02}Z", "AUSDT", market="usdm", **{**numbers, **depth})
    return found.to_line(detail=True)


@pytest.mark.parametrize(
    ("body", "logged", "reasons"),
    [
        (ONE_SIDED, [NO_MID_LOGGED], ["", NO_MID]),
        (b'{"bids":[],"asks":[]}', [EMPTY_LOGGED, NO_MID_LOGGED], [EMPTY_BOOK] * 2),
    ],
)
def test_a_book_without_a_mid_is_a_reason_for_distances(body: bytes, logged: list[str], reasons: list[str]) -> None:
    """The runner logs an empty book of the levels and of the distances; an empty side only of the distances."""
    printed = [futures_line(second, sent, **depth)
               for second, sent in enumerate((body, BODY)) for depth in ({}, {"levels": 100, "bps": 10})]  # fmt: skip
    found = RunnerOutput(DISTANCES)
    found.add(ProgramRun(printed, logged))
    assert [outcome.reason for outcome in found.outcomes] == [*reasons, "", ""]
    assert {outcome.key[0] for outcome in found.outcomes} == {"usdm:AUSDT#5", "usdm:AUSDT@10bps"}
    assert found.problems == []


def test_an_invocation_gives_distances_without_a_mid_their_reason() -> None:
    """The function logs the distance's failure before it prints the level's line."""
    logged = json.dumps({"level": "WARNING", "message": "AUSDT: the order book has no mid: a side is empty"})
    found = FunctionOutput(DISTANCES, {"a": [SLOT]}, {"a": {"returned": {}}})
    found.add(["START RequestId: a Version: $LATEST Time: 0", logged, futures_line(body=ONE_SIDED), "END RequestId: a"])
    assert {outcome.key[0]: outcome.reason for outcome in found.outcomes} == {
        "usdm:AUSDT#5": "",
        "usdm:AUSDT@10bps": NO_MID,
    }
    assert found.problems == []


FUTURES_BODY = BODY.replace(b"{", b'{"E":1795262400101,"T":1795262400099,', 1)
DISTANCE = {
    "levels": 2, "bps": 100, "covered": True, "market": "usdm", "obi": 0.324415,
    "exchange_time": "2026-11-21T12:00:00.099Z",
    "notional_bid": 198.0, "notional_ask": 101.0, "obi_quantity": 0.333333, "best_bid": 99.0, "best_bid_quantity": 2.0,
    "best_ask": 101.0, "best_ask_quantity": 1.0, "mid": 100.0, "spread_bps": 200.0,
    "levels_bid": 1, "levels_ask": 1, "reach_bid_bps": 100.0, "reach_ask_bps": 100.0, "last_update_id": 7,
}  # fmt: skip
"""Worked out by hand: bids from 99 up, asks to 101, the edges included."""


def test_the_oracle_knows_distances_futures_and_the_microprice() -> None:
    """It is told from a record worked out by hand, and each other value is wrong."""
    right = DISTANCE | {"microprice": float(Fraction(101 * 2 + 99, 3))}
    assert agrees(right, FUTURES_BODY)
    for key in set(right) - {"levels"}:
        assert not agrees(right | {key: None}, FUTURES_BODY), key
    assert not agrees(right, BODY)


@pytest.mark.parametrize(
    ("levels", "bps", "covered"), [(2, 200, True), (2, 201, False), (1, 100, True), (1, 101, False), (1, 99, True)]
)
def test_the_oracle_knows_how_far_a_book_was_sent(levels: int, bps: int, covered: bool) -> None:
    """A side is covered that has fewer levels than requested, or one at the edge or beyond."""
    assert expected(BODY, levels, bps)["covered"] is covered


def test_a_distance_within_which_nothing_rests_is_compared_too() -> None:
    """Sums are 0, and what depends on a level is null."""
    found = expected(FUTURES_BODY, 5, 10)
    assert (found["obi"], found["notional_bid"], found["obi_quantity"], found["reach_bid_bps"]) == (
        0.0,
        0.0,
        None,
        None,
    )
    assert (found["covered"], found["levels_ask"], found["mid"]) == (True, 0, 100.0)
