"""What `template.yaml` says, for the programs that run without CloudFormation."""

from pathlib import Path
from typing import Any

import yaml

TEMPLATE = Path(__file__).resolve().parents[1] / "template.yaml"

CREATE_TABLE = ("AttributeDefinitions", "KeySchema", "BillingMode")
"""The properties of a table that CreateTable takes under the same names, and that a fake DynamoDB uses."""


class _Loader(yaml.SafeLoader):
    """Reads `!Ref X` and its kin as the pair of tag and value."""


_Loader.add_multi_constructor("!", lambda loader, tag, node: (tag, _plain(loader, node)))


def _plain(loader: yaml.SafeLoader, node: yaml.Node) -> Any:
    if isinstance(node, yaml.MappingNode):
        return loader.construct_mapping(node, deep=True)
    return loader.construct_sequence(node, deep=True) if isinstance(node, yaml.SequenceNode) else node.value


def read_template() -> dict[str, Any]:
    """The template as it stands, short intrinsic functions as (name, value)."""
    found: dict[str, Any] = yaml.load(TEMPLATE.read_text(encoding="utf-8"), _Loader)  # noqa: S506 - a SafeLoader
    return found


def table_definition(template: dict[str, Any]) -> dict[str, Any]:
    """The arguments of CreateTable, but for the name."""
    properties = _resource(template, "AWS::DynamoDB::Table")
    return {name: properties[name] for name in CREATE_TABLE}


def function_environment(template: dict[str, Any]) -> dict[str, str]:
    """The function's variables with the parameters' defaults; those of a resource or a condition are left out."""
    variables = _resource(template, "AWS::Serverless::Function")["Environment"]["Variables"]
    defaults = {name: str(parameter.get("Default", "")) for name, parameter in template["Parameters"].items()}
    references = {name: value for name, (tag, value) in variables.items() if tag == "Ref"}
    return {name: defaults[value] for name, value in references.items() if value in defaults}


def function_timeout_seconds(template: dict[str, Any], interval_seconds: int) -> int:
    """The function's Timeout: the first choice of its !If below 60 s, the second one at 60 s."""
    timeout = _resource(template, "AWS::Serverless::Function")["Timeout"]
    if isinstance(timeout, tuple):
        _, (_, below, at_60) = timeout
        timeout = below if interval_seconds < 60 else at_60
    return int(timeout)


def _resource(template: dict[str, Any], kind: str) -> dict[str, Any]:
    properties: dict[str, Any] = next(
        resource["Properties"] for resource in template["Resources"].values() if resource["Type"] == kind
    )
    return properties
