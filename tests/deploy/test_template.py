"""Properties that no emulator implements, asserted on the template as CloudFormation gets it."""

import json
import re
from typing import Any

import pytest

from deploy.tools import ROOT
from handler.options import OPTIONS
from infra import cost

Resources = dict[str, Any]


def of_type(resources: Resources, kind: str) -> list[Any]:
    return [resource["Properties"] for resource in resources.values() if resource["Type"] == kind]


def only(resources: Resources, kind: str) -> Any:
    (properties,) = of_type(resources, kind)
    return properties


def alarm(resources: Resources, name: str) -> Any:
    return resources[name]["Properties"]


def chosen(value: Any, *, dashboard: bool) -> Any:
    """What CloudFormation makes of a value, with the dashboard or without."""
    match value:
        case {"Fn::If": ["HasDashboard", yes, no]}:
            return chosen(yes if dashboard else no, dashboard=dashboard)
        case dict():
            return {key: chosen(part, dashboard=dashboard) for key, part in value.items()}
        case list():
            return [chosen(part, dashboard=dashboard) for part in value]
        case _:
            return value


def test_the_table_is_keyed_by_series_and_slot(resources: Resources) -> None:
    table = only(resources, "AWS::DynamoDB::Table")
    assert table["KeySchema"] == [
        {"AttributeName": "series", "KeyType": "HASH"},
        {"AttributeName": "slot", "KeyType": "RANGE"},
    ]
    assert table["BillingMode"] == "PAY_PER_REQUEST"
    assert "TableName" not in table  # or a second stack would collide


def test_the_table_outlives_the_stack_and_can_be_restored(resources: Resources) -> None:
    table = only(resources, "AWS::DynamoDB::Table")
    assert table["DeletionProtectionEnabled"] is True
    assert table["PointInTimeRecoverySpecification"] == {"PointInTimeRecoveryEnabled": True}
    assert resources["Records"]["DeletionPolicy"] == resources["Records"]["UpdateReplacePolicy"] == "Retain"


def test_records_expire_by_the_attribute_that_the_function_writes(resources: Resources) -> None:
    table = only(resources, "AWS::DynamoDB::Table")
    assert table["TimeToLiveSpecification"] == {"AttributeName": "expires_at", "Enabled": True}


def test_the_table_is_encrypted_with_the_keys_of_the_service(resources: Resources) -> None:
    assert only(resources, "AWS::DynamoDB::Table")["SSESpecification"] == {"SSEEnabled": False}


def test_the_schedule_starts_each_minute_with_its_own_time(resources: Resources) -> None:
    schedule = only(resources, "AWS::Scheduler::Schedule")
    assert schedule["ScheduleExpression"] == "cron(* * * * ? *)"
    assert schedule["FlexibleTimeWindow"] == {"Mode": "OFF"}
    assert "Name" not in schedule
    assert json.loads(schedule["Target"]["Input"]) == {
        "scheduled_time": "<aws.scheduler.scheduled-time>",
        "execution_id": "<aws.scheduler.execution-id>",
    }


def test_nothing_is_tried_again_once_its_minute_is_over(resources: Resources) -> None:
    never = {"MaximumRetryAttempts": 0, "MaximumEventAgeInSeconds": 60}
    assert only(resources, "AWS::Scheduler::Schedule")["Target"]["RetryPolicy"] == never
    invoke = only(resources, "AWS::Lambda::EventInvokeConfig")
    assert {name: invoke[name] for name in never} == never


def test_failures_of_schedule_and_function_go_to_one_queue(resources: Resources) -> None:
    queue = {"Fn::GetAtt": ["Failures", "Arn"]}
    invoke = only(resources, "AWS::Lambda::EventInvokeConfig")
    assert only(resources, "AWS::Scheduler::Schedule")["Target"]["DeadLetterConfig"] == {"Arn": queue}
    assert invoke["DestinationConfig"]["OnFailure"]["Destination"] == queue
    assert invoke["Qualifier"] == "$LATEST"


def test_the_function_may_put_items_write_its_log_and_report_failures_and_nothing_else(resources: Resources) -> None:
    role = resources["SamplerRole"]["Properties"]
    (policy,) = role["Policies"]
    statements = policy["PolicyDocument"]["Statement"]
    assert "ManagedPolicyArns" not in role
    assert [(found["Effect"], found["Action"], found["Resource"]) for found in statements] == [
        ("Allow", "dynamodb:PutItem", {"Fn::GetAtt": ["Records", "Arn"]}),
        ("Allow", ["logs:CreateLogStream", "logs:PutLogEvents"], {"Fn::GetAtt": ["Log", "Arn"]}),
        ("Allow", "sqs:SendMessage", {"Fn::GetAtt": ["Failures", "Arn"]}),
    ]
    assert of_type(resources, "AWS::IAM::Policy") == []


