"""Properties that no emulator implements, asserted on the template as CloudFormation gets it."""

import json
import re
from typing import Any

import pytest

from deploy.tools import ROOT
from handler.invocation import HAND_OVER_SECONDS
from handler.options import OPTIONS
from infra import cost

Resources = dict[str, Any]


def of_type(resources: Resources, kind: str) -> list[Any]:
    return [resource["Properties"] for resource in resources.values() if resource["Type"] == kind]


def only(resources: Resources, kind: str) -> Any:
    (properties,) = of_type(resources, kind)
    return properties


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


def test_the_log_outlives_the_stack_and_is_in_no_ones_way(resources: Resources) -> None:
    assert resources["Log"]["DeletionPolicy"] == resources["Log"]["UpdateReplacePolicy"] == "Retain"
    assert "LogGroupName" not in resources["Log"]["Properties"]


REPLACING = {
    "AWS::DynamoDB::Table": ["TableName", "KeySchema", "ImportSourceSpecification"],
    "AWS::Logs::LogGroup": ["LogGroupName"],
    "AWS::SQS::Queue": ["QueueName", "FifoQueue"],
    "AWS::Lambda::Function": ["FunctionName", "PackageType"],
}
"""Properties whose change replaces a resource that holds data, or the dimension of metrics ("Update requires:
Replacement", https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/)."""


def test_no_parameter_replaces_the_table_the_log_the_queue_or_the_function(
    resources: Resources, sam_template: dict[str, Any]
) -> None:
    """Of the table, which is the history, no property at all depends on one."""
    parameters = "|".join(sam_template["Parameters"])
    depends = re.compile(rf'"Ref": "({parameters})"|\\$\\{{({parameters})\\}}|"Fn::If"')
    assert not depends.search(json.dumps(only(resources, "AWS::DynamoDB::Table")))
    assert resources["Records"]["Condition"] == "CreatesTable"
    assert sam_template["Conditions"]["CreatesTable"] == {"Fn::Equals": [{"Ref": "ExistingTable"}, ""]}
    for kind, names in REPLACING.items():
        for properties in of_type(resources, kind):
            assert not depends.search(json.dumps({name: properties.get(name) for name in names}))


def test_what_the_parameters_allow_fits_into_the_functions_environment(
    resources: Resources, sam_template: dict[str, Any]
) -> None:
    """Lambda allows 4 KB; its error message measures the variables as JSON."""
    longest = {"OBI_TABLE": 255, "OBI_QUOTE": 20, "OBI_LIMIT": 4, "OBI_MARKET": 4, "OBI_INTERVAL_SECONDS": 2}
    longest |= {"OBI_RETENTION_DAYS": 5, "POWERTOOLS_METRICS_DISABLED": 5}
    variables = only(resources, "AWS::Lambda::Function")["Environment"]["Variables"]
    for variable, value in variables.items():
        if variable not in longest:
            longest[variable] = sam_template["Parameters"][value["Ref"]]["MaxLength"]
    text = json.dumps({variable: "x" * length for variable, length in longest.items()}, separators=(",", ":"))
    assert len(text) <= 4096


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


def test_only_the_delivery_of_an_event_is_tried_again_and_for_a_minute_only(resources: Resources) -> None:
    delivery = {"MaximumRetryAttempts": 5, "MaximumEventAgeInSeconds": 60}
    assert only(resources, "AWS::Scheduler::Schedule")["Target"]["RetryPolicy"] == delivery
    never = {"MaximumRetryAttempts": 0, "MaximumEventAgeInSeconds": 60}
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
    existing = {"Fn::Sub": "arn:${AWS::Partition}:dynamodb:${AWS::Region}:${AWS::AccountId}:table/${ExistingTable}"}
    assert "ManagedPolicyArns" not in role
    assert [(found["Effect"], found["Action"], found["Resource"]) for found in statements] == [
        ("Allow", "dynamodb:PutItem", {"Fn::If": ["CreatesTable", {"Fn::GetAtt": ["Records", "Arn"]}, existing]}),
        ("Allow", ["logs:CreateLogStream", "logs:PutLogEvents"], {"Fn::GetAtt": ["Log", "Arn"]}),
        ("Allow", "sqs:SendMessage", {"Fn::GetAtt": ["Failures", "Arn"]}),
    ]
    assert of_type(resources, "AWS::IAM::Policy") == []


def test_the_schedule_may_start_this_function_and_report_failures_and_nothing_else(resources: Resources) -> None:
    role = resources["ScheduleRole"]["Properties"]
    (policy,) = role["Policies"]
    statements = policy["PolicyDocument"]["Statement"]
    assert "ManagedPolicyArns" not in role
    assert [(found["Action"], found["Resource"]) for found in statements] == [
        ("lambda:InvokeFunction", {"Fn::GetAtt": ["SamplerFunction", "Arn"]}),
        ("sqs:SendMessage", {"Fn::GetAtt": ["Failures", "Arn"]}),
    ]


def test_only_the_schedules_of_this_stack_are_given_their_role(resources: Resources) -> None:
    """Of this account, and of this stack's own group: Scheduler's metrics have no other dimension."""
    schedule = only(resources, "AWS::Scheduler::Schedule")
    assert schedule["GroupName"] == {"Ref": "Schedules"}
    assert schedule["Target"]["RoleArn"] == {"Fn::GetAtt": ["ScheduleRole", "Arn"]}
    (trust,) = resources["ScheduleRole"]["Properties"]["AssumeRolePolicyDocument"]["Statement"]
    assert trust["Principal"] == {"Service": "scheduler.amazonaws.com"}
    assert trust["Condition"] == {
        "StringEquals": {
            "aws:SourceAccount": {"Ref": "AWS::AccountId"},
            "aws:SourceArn": {"Fn::GetAtt": ["Schedules", "Arn"]},
        }
    }
    roles = {name for name, found in resources.items() if found["Type"] == "AWS::IAM::Role"}
    assert roles == {"ScheduleRole", "SamplerRole"}


def test_the_last_slot_of_a_minute_ends_before_the_timeout(resources: Resources) -> None:
    (condition, below_60, at_60) = only(resources, "AWS::Lambda::Function")["Timeout"]["Fn::If"]
    assert condition == "HandsOver"
    assert at_60 >= 60 + 10
    assert below_60 >= 60 + HAND_OVER_SECONDS + 10


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


def test_the_price_of_the_dashboard_is_the_one_that_is_computed(sam_template: dict[str, Any]) -> None:
    dollars = cost.METRICS * cost.METRIC + cost.DASHBOARD_ALARMS * cost.ALARM + cost.DASHBOARD
    assert f"${dollars:.2f} a month" in sam_template["Parameters"]["Dashboard"]["Description"]


def test_the_monitoring_knows_pairs_as_records_spell_them(sam_template: dict[str, Any]) -> None:
    """`ETH/BTC` is ETHBTC in the log that the dashboard draws from."""
    symbols = sam_template["Resources"]["Monitoring"]["Properties"]["Parameters"]["Symbols"]
    assert symbols == {"Fn::Join": ["", {"Fn::Split": ["/", {"Ref": "Symbols"}]}]}
    assert "${First}" in sam_template["Outputs"]["ReadHistory"]["Value"]["Fn::Sub"][0]  # as it was given


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
        ("ExistingTable", ["", "order-book-imbalance-Records-1A2B", "a.b_c"], ["ab", "a b", "arn:aws:dynamodb:x"]),
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
