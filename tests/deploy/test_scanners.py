"""What SAM, cfn-lint and checkov say about the templates."""

import json

import pytest

from deploy.tools import CFN_LINT, CHECKOV, ROOT, SAM, run, template

TEMPLATES = ["template.yaml", "infra/monitoring.yaml", "infra/archive.yaml"]


@pytest.mark.parametrize("name", ["template.yaml", "infra/archive.yaml"])
def test_sam_finds_the_template_valid(name: str) -> None:
    """It finds what cfn-lint does not; its own --lint is cfn-lint."""
    assert "is a valid SAM Template" in run(SAM, "validate", "--template", name)


def test_cfn_lint_finds_nothing() -> None:
    assert run(CFN_LINT, "--template", *TEMPLATES) == ""


def test_checkov_finds_nothing_that_is_not_answered_beside_the_resource() -> None:
    files = [word for name in TEMPLATES for word in ("--file", str(ROOT / name))]
    report = json.loads(run(CHECKOV, *files, "--framework", "cloudformation", "--skip-download", "--output", "json"))
    answers = [
        skip
        for name in TEMPLATES
        for found in template(ROOT / name)["Resources"].values()
        for skip in found.get("Metadata", {}).get("checkov", {}).get("skip", [])
    ]
    assert report["summary"]["failed"] == report["summary"]["parsing_errors"] == 0
    skipped = sorted(check["check_id"] for check in report["results"]["skipped_checks"])
    assert skipped == sorted(skip["id"] for skip in answers)
    assert [skip for skip in answers if len(skip["comment"]) < 40] == []  # every answer is a reason
