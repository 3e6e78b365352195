"""One long bad day, and its books: the runner and the function against stand-ins that misbehave by a seeded script.

`python -m infra.chaos` runs it and prints the figures; `python -m infra.chaos.soak` runs a quiet day in seconds.
"""