def test_the_schedule_may_start_this_function_and_report_failures_and_nothing_else(resources: Resources) -> None:
    policies = resources["SamplerFunctionEveryMinuteRole"]["Properties"]["Policies"]
    statements = [statement for policy in policies for statement in policy["PolicyDocument"]["Statement"]]
    assert [(found["Action"], found["Resource"]) for found in statements] == [
        ("lambda:InvokeFunction", {"Fn::GetAtt": ["SamplerFunction", "Arn"]}),
        ("sqs:SendMessage", {"Fn::GetAtt": ["Failures", "Arn"]}),
    ]


def test_the_last_slot_of_a_minute_ends_before_the_timeout(resources: Resources) -> None:
    assert only(resources, "AWS::Lambda::Function")["Timeout"] >= 60 + 10


def test_a_new_account_can_deploy_it(resources: Resources) -> None:
    assert "ReservedConcurrentExecutions" not in only(resources, "AWS::Lambda::Function")


def test_every_variable_of_the_function_is_one_that_it_reads(resources: Resources) -> None:
    variables = only(resources, "AWS::Lambda::Function")["Environment"]["Variables"]
    assert variables.keys() - {"POWERTOOLS_METRICS_DISABLED"} == {
        option.variable for option in OPTIONS.values() if option.variable
    }


def test_log_retention_is_the_parameter_and_record_lines_are_kept(resources: Resources) -> None:
    assert only(resources, "AWS::Logs::LogGroup")["RetentionInDays"] == {"Ref": "LogRetentionDays"}
    logging = only(resources, "AWS::Lambda::Function")["LoggingConfig"]
    assert logging == {"LogGroup": {"Ref": "Log"}, "LogFormat": "JSON"}


def test_the_makefile_builds_for_the_runtime_and_architecture_of_the_template(resources: Resources) -> None:
    defaults = dict(re.findall(r"^(\w+) \?= (\S+)$", (ROOT / "Makefile").read_text(), re.MULTILINE))
    function = only(resources, "AWS::Lambda::Function")
    assert f"python{defaults['RUNTIME_VERSION']}" == function["Runtime"]
    assert [defaults["ARCHITECTURE"].replace("aarch64", "arm64")] == function["Architectures"]


@pytest.mark.parametrize("name", ["SilentTableAlarm", "SilentFunctionAlarm"])
def test_a_minute_without_data_raises_an_alarm(resources: Resources, name: str) -> None:
    found = alarm(resources, name)
    assert (found["TreatMissingData"], found["Period"], found["EvaluationPeriods"]) == ("breaching", 60, 1)
    assert (found["ComparisonOperator"], found["Threshold"]) == ("LessThanThreshold", 1)


def test_without_the_dashboard_there_are_no_custom_metrics_and_every_alarm_still_works(resources: Resources) -> None:
    conditional = {name: found["Condition"] for name, found in resources.items() if "Condition" in found}
    assert conditional == {"Dashboard": "HasDashboard", "AlarmSubscription": "HasAlarmEmail"}
    variables = only(resources, "AWS::Lambda::Function")["Environment"]["Variables"]
    assert chosen(variables["POWERTOOLS_METRICS_DISABLED"], dashboard=False) == "true"
    alarms = of_type(resources, "AWS::CloudWatch::Alarm")
    assert len(alarms) == cost.ALARMS
    assert all(chosen(found["Namespace"], dashboard=False).startswith("AWS/") for found in alarms)
    writes = chosen(alarm(resources, "SilentTableAlarm"), dashboard=False)
    assert (writes["Namespace"], writes["MetricName"]) == ("AWS/DynamoDB", "ConsumedWriteCapacityUnits")
    assert writes["Dimensions"] == [{"Name": "TableName", "Value": {"Ref": "TableName"}}]


def test_with_the_dashboard_the_functions_own_metrics_are_watched(resources: Resources) -> None:
    variables = only(resources, "AWS::Lambda::Function")["Environment"]["Variables"]
    assert chosen(variables["POWERTOOLS_METRICS_DISABLED"], dashboard=True) == "false"
    sampled = chosen(alarm(resources, "SilentTableAlarm"), dashboard=True)
    assert (sampled["Namespace"], sampled["MetricName"]) == ("OrderBookImbalance", "Sampled")
    assert sampled["Dimensions"] == [{"Name": "service", "Value": {"Ref": "FunctionName"}}]


