"""Prints a template as JSON, short forms written out: as written, and after SAM's transformation.

It is run by the Python that SAM is in.
"""

import json
import sys
from pathlib import Path

from samtranslator.parser.parser import Parser  # type: ignore[import-not-found]
from samtranslator.translator.translator import Translator  # type: ignore[import-not-found]
from samtranslator.yaml_helper import yaml_parse  # type: ignore[import-not-found]

written, template = (yaml_parse(Path(sys.argv[1]).read_text()) for _ in range(2))
for resource in template["Resources"].values():
    if "CodeUri" in resource["Properties"]:
        resource["Properties"]["CodeUri"] = "s3://bucket/key"  # where `sam deploy` puts what was built
print(json.dumps([written, Translator({}, Parser()).translate(template, parameter_values={})]))
