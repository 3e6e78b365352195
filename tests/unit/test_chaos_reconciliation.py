"""The accountant of the bad day: books that do not add up do not close."""

import json
from types import SimpleNamespace
from typing import Any

import pytest

from handler.book import measure
from handler.exchanges.binance import parse_depth
from handler.record import Record
from handler.stores.items import item_from_record
from infra.chaos.books import Books, Evidence, Outcome, answers, close
from infra.chaos.function_ledger import FunctionLedger
from infra.chaos.reasons import DOWN, HELD_UP
from infra.chaos.rests import check_rests
from infra.chaos.runner_ledger import Ledger, Life

BODY = b'{"lastUpdateId":7,"bids":[["99.00","2.00"],["98.00","1.00"]],"asks":[["101.00","1.00"]]}'
SLOT = 1_795_262_400
KEY = "AUSDT#5", SLOT


def record(second: int = 0, **changes: Any) -> Record:
    found = Record(f"2026-11-21T12:00:{second:02}Z", "AUSDT", levels=5, **measure(parse_depth(BODY), 5)._asdict())
    return found._replace(**changes)


def line(second: int = 0, **changes: Any) -> str:
    return record(second, **changes).to_line(detail=True)


def balance(*outcomes: Outcome, before: list[Any] | None = None, after: list[Any] | None = None, **more: Any) -> Books:
    answered = answers([SimpleNamespace(symbol="AUSDT", body=BODY)])
    items = [item_from_record(record(), 1)]
    seen = Evidence(list(outcomes), more.get("told", set()), items if before is None else before, [], answered)
    return close(seen._replace(after=(seen.before if after is None else after)))


def test_a_slot_that_is_stored_as_printed_closes() -> None:
    books = balance(Outcome(KEY, line()))
    assert (books.asked, books.stored, books.loaded, books.values, books.problems) == (1, 1, 0, 1, [])


def test_a_second_line_of_a_slot_is_a_duplicate() -> None:
    books = balance(Outcome(KEY, line()), Outcome(KEY, line(latency_ms=3.0)))
    assert (books.stored, books.delivered_again, books.problems) == (1, 1, [])


def test_a_slot_that_was_given_up_closes_under_its_name() -> None:
    books = balance(Outcome(KEY, reason="away"), before=[])
    assert (dict(books.reasons), books.problems) == ({"away": 1}, [])


def test_a_line_that_was_told_as_not_stored_and_loaded_closes() -> None:
    books = balance(Outcome(KEY, line()), before=[], after=[item_from_record(record(), 1)], told={line()})
    assert (books.stored, books.loaded, books.problems) == (0, 1, [])


@pytest.mark.parametrize(
    ("outcomes", "before", "after", "problem"),
    [
        ([Outcome(KEY)], [], [], "without a reason"),
        ([Outcome(KEY, line())], [], [], "did not bring it back"),
        ([Outcome(KEY, line())], [], [item_from_record(record(), 1)], "nothing says so"),
        ([Outcome(KEY, line())], None, [], "has left the table"),
        ([Outcome(KEY, line(latency_ms=3.0))], None, None, "other values"),
        ([Outcome(KEY, reason="away")], None, None, "never printed"),
        ([], None, None, "nobody asked"),
        ([Outcome(KEY, line(obi=0.5))], [item_from_record(record(obi=0.5), 1)], None, "no answer of the exchange"),
        ([Outcome(KEY, line(last_update_id=8))], [item_from_record(record(last_update_id=8), 1)], None, "no answer"),
        ([Outcome(KEY, line())], [item_from_record(record(), 1) | {"levels": {"N": "20"}}], None, "another key"),
    ],
)
def test_what_does_not_add_up_is_told(
    outcomes: list[Outcome], before: list[Any] | None, after: list[Any] | None, problem: str
) -> None:
    assert problem in "; ".join(balance(*outcomes, before=before, after=after).problems)


def ledger(printed: list[str], said: list[str]) -> Ledger:
    found = Ledger([("AUSDT", 5)])
    found.enter(Life(printed, said))
    return found


NOTHING = line(1, obi=0.0, notional_bid=0.0, notional_ask=0.0)
WARNED = "2026-11-21T12:00:01Z WARNING AUSDT: the order book is empty"


