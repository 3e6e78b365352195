"""Request → answer: the exchange itself, without sockets and threads. Pure, given a clock."""

from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

from infra.fake_exchange.answers import Answer, error
from infra.fake_exchange.books import Book, market, render
from infra.fake_exchange.faults import FAULTS, Situation
from infra.fake_exchange.info import exchange_info
from infra.fake_exchange.limits import Limiter, Verdict, banned_text, too_much_text
from infra.fake_exchange.plan import OK, Plan
from infra.fake_exchange.queries import DEPTH, EXCHANGE_INFO, TIME, Query, understand

_INVALID_SYMBOL = error(400, -1121, "Invalid symbol.")


class Outcome(NamedTuple):
    """A request as it was understood, its answer, the weight used so far, and the fault it met (`ok` for none)."""

    query: Query
    answer: Answer
    used_weight: int
    fault: str = OK


class Api:
    """The exchange: listed pairs, their books over time, limits, and faults."""

    def __init__(
        self,
        symbols: Iterable[str],
        books: Mapping[str, Book],
        *,
        seed: int,
        tick_ms: float,
        weight_limit: int,
        plan: Plan,
        clock: Callable[[], float],
    ) -> None:
        self._symbols = dict.fromkeys((*symbols, *books))
        self._fixed = dict(books)
        self._seed, self._tick_ms = seed, tick_ms
        self._weight_limit, self._limiter = weight_limit, Limiter(weight_limit)
        self._plan, self._clock, self._started_seconds = plan, clock, clock()
        self._bodies: dict[tuple[str, int], tuple[int, bytes]] = {}

    def list_book(self, symbol: str, book: Book) -> None:
        """List a pair with a book that stays as it is."""
        self._fixed[symbol] = book
        self._symbols[symbol] = None
        self._bodies = {}

    def delist(self, symbol: str) -> None:
        """Forget a pair."""
        self._symbols.pop(symbol, None)

    def prepare(self) -> None:
        """Build all books now, so that the first request for each costs no more than the others."""
        for symbol in self._symbols.keys() - self._fixed.keys():
            market(symbol, self._seed)

    def answer(self, method: str, target: str) -> Outcome:
        """Answer one request, made now."""
        query, now_seconds = understand(method, target), self._clock()
        verdict = self._limiter.charge(query.weight, now_seconds)
        if verdict.status != 200:
            return Outcome(query, self._refusal(verdict), verdict.used)
        if query.refusal:
            return Outcome(query, query.refusal, verdict.used)
        if query.path == DEPTH:
            return self._depth(query, now_seconds, verdict.used)
        return Outcome(query, self._other(query, now_seconds), verdict.used)

    def _refusal(self, verdict: Verdict) -> Answer:
        banned = verdict.status == 418
        text = banned_text(verdict.banned_until_ms) if banned else too_much_text(self._weight_limit)
        return error(verdict.status, -1003, text, ("Retry-After", str(verdict.retry_after_seconds)))

    def _depth(self, query: Query, now_seconds: float, used: int) -> Outcome:
        symbol, limit = query.symbol or "", query.limit or 0
        if symbol not in self._symbols:
            return Outcome(query, _INVALID_SYMBOL, used)
        step = self._step(now_seconds)
        answer = Answer(200, self._body(symbol, limit, step))
        fault = self._plan.next(symbol)
        if fault.name != OK:
            book, first_book = self._book(symbol, limit, step), self._book(symbol, limit, 0)
            situation = Situation(answer, book, first_book, now_seconds, fault.parameter)
            answer = FAULTS[fault.name].behave(situation)
        return Outcome(query, answer, used, fault.name)

    def _other(self, query: Query, now_seconds: float) -> Answer:
        if query.path == EXCHANGE_INFO:
            if not self._symbols.keys() >= set(query.symbols):
                return _INVALID_SYMBOL
            return Answer(200, exchange_info(query.symbols or list(self._symbols), self._weight_limit, now_seconds))
        return Answer(200, b'{"serverTime":%d}' % int(now_seconds * 1000) if query.path == TIME else b"{}")

    def _step(self, now_seconds: float) -> int:
        if not self._tick_ms:
            return 0
        # Seconds since the epoch have less than a microsecond of precision: a tick later must be a step later.
        return max(0, int((now_seconds - self._started_seconds) * 1000 / self._tick_ms + 1e-3))

    def _book(self, symbol: str, limit: int, step: int) -> Book:
        if symbol in self._fixed:
            return self._fixed[symbol].top(limit)
        return market(symbol, self._seed).book(step, limit)

    def _body(self, symbol: str, limit: int, step: int) -> bytes:
        """The rendered book, kept for as long as the walk stands still."""
        kept_step, body = self._bodies.get((symbol, limit), (-1, b""))
        if kept_step != step:
            body = render(self._book(symbol, limit, step))
            self._bodies[symbol, limit] = step, body
        return body
