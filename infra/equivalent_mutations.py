"""Mutations that no test can tell from the original, or that only tune; infra/mutation.py leaves them out."""

_TUNING = "a tuning value: any near it keeps every promise"
_MEMORY = "slots save memory, and nothing assigns to a frozen field"

EQUIVALENT: dict[tuple[str, str, str], str] = {}
"""(module, line, mutation) → the reason."""
