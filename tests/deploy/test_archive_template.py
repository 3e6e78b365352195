"""What no emulator shows of the archive, asserted on the templates as CloudFormation gets them."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from deploy.account import Account
from deploy.intrinsics import Intrinsics
from deploy.tools import ROOT, template
from handler.archive.days import FIRST_DAY
from handler.options import OPTIONS
from handler.stores.parquet import SCHEMA

ARCHIVE = template(ROOT / "infra/archive.yaml")
RESOURCES: dict[str, Any] = ARCHIVE["Resources"]
FUNCTIONS = ["ArchiveFunction", "ArchiveCheckFunction"]
ROLES = {"ArchiveFunction": "ArchiveRole", "ArchiveCheckFunction": "ArchiveCheckRole"}
ATHENA_TYPES = {
    "string": "string",
    "double": "double",
    "int64": "bigint",
    "bool": "boolean",
    "timestamp[ms, tz=UTC]": "timestamp",
}
MAX_UNZIPPED_BYTES = 250_000_000
"""What Lambda takes: https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html"""


def properties(name: str) -> Any:
    return RESOURCES[name]["Properties"]


def test_without_the_archive_the_stack_is_what_it_was(sam_template: dict[str, Any]) -> None:
    """Everything of the archive is in one nested stack, which only Archive=true creates."""
    assert sam_template["Parameters"]["Archive"]["Default"] == "false"
    assert sam_template["Conditions"]["HasArchive"] == {"Fn::Equals": [{"Ref": "Archive"}, "true"]}
    conditional = {name for name, each in sam_template["Resources"].items() if each.get("Condition") == "HasArchive"}
    assert conditional == {"ArchiveStack"}
    assert sam_template["Resources"].keys() - conditional == {
        *("Records", "SamplerFunction", "Schedules", "ScheduleRole", "SamplerRole", "Log", "Failures", "Monitoring")
    }
    rest = {name: each for name, each in sam_template["Resources"].items() if name not in conditional}
    assert "Archive" not in json.dumps(rest)
    for name, output in sam_template["Outputs"].items():
        assert ("Archive" in json.dumps(output["Value"])) == (output.get("Condition") == "HasArchive"), name


def test_the_nested_stack_needs_no_transform() -> None:
    """Or whoever deploys it would have to give the capability for it."""
    assert "Transform" not in ARCHIVE
    assert {each["Type"].split("::")[1] for each in RESOURCES.values()} <= {
        *("S3", "Lambda", "IAM", "Logs", "Scheduler", "Glue", "Athena", "CloudWatch")
    }


def test_it_is_given_each_parameter(sam_template: dict[str, Any]) -> None:
    """The table is the one that the sampler stores into, be it the stack's own or an existing one."""
    given = sam_template["Resources"]["ArchiveStack"]["Properties"]["Parameters"]
    assert given.keys() == ARCHIVE["Parameters"].keys()
    variables = sam_template["Resources"]["SamplerFunction"]["Properties"]["Environment"]["Variables"]
    assert given["TableName"] == variables["OBI_TABLE"]
    for function in FUNCTIONS:
        own = properties(function)["Environment"]["Variables"]
        for variable in own.keys() & variables.keys() - {"OBI_TABLE"}:
            assert given[own[variable]["Ref"]] == variables[variable]
        unused = {"OBI_BASE_URL"} if function == "ArchiveFunction" else {"OBI_BASE_URL", "OBI_RETENTION_DAYS"}
        assert {option.variable for option in OPTIONS.values() if option.variable} - own.keys() == unused


@pytest.mark.parametrize("function", FUNCTIONS)
def test_what_the_parameters_allow_fits_into_the_environment(sam_template: dict[str, Any], function: str) -> None:
    """Lambda allows 4 KB; its error message measures the variables as JSON."""
    longest = {"OBI_TABLE": 255, "OBI_QUOTE": 20, "OBI_LIMIT": 4, "OBI_MARKET": 4, "OBI_INTERVAL_SECONDS": 2}
    longest |= {"OBI_RETENTION_DAYS": 5, "OBI_ARCHIVE_BUCKET": 63, "OBI_ARCHIVE_FUNCTION": 64}
    variables = properties(function)["Environment"]["Variables"]
    for variable in variables.keys() - longest.keys():
        longest[variable] = sam_template["Parameters"][variables[variable]["Ref"]]["MaxLength"]
    text = json.dumps({variable: "x" * longest[variable] for variable in variables}, separators=(",", ":"))
    assert len(text) <= 4096


