"""The exchange's own SDK, binance-sdk-spot."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from binance_sdk_spot.spot import ConfigurationRestAPI, Spot  # type: ignore[import-not-found]

from infra.bench.contender import line, run

THREADS = 16


class SdkSpot:
    """As its README shows it, but for the host."""

    def __init__(self, url: str) -> None:
        self._api = Spot(config_rest_api=ConfigurationRestAPI(api_key="", api_secret="", base_path=url)).rest_api
        self._pool = ThreadPoolExecutor(THREADS)

    def samples(self, symbol: str, levels: int, count: int) -> list[str]:
        """One after the other."""
        return [self._sample(symbol, levels) for _ in range(count)]

    def sweep(self, symbols: Sequence[str], levels: int) -> list[str]:
        """In threads."""
        return list(self._pool.map(lambda symbol: self._sample(symbol, levels), symbols))

    def _sample(self, symbol: str, levels: int) -> str:
        book = self._api.depth(symbol=symbol, limit=levels).data()
        return line(symbol, book.bids, book.asks, levels)


if __name__ == "__main__":
    run(SdkSpot)
