"""Prints a template as JSON, after SAM's transformation or, with --parse, before. Run by the Python that SAM is in."""

import json
import sys
from pathlib import Path
from typing import Any

from samtranslator.parser.parser import Parser  # type: ignore[import-not-found]
from samtranslator.translator.translator import Translator  # type: ignore[import-not-found]
from samtranslator.yaml_helper import yaml_parse  # type: ignore[import-not-found]


def main(path: Path, *, parse_only: bool) -> None:
    """Print it."""
    template: dict[str, Any] = yaml_parse(path.read_text())
    if not parse_only:
        for resource in template["Resources"].values():
            if "CodeUri" in resource["Properties"]:
                resource["Properties"]["CodeUri"] = "s3://bucket/key"  # where `sam deploy` puts what was built
        template = Translator({}, Parser()).translate(template, parameter_values={})
    print(json.dumps(template))


main(Path(sys.argv[-1]), parse_only="--parse" in sys.argv)
