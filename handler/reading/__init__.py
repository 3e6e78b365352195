"""Records out of anything that stores them, as one DuckDB relation, and the questions that it answers."""

from .source import read

__all__ = ["read"]
