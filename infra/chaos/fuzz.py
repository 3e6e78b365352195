"""`python -m infra.chaos.fuzz SECONDS SEED`: every parser, with good input made bad, within a limit of memory."""

import io
import json
import random
import resource
import sys
import time
import traceback
from contextlib import redirect_stdout
from dataclasses import asdict, dataclass, field

from infra.chaos.huge import MEMORY, PIECES
from infra.chaos.mutate import mutated
from infra.chaos.parsers import TARGETS

SLOW_SECONDS = 10.0
"""No input of a few megabytes is worked on for so long."""
MEGABYTES = 2


@dataclass(slots=True)
class Tried:
    """How many inputs were tried, the longest that one took, and what was neither a result nor a clean error."""

    tried: int = 0
    slowest: float = 0.0
    problems: list[str] = field(default_factory=list)

    def one(self, name: str, data: bytes) -> None:
        """Try an input."""
        start, problem = time.monotonic(), ""
        clean: tuple[type[BaseException], ...] = (SystemExit, *TARGETS[name].clean)  # --help ends with the first
        try:
            TARGETS[name].call(data)
        except clean:
            pass
        except BaseException:
            problem = traceback.format_exc()[-500:]
        took = time.monotonic() - start
        if took > SLOW_SECONDS:
            problem = f"{took:.0f} s"
        if problem:
            self.problems.append(f"{name}: {data[:80]!r}: {problem}")
        self.tried += 1
        self.slowest = max(self.slowest, round(took, 3))


def main() -> None:
    """Print what was tried as one JSON object."""
    seconds, seed = float(sys.argv[1]), int(sys.argv[2])
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    found, draw = Tried(), random.Random(seed)
    with redirect_stdout(io.StringIO()):
        for piece in PIECES:
            for name in TARGETS:
                found.one(name, piece * (MEGABYTES * 2**20 // len(piece)))
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            for name, target in TARGETS.items():
                found.one(name, mutated(draw, draw.choice(target.examples)))
    print(json.dumps(asdict(found)))


if __name__ == "__main__":
    main()
