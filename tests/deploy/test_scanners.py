"""What SAM, cfn-lint and checkov say about the templates."""

import json
from typing import Any

import pytest

from deploy.tools import CFN_LINT, CHECKOV, ROOT, SAM, run, template

TEMPLATES = ["template.yaml", "infra/monitoring.yaml", "infra/archive.yaml"]


@pytest.mark.parametrize("flags", [[], ["--lint"]], ids=["plain", "lint"])
def test_sam_finds_the_template_valid(flags: list[str]) -> None:
    """Neither contains the other."""
    assert "is a valid SAM Template" in run(SAM, "validate", *flags)


def test_cfn_lint_finds_nothing() -> None:
    assert run(CFN_LINT, "--template", *TEMPLATES) == ""


@pytest.mark.parametrize("name", TEMPLATES)
def test_checkov_finds_nothing_that_is_not_answered_beside_the_resource(name: str) -> None:
    flags = ["--framework", "cloudformation", "--skip-download", "--output", "json"]
    report = json.loads(run(CHECKOV, "--file", ROOT / name, *flags))
    answered = sorted(skip["id"] for skip in _skips(name))
    assert report["summary"]["failed"] == report["summary"]["parsing_errors"] == 0
    assert sorted(check["check_id"] for check in report["results"]["skipped_checks"]) == answered


@pytest.mark.parametrize("name", TEMPLATES)
def test_every_answer_is_a_reason(name: str) -> None:
    assert [skip for skip in _skips(name) if len(skip["comment"]) < 40] == []


def _skips(name: str) -> list[dict[str, Any]]:
    resources = template(ROOT / name)["Resources"].values()
    return [skip for found in resources for skip in found.get("Metadata", {}).get("checkov", {}).get("skip", [])]
