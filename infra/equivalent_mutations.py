"""Mutations that no test can tell from the original, or that only tune; infra/mutation.py leaves them out."""

EQUIVALENT: dict[tuple[str, str, str], str] = {}
"""(module, line, mutation) → the reason."""