def test_the_price_of_the_dashboard_is_the_one_that_is_computed(sam_template: dict[str, Any]) -> None:
    dollars = cost.METRICS * cost.METRIC + cost.DASHBOARD
    assert f"${dollars:.2f} a month" in sam_template["Parameters"]["Dashboard"]["Description"]


def test_the_monitoring_knows_pairs_as_records_spell_them(sam_template: dict[str, Any]) -> None:
    """`ETH/BTC` is ETHBTC in the log that the dashboard draws from."""
    symbols = sam_template["Resources"]["Monitoring"]["Properties"]["Parameters"]["Symbols"]
    assert symbols == {"Fn::Join": ["", {"Fn::Split": ["/", {"Ref": "Symbols"}]}]}
    assert "${First}" in sam_template["Outputs"]["ReadHistory"]["Value"]["Fn::Sub"][0]  # as it was given


@pytest.mark.parametrize("name", ["ErrorsAlarm", "FailuresAlarm"])
def test_an_error_and_a_message_in_the_queue_raise_an_alarm(resources: Resources, name: str) -> None:
    found = alarm(resources, name)
    assert (found["TreatMissingData"], found["ComparisonOperator"]) == ("notBreaching", "GreaterThanThreshold")
    assert found["Threshold"] == 0


def test_no_alarm_depends_on_a_pair_and_each_notifies(resources: Resources) -> None:
    alarms = of_type(resources, "AWS::CloudWatch::Alarm")
    names = {dimension["Name"] for found in alarms for dimension in chosen(found["Dimensions"], dashboard=True)}
    assert names == {"FunctionName", "QueueName", "service"}
    assert all(found["AlarmActions"] == [{"Ref": "AlarmTopic"}] for found in alarms)


def test_cloudwatch_may_publish_to_the_topic(resources: Resources) -> None:
    assert "KmsMasterKeyId" not in only(resources, "AWS::SNS::Topic")  # CloudWatch may not use the key of SNS
    (statement,) = only(resources, "AWS::SNS::TopicPolicy")["PolicyDocument"]["Statement"]
    assert statement["Principal"] == {"Service": "cloudwatch.amazonaws.com"}
    assert (statement["Action"], statement["Resource"]) == ("sns:Publish", {"Ref": "AlarmTopic"})


def test_mail_is_sent_only_where_an_address_is_given(resources: Resources) -> None:
    assert resources["AlarmSubscription"]["Condition"] == "HasAlarmEmail"


@pytest.mark.parametrize(
    ("parameter", "good", "bad"),
    [
        (
            "Symbols",
            ["BTC", "BTC,ETH", "1000SATSUSDT", "ETH/BTC", "BTC,ETH/BTC,BTC/USDC", "ETH/BTC,BTC", "BTCUSDT_261225"],
            [
                *("", "btc", "BTC, ETH", "BTC,", '"', "A/B/C", "/BTC", "ETH/", "BTC,/ETH", "eth/BTC", "ETH//BTC", "/"),
                *("BTC/USDT:USDT", "ETH/BTC,A/B/C"),
            ],
        ),
        ("Dashboard", ["true", "false"], ["", "True", "yes"]),
        ("Levels", ["", "5", "5,20", "5000"], ["0", "5,", "x", "12345"]),
        ("Bps", ["", "10", "10,50", "5000"], ["0", "5,", "x", "12345", "2.5"]),
        ("Limit", ["", "100", "5000"], ["0", "5,20", "x"]),
        ("Market", ["spot", "usdm"], ["", "coinm"]),
        ("Quote", ["USDT", "BTC"], ["", "usdt", "A,B"]),
        (
            "BaseUrls",
            ["", "https://a.example", "http://127.0.0.1:1/x,https://b.example"],
            ["a.example", "https://", "ftp://a"],
        ),
        ("AlarmEmail", ["", "a@b.example"], ["a", "a b@c", "a@b@c"]),
    ],
)
def test_a_parameter_takes_what_the_function_takes(
    sam_template: dict[str, Any], parameter: str, good: list[str], bad: list[str]
) -> None:
    found = sam_template["Parameters"][parameter]
    pattern = found.get("AllowedPattern", "|".join(found.get("AllowedValues", ())))
    assert [word for word in good if not re.fullmatch(pattern, word)] == []
    assert [word for word in bad if re.fullmatch(pattern, word)] == []


def test_every_interval_that_may_be_chosen_divides_the_minute(sam_template: dict[str, Any]) -> None:
    assert [60 % seconds for seconds in sam_template["Parameters"]["IntervalSeconds"]["AllowedValues"]] == [0] * 12


def test_every_parameter_has_a_default_and_a_description(sam_template: dict[str, Any]) -> None:
    assert [
        name for name, found in sam_template["Parameters"].items() if not {"Default", "Description"} <= found.keys()
    ] == []
