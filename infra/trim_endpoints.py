"""`python -m infra.trim_endpoints FILE SERVICE …`: drop all other services from botocore's endpoints.json.

Botocore parses the whole file, 1.25 MB, for its first client: a tenth of a cold start's CPU. Partitions and regions
stay, so that a client of these services finds the endpoint that it would find in the whole file.
"""

import json
import sys
from pathlib import Path


def main() -> None:
    """Rewrite the file."""
    file, services = Path(sys.argv[1]), sys.argv[2:]
    endpoints = json.loads(file.read_text(encoding="utf-8"))
    for partition in endpoints["partitions"]:
        partition["services"] = {name: entry for name, entry in partition["services"].items() if name in services}
    file.write_text(json.dumps(endpoints), encoding="utf-8")


if __name__ == "__main__":
    main()
