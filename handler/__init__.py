"""Order book imbalance of DepthClient pairs, measured every minute and kept."""

__version__ = "0.1.0"
