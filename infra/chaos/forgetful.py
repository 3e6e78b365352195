"""`python -m infra.chaos.forgetful PORT SEED`: a table that takes everything, keeps nothing, and fails now and then."""

import sys
import threading

from infra.chaos.proxy import TableProxy

FAULTS = ("throttled", "500", "503", "garbage", "refused", "lost", "cut")
RATE = 0.05


def main() -> None:
    """Serve until killed."""
    with TableProxy(None, RATE, int(sys.argv[2]), FAULTS, port=int(sys.argv[1])):
        threading.Event().wait()


if __name__ == "__main__":
    main()
