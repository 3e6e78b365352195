"""Calls that wait for the network, several at a time; one after the other if no thread can be started."""

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, Future
from typing import TypeVar

Input = TypeVar("Input")
Result = TypeVar("Result")


def run_concurrently(
    pool: Executor, workers: int, function: Callable[[Input], Result], inputs: Sequence[Input]
) -> list[Result]:
    """Call the function once for each input, and give the results in the order of the inputs.

    The calling thread is one of the workers, so that every call is made even if the pool can start no thread. The first
    exception is raised; calls that have not begun by then are not made.
    """
    todo = deque(enumerate(inputs))
    results: dict[int, Result] = {}

    def work() -> None:
        try:
            while todo:
                try:
                    index, one = todo.popleft()
                except IndexError:  # another worker took the last one
                    return
                results[index] = function(one)
        except BaseException:
            todo.clear()
            raise

    helpers = list(_submit(pool, work, min(workers, len(inputs)) - 1))
    work()
    for helper in helpers:
        if not helper.cancel():
            helper.result()
    return [results[index] for index in range(len(inputs))]


def _submit(pool: Executor, work: Callable[[], None], times: int) -> Iterator[Future[None]]:
    try:
        for _ in range(times):
            yield pool.submit(work)
    except RuntimeError:  # no thread can be started; work that the pool queued nevertheless finds nothing to do
        return
