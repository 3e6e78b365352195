"""What CloudFormation makes of a template's intrinsic functions, for the values of its parameters."""

import re
from collections.abc import Callable, Mapping
from typing import Any

NO_VALUE = object()
"""What `AWS::NoValue` is: a list leaves it out."""


class Intrinsics:
    """Resolves the functions of one template; what is neither a parameter nor a condition resolves to its name."""

    def __init__(self, template: Mapping[str, Any], parameters: Mapping[str, str]) -> None:
        self._conditions = template.get("Conditions", {})
        self._mappings = template.get("Mappings", {})
        self._parameters = parameters

    def resolve(self, value: Any) -> Any:
        """The value with every function in it computed."""
        if isinstance(value, list):
            return [found for found in map(self.resolve, value) if found is not NO_VALUE]
        if not isinstance(value, dict):
            return value
        if len(value) == 1:
            [(name, argument)] = value.items()
            if name == "Ref":
                return NO_VALUE if argument == "AWS::NoValue" else self._parameters.get(argument, argument)
            if name.startswith("Fn::") or name == "Condition":
                return self._call(name, argument)
        return {key: self.resolve(one) for key, one in value.items()}

    def _call(self, name: str, argument: Any) -> Any:
        if name == "Fn::If":
            condition, if_true, if_false = argument
            return self.resolve(if_true if self.resolve(self._conditions[condition]) else if_false)
        if name == "Fn::Sub":
            text, values = argument if isinstance(argument, list) else (argument, {})
            known = dict(self._parameters) | self.resolve(values)
            return re.sub(r"\$\{([\w:.]+)\}", lambda found: str(known.get(found[1], found[1])), text)
        if name == "Fn::FindInMap":
            mapping, first, second = self.resolve(argument)
            return self._mappings[mapping][first][second]
        return _FUNCTIONS[name](*self.resolve(argument))


_FUNCTIONS: dict[str, Callable[..., Any]] = {
    "Fn::Equals": lambda one, other: one == other,
    "Fn::Not": lambda condition: not condition,
    "Fn::Join": lambda separator, words: separator.join(words),
    "Fn::Split": lambda separator, text: text.split(separator),
    "Fn::Select": lambda index, words: words[int(index)],
    "Fn::GetAtt": lambda *names: ".".join(names),
}
