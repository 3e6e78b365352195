"""Chaos tests: the runner and the function against fake services that fail by a seeded script, reconciled afterwards.

`python -m infra.chaos` runs them and prints the reliability table; `python -m infra.chaos.soak` runs a quiet day in
seconds.
"""
