"""Order book imbalance of Binance pairs, measured every minute and kept."""

__version__ = "0.1.0"