@pytest.mark.parametrize("archive", ["true", "false"])
def test_retention_that_leaves_too_little_time_is_refused(
    account: Account, sam_template: dict[str, Any], archive: str
) -> None:
    """With the archive fewer than 7 days are, so that a day can be repaired before its items expire."""
    cloudformation = account.client("cloudformation")
    rules = {name: sam_template[name] for name in ("Parameters", "Rules")}
    text = json.dumps(rules | {"Resources": {"None": {"Type": "AWS::SQS::Queue"}}})
    refused = []
    for days in range(9):
        parameters = {"Archive": archive, "RetentionDays": str(days)}
        try:
            cloudformation.create_stack(
                StackName=f"rule-{archive}-{days}",
                TemplateBody=text,
                Parameters=[{"ParameterKey": name, "ParameterValue": value} for name, value in parameters.items()],
            )
        except ClientError as error:
            refused.append((days, "RetentionDays must be 0 or at least 7" in str(error)))
    assert refused == ([(days, True) for days in range(1, 7)] if archive == "true" else [])


def test_the_bucket_outlives_the_stack_and_is_private() -> None:
    assert RESOURCES["Bucket"]["DeletionPolicy"] == RESOURCES["Bucket"]["UpdateReplacePolicy"] == "Retain"
    bucket = properties("Bucket")
    assert "BucketName" not in bucket
    assert "Ref" not in json.dumps(bucket)  # no parameter can replace it
    assert set(bucket["PublicAccessBlockConfiguration"].values()) == {True}
    [encryption] = bucket["BucketEncryption"]["ServerSideEncryptionConfiguration"]
    assert encryption == {"ServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}
    assert bucket["VersioningConfiguration"] == {"Status": "Enabled"}
    [denial] = properties("BucketPolicy")["PolicyDocument"]["Statement"]
    assert (denial["Effect"], denial["Condition"]) == ("Deny", {"Bool": {"aws:SecureTransport": "false"}})


def test_former_versions_and_results_expire_and_no_day_does() -> None:
    for rule in properties("Bucket")["LifecycleConfiguration"]["Rules"]:
        assert rule["NoncurrentVersionExpiration"]["NoncurrentDays"] in (1, 30)
        assert ("ExpirationInDays" in rule) == (rule.get("Prefix") == "_athena/")


def test_the_columns_are_those_of_the_files() -> None:
    columns = properties("RecordsTable")["TableInput"]["StorageDescriptor"]["Columns"]
    assert [(column["Name"], column["Type"]) for column in columns] == [
        (field.name, ATHENA_TYPES[str(field.type)]) for field in SCHEMA
    ]


def test_the_days_are_projected_to_where_they_are_written() -> None:
    table = properties("RecordsTable")["TableInput"]
    assert table["PartitionKeys"] == [{"Name": "dt", "Type": "string"}]
    projection = {key: value for key, value in table["Parameters"].items() if "." in key}
    assert projection == {
        "projection.enabled": "true",
        "projection.dt.type": "date",
        "projection.dt.format": "yyyy-MM-dd",
        "projection.dt.range": f"{FIRST_DAY},NOW",
        "projection.dt.interval": "1",
        "projection.dt.interval.unit": "DAYS",
        "storage.location.template": {"Fn::Sub": "s3://${Bucket}/dt=${!dt}/"},
    }
    assert table["StorageDescriptor"]["Location"] == {"Fn::Sub": "s3://${Bucket}/"}


def test_a_query_has_a_limit_and_its_results_a_place_that_it_cannot_choose() -> None:
    group = properties("WorkGroup")["WorkGroupConfiguration"]
    assert group["EnforceWorkGroupConfiguration"] is True
    assert group["BytesScannedCutoffPerQuery"] == 10_000_000_000
    assert group["ResultConfiguration"]["OutputLocation"] == {"Fn::Sub": "s3://${Bucket}/_athena/"}


def test_the_roles_allow_what_the_functions_do_and_nothing_else() -> None:
    table = {"Fn::Sub": "arn:${AWS::Partition}:dynamodb:${AWS::Region}:${AWS::AccountId}:table/${TableName}"}
    days = {"Fn::Sub": "${Bucket.Arn}/dt=*"}
    log = (["logs:CreateLogStream", "logs:PutLogEvents"], {"Fn::GetAtt": ["ArchiveLog", "Arn"]})
    expected = {
        "ArchiveRole": [("dynamodb:Query", table), ("s3:PutObject", days), log],
        "ArchiveCheckRole": [
            ("dynamodb:Query", table),
            ("s3:GetObject", days),
            ("s3:ListBucket", {"Fn::GetAtt": ["Bucket", "Arn"]}),
            log,
        ],
    }
    for function, role in ROLES.items():
        assert properties(function)["Role"] == {"Fn::GetAtt": [role, "Arn"]}
        assert "ManagedPolicyArns" not in properties(role)
        [policy] = properties(role)["Policies"]
        statements = policy["PolicyDocument"]["Statement"]
        assert [(each["Action"], each["Resource"]) for each in statements] == expected[role]
        assert {each["Effect"] for each in statements} == {"Allow"}


def test_each_function_runs_once_a_day_in_the_group_that_is_watched(sam_template: dict[str, Any]) -> None:
    """The writer after midnight of UTC, the check when all attempts of the writer are over."""
    hours = []
    for function, schedule in zip(FUNCTIONS, ["ArchiveSchedule", "ArchiveCheckSchedule"], strict=True):
        found = properties(schedule)
        [hour] = re.findall(r"^cron\(10 (\d+) \* \* \? \*\)$", found["ScheduleExpression"])
        hours.append(int(hour))
        assert "ScheduleExpressionTimezone" not in found  # UTC
        assert found["GroupName"] == {"Ref": "ScheduleGroupName"}
        target = found["Target"]
        assert target["Arn"] == {"Fn::GetAtt": [function, "Arn"]}
        assert json.loads(target["Input"])["scheduled_time"] == "<aws.scheduler.scheduled-time>"
        assert target["DeadLetterConfig"] == {"Arn": {"Ref": "FailuresArn"}}
    assert 0 < hours[0] < hours[1] - 4  # three runs of 15 minutes, and an hour in which Scheduler may deliver
    given = sam_template["Resources"]["ArchiveStack"]["Properties"]["Parameters"]
    assert given["ScheduleGroupName"] == {"Ref": "Schedules"}
    role = properties("ArchiveScheduleRole")
    [trust] = role["AssumeRolePolicyDocument"]["Statement"]
    assert trust["Condition"] == {
        "StringEquals": {"aws:SourceAccount": {"Ref": "AWS::AccountId"}, "aws:SourceArn": {"Ref": "ScheduleGroupArn"}}
    }


def test_a_day_is_tried_again_and_a_check_is_not() -> None:
    assert properties("ArchiveInvokeConfig")["MaximumRetryAttempts"] == 2
    assert properties("ArchiveCheckInvokeConfig")["MaximumRetryAttempts"] == 0


def test_the_functions_are_built_for_the_runtime_of_the_sampler(sam_template: dict[str, Any]) -> None:
    sampler = sam_template["Resources"]["SamplerFunction"]["Properties"]
    for function in FUNCTIONS:
        found = properties(function)
        assert (found["Runtime"], found["Architectures"]) == (sampler["Runtime"], sampler["Architectures"])
        assert (found["Timeout"], found["Code"]) == (900, "..")
        assert RESOURCES[function]["Metadata"]["BuildMethod"] == "makefile"


def alarms() -> dict[str, Any]:
    intrinsics = Intrinsics(ARCHIVE, {})
    found = {name: each for name, each in RESOURCES.items() if each["Type"] == "AWS::CloudWatch::Alarm"}
    return {name: intrinsics.resolve(each["Properties"]) for name, each in found.items()}


def test_the_page_has_every_alarm() -> None:
    """docs/archive.md has each as it is deployed."""
    page = (ROOT / "docs/archive.md").read_text(encoding="utf-8")
    shown = re.findall(r"^\| (\w+Alarm) \| (.+?) \| (.+?) \|", page, re.M)
    comparisons = {"LessThanThreshold": "<", "GreaterThanThreshold": ">"}
    assert shown == [
        (
            name,
            f"{each['Dimensions'][0]['Value']} {each['MetricName']} {comparisons[each['ComparisonOperator']]}"
            f" {each['Threshold']}",
            {60: "1 minute", 3600: "26 hours"}[each["Period"]],
        )
        for name, each in alarms().items()
    ]


def test_each_alarm_notifies_and_silence_is_one() -> None:
    for name, each in alarms().items():
        assert each["AlarmActions"] == ["AlarmTopicArn"]
        is_silence = name.endswith("SilentAlarm")
        assert each["TreatMissingData"] == ("breaching" if is_silence else "notBreaching")
        assert each["EvaluationPeriods"] == (26 if is_silence else 1)
    assert {each["Dimensions"][0]["Value"] for each in alarms().values()} == set(FUNCTIONS)


def test_the_artifact_is_for_lambdas_machines_and_small_enough(archive_artifact: Path) -> None:
    libraries = [path for path in archive_artifact.rglob("*.so*") if path.is_file()]
    assert {path.read_bytes()[18:20] for path in libraries} == {b"\xb7\x00"}  # EM_AARCH64 in the ELF header
    size = sum(path.stat().st_size for path in archive_artifact.rglob("*") if path.is_file())
    print(f"unzipped it is {size / 1e6:.0f} MB")
    assert 50_000_000 < size < MAX_UNZIPPED_BYTES / 2
    described = [path.name for path in (archive_artifact / "botocore/data").iterdir() if path.is_dir()]
    assert sorted(described) == ["dynamodb", "s3"]
