"""What the blocking clients share: one sample after the other, or 16 threads."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

THREADS = 16


class Threaded:
    """A contender whose client blocks; a subclass says how it samples."""

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(THREADS)

    def samples(self, symbol: str, levels: int, count: int) -> list[str]:
        """One after the other."""
        return [self.sample(symbol, levels) for _ in range(count)]

    def sweep(self, symbols: Sequence[str], levels: int) -> list[str]:
        """In threads."""
        return list(self._pool.map(lambda symbol: self.sample(symbol, levels), symbols))

    def sample(self, symbol: str, levels: int) -> str:
        """One sample, as a record line."""
        raise NotImplementedError
