"""The exchange's own SDK, binance-sdk-spot."""

from binance_sdk_spot.spot import ConfigurationRestAPI, Spot  # type: ignore[import-not-found]

from infra.bench.contender import Threaded, line, run


class SdkSpot(Threaded):
    """As in its README, but for the host."""

    def __init__(self, url: str) -> None:
        super().__init__()
        self._api = Spot(config_rest_api=ConfigurationRestAPI(api_key="", api_secret="", base_path=url)).rest_api

    def sample(self, symbol: str, levels: int) -> str:
        """One sample, as a record line."""
        book = self._api.depth(symbol=symbol, limit=levels).data()
        return line(symbol, book.bids, book.asks, levels)


if __name__ == "__main__":
    run(SdkSpot)
