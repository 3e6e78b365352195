"""Simulated time: actions in the order of their time, and tasks, which are threads that take turns.

One thread runs at a time, until it sleeps; so a run depends on its seed alone.
"""

import heapq
import threading
import time
from collections.abc import Callable
from functools import partial
from itertools import count

BOOT_SECONDS = 1000.0
"""What the monotonic clock of a container says at the start."""

MIN_SLEEP_SECONDS = 1e-6
"""What is added to epoch seconds must change them."""


class TimedOut(BaseException):
    """Raised in a task at its end, as Lambda ends a function: no handler for exceptions takes it."""


class Task(threading.Thread):
    """A thread of the simulation. `frozen_seconds`: for how long its monotonic clock stood still."""

    def __init__(self, timeline: "Timeline", function: Callable[[], None], end: float, frozen_seconds: float) -> None:
        super().__init__(daemon=True)
        self.timeline, self.end, self.frozen_seconds = timeline, end, frozen_seconds
        self.turn = threading.Semaphore(0)
        self._function = function

    def run(self) -> None:
        """Called in the thread."""
        self.turn.acquire()
        try:
            self._function()
        except BaseException as error:
            self.timeline.errors.append(error)
        finally:
            self.timeline.turn_over.release()


class Timeline:
    """A clock that moves to the next action or the next end of a task's sleep."""

    def __init__(self, start: float) -> None:
        self.start = self.now = start
        self.turn_over = threading.Semaphore(0)
        self.errors: list[BaseException] = []
        """What tasks raised."""
        self._actions: list[tuple[float, int, Callable[[], object]]] = []
        self._numbers = count()

    def at(self, moment: float, action: Callable[[], object]) -> None:
        """Have something done at a time; at the same time, in the order of these calls."""
        heapq.heappush(self._actions, (moment, next(self._numbers), action))

    def start_task(self, function: Callable[[], None], end: float, frozen_seconds: float = 0.0) -> None:
        """Run a function in a task from now on, until `end` at most."""
        task = Task(self, function, end, frozen_seconds)
        task.start()
        self.at(self.now, partial(self._resume, task))

    def run(self) -> None:
        """Do everything that is to be done. Raises what a task raised."""
        while self._actions:
            moment, _, action = heapq.heappop(self._actions)
            self.now = max(self.now, moment)
            action()
            if self.errors:
                raise self.errors[0]

    def sleep(self, task: Task, seconds: float) -> None:
        """Called by a task: give the others their turn. Raises TimedOut at the task's end."""
        wake_up = min(self.now + max(seconds, MIN_SLEEP_SECONDS), task.end)
        if self._actions and self._actions[0][0] <= wake_up:
            self.at(wake_up, partial(self._resume, task))
            self.turn_over.release()
            task.turn.acquire()
        else:
            self.now = wake_up
        if self.now >= task.end:
            raise TimedOut

    def _resume(self, task: Task) -> None:
        task.turn.release()
        self.turn_over.acquire()


def current_task() -> Task | None:
    """The task that this code runs in; None in any other thread."""
    thread = threading.current_thread()
    return thread if isinstance(thread, Task) else None


def install_clock() -> None:
    """Give tasks the simulated time wherever the module `time` is asked. Call it before `handler` is loaded.

    It is never undone: all other threads have the real time as before.
    """
    real_time, real_monotonic, real_sleep = time.time, time.monotonic, time.sleep

    def wall() -> float:
        return task.timeline.now if (task := current_task()) else real_time()

    def monotonic() -> float:
        if task := current_task():
            return BOOT_SECONDS + task.timeline.now - task.timeline.start - task.frozen_seconds
        return real_monotonic()

    def sleep(seconds: float) -> None:
        if task := current_task():
            task.timeline.sleep(task, seconds)
        else:
            real_sleep(seconds)

    for name, function in (("time", wall), ("monotonic", monotonic), ("sleep", sleep)):
        setattr(time, name, function)