def test_a_line_without_data_is_given_the_reason_that_was_told() -> None:
    found = ledger([line(0), NOTHING, line(2)], [WARNED])
    assert [outcome.reason for outcome in found.outcomes] == ["", "the book was empty", ""]
    assert found.problems == []


def test_intervals_that_were_skipped_have_a_name_if_that_was_told() -> None:
    told = "2026-11-21T12:00:03Z WARNING skipped 2 interval(s): the last one took too long, or the clock was set"
    found = ledger([line(0), line(3)], [told])
    assert [outcome.reason for outcome in found.outcomes if outcome.reason] == [HELD_UP] * 2
    assert found.problems == []
    assert "stderr tells of 0" in ledger([line(0), line(3)], []).problems[0]


def test_between_two_lives_the_process_was_down() -> None:
    found = ledger([line(0)], [])
    found.enter(Life([line(2)], []))
    assert (("AUSDT#5", SLOT + 1), DOWN) in [(outcome.key, outcome.reason) for outcome in found.outcomes]


@pytest.mark.parametrize(
    ("printed", "said", "problem"),
    [
        ([line(0)], ["Traceback (most recent call last):"], "nobody expects"),
        (["{"], [], "no record"),
        ([line(0, symbol="BUSDT")], [], "out of turn"),
        ([line(0)], [WARNED, WARNED], "belong to no line"),
    ],
)
def test_what_nobody_expects_in_the_output_is_told(printed: list[str], said: list[str], problem: str) -> None:
    assert problem in "; ".join(ledger(printed, said).problems)


def test_a_line_without_data_and_without_a_reason_is_a_loss_without_a_name() -> None:
    found = ledger([line(0), NOTHING], [])
    assert "without a reason" in "; ".join(balance(*found.outcomes).problems)


def entered(*printed: str, result: dict[str, Any], slots: list[int]) -> FunctionLedger:
    found = FunctionLedger([("AUSDT", 5)], {"a": slots}, {"a": result})
    found.enter(["START RequestId: a Version: $LATEST", *printed, "END RequestId: a"])
    return found


def test_an_invocation_accounts_for_each_of_its_slots() -> None:
    failed = json.dumps({"level": "ERROR", "message": "AUSDT: no book before its slot was over (x)"})
    found = entered(line(0), failed, result={"raised": "HandlerError: 1 failure(s)"}, slots=[SLOT, SLOT + 1])
    assert [outcome.key[1] - SLOT for outcome in found.outcomes] == [0, 1]
    assert found.problems == []


@pytest.mark.parametrize(
    ("printed", "result", "slots", "problem"),
    [
        ([], {"returned": {}}, [SLOT], "0 outcomes for 1 slots"),
        ([line(1)], {"returned": {}}, [SLOT], "where"),
        ([], {"returned": {}}, [], "not refused"),
        ([line(0)], {"crashed": "Traceback"}, [SLOT], "crashed"),
        (['{"message":"AUSDT: no book before its slot was over (x)"}'], {"returned": {}}, [SLOT], "although"),
    ],
)
def test_what_an_invocation_owes_is_told(
    printed: list[str], result: dict[str, Any], slots: list[int], problem: str
) -> None:
    assert problem in "; ".join(entered(*printed, result=result, slots=slots).problems)


def asked(moment: float, status: int = 200, retry_after: str | None = None, symbol: str = "AUSDT") -> Any:
    words = b'{"code":-1003,"msg":"IP banned until 1795262407500."}'
    return SimpleNamespace(
        wall_seconds=SLOT + moment, status=status, retry_after=retry_after, symbol=symbol, body=words
    )


def test_a_rest_that_was_kept_is_counted() -> None:
    found = check_rests([asked(0, 429, "3"), asked(0.1, symbol="BUSDT"), asked(3.01), asked(4, 418), asked(7.6)])
    assert (found.rests, found.in_flight, found.problems) == (2, 1, [])


@pytest.mark.parametrize(
    "requests",
    [
        [asked(0, 429, "3"), asked(2.9)],
        [asked(0, 418, "3"), asked(0.1)],
        [asked(0, 429), asked(59.9)],
        [asked(4, 418), asked(7.4)],
        [asked(0, 418, "9"), asked(0.1, 429, "1", symbol="BUSDT"), asked(8)],
    ],
)
def test_a_request_during_a_rest_is_told(requests: list[Any]) -> None:
    assert "before a rest was over" in check_rests(requests).problems[0]
