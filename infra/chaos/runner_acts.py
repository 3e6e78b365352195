"""The acts of the runner: each a function from the stage to its books."""

import time
from collections.abc import Callable, Sequence

from infra.chaos.books import Books
from infra.chaos.cast import SIX, Cast
from infra.chaos.stage import Stage, wait_until
from infra.chaos.stdout_acts import expect, full_disk, slow_reader
from infra.fake_exchange.fault_plan import TRANSIENT

STORM = (
    *(name for name in TRANSIENT if name != "429"),
    *("redirect", "huge=8", "empty", "bids-only", "asks-only", "crossed", "short", "three-elements"),
)
"""Everything that can go wrong with a body or a connection."""
PATIENT_SECONDS = 5
"""The interval where what the exchange says must be heard: a try may take half of it, on a busy machine too."""


def storm(stage: Stage) -> Books:
    """Two exchanges that fail every third request in every way, and a process that is killed again and again."""
    with Cast(stage, "storm", SIX) as cast:
        for _ in range(2):
            cast.exchange(rate=0.35, faults=STORM)
        end = time.monotonic() + stage.seconds
        while time.monotonic() < end - 4:
            program = cast.start()
            wait_until(min(time.monotonic() + cast.draw.uniform(2.5, 7), end))
            cast.kill(program)
            time.sleep(cast.draw.uniform(0, 1.5))
        last = cast.start()
        time.sleep(4)
        cast.stop(last)
        return cast.books()


def table(stage: Stage) -> Books:
    """A table that throttles, fails, hangs, loses answers, goes away and comes back; pairs delisted on the way."""
    with Cast(stage, "table", SIX) as cast:
        exchange, start = cast.exchange(), time.monotonic()
        cast.proxy.rate = 0.15
        program = cast.start()
        for share, act in (
            (0.25, cast.proxy.leave),
            (0.6, cast.proxy.come_back),
            (0.7, lambda: exchange.delist(cast.draw.choice(SIX))),
            (0.8, lambda: setattr(cast.proxy, "rate", 0.0)),
        ):
            wait_until(start + stage.seconds * share)
            act()
        wait_until(start + stage.seconds)
        cast.stop(program)
        return cast.books()


def limits(stage: Stage) -> Books:
    """429 and bans, told in the header or in words; at last a 429 that says nothing, which is for the whole minute."""
    with Cast(stage, "limits", SIX[:4], interval=PATIENT_SECONDS) as cast:
        rests = ["429=2", "418=7", "418-until=6.5"]
        cast.draw.shuffle(rests)
        return _told_to_rest(stage, cast, [*rests, "429"])


def ban(stage: Stage) -> Books:
    """A ban that does not say how long it is: the shortest there is, two minutes."""
    with Cast(stage, "ban", SIX[:2], interval=PATIENT_SECONDS) as cast:
        return _told_to_rest(stage, cast, ["418"])


def _told_to_rest(stage: Stage, cast: Cast, faults: Sequence[str]) -> Books:
    exchange, start = cast.exchange(), time.monotonic()
    program = cast.start()
    for number, fault in enumerate(faults):
        wait_until(start + 6 + (stage.seconds - 6) * number / len(faults))
        exchange.script([fault])
    wait_until(start + stage.seconds)
    cast.stop(program)
    return cast.books()


def region(stage: Stage) -> Books:
    """A host that is closed to the region, then the other one too: the program says so, and ends."""
    with Cast(stage, "region", SIX[:1], (5,), PATIENT_SECONDS) as cast:
        first, second = cast.exchange(), cast.exchange()
        first.script(["451*"])
        program = cast.start()
        time.sleep(12)
        second.script(["451*"])
        code, asked = program.wait(), [len(exchange.requests) for exchange in cast.exchanges]
        books = cast.books()
        expect(
            books, (code, asked[0]) == (1, 1), f"region: exit code {code}, the closed host was asked {asked[0]} times"
        )
        return books


def clock(stage: Stage) -> Books:
    """A wall clock that is set forward and back, by fractions of a second and by minutes."""
    with Cast(stage, "clock", SIX[:4]) as cast:
        cast.exchange(rate=0.1, faults=("500", "reset", "close-reuse"))
        steps = [90.0, -45.0, 0.4, -0.4, 7.5, -30.25, 1.0, -1.0]
        cast.draw.shuffle(steps)
        pause = (stage.seconds - 4) / len(steps)
        program = cast.start(steps=",".join(f"{4 + pause * number}:{step:+}" for number, step in enumerate(steps)))
        time.sleep(stage.seconds)
        cast.stop(program)
        return cast.books()


ACTS: tuple[Callable[[Stage], Books], ...] = (storm, table, limits, ban, region, clock, slow_reader, full_disk)
