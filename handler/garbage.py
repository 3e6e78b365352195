"""When garbage is collected: not while modules load, and seldom in the middle of reading a book."""

import gc

BOOK_OBJECTS = 20_000
"""More than one book of 5000 levels a side is made of: all gone a moment later, and nothing that needs collecting."""


def hold() -> None:
    """Collect none while modules load: they leave none, and looking for it is a tenth of the start-up time."""
    gc.disable()


def collect_again() -> None:
    """Collect what comes from now on; what is loaded stays."""
    gc.freeze()
    gc.set_threshold(BOOK_OBJECTS)
    gc.enable()
