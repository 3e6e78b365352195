"""Records out of anything that stores them, as one DuckDB relation, and the questions that are asked of it."""

from .source import read

__all__ = ["read"]
