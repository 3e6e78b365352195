"""How long to wait before trying again. Pure."""

FIRST_SECONDS = 0.2
LONGEST_SECONDS = 5.0


def backoff_seconds(number: int, chance: float) -> float:
    """The wait after the n-th failure, from 0: doubling, capped, and half of it by chance (from 0 to 1)."""
    longest: float = min(LONGEST_SECONDS, FIRST_SECONDS * 2.0 ** min(number, 30))
    return longest * (0.5 + chance / 2)
