"""The Lambda function in a new process: one invocation."""

from types import SimpleNamespace

from handler.app import lambda_handler

CONTEXT = SimpleNamespace(
    function_name="bench",
    memory_limit_in_mb=256,
    invoked_function_arn="arn:aws:lambda:us-east-1:000000000000:function:bench",
    aws_request_id="bench",
    get_remaining_time_in_millis=lambda: 60_000,
)

if __name__ == "__main__" and lambda_handler({}, CONTEXT)["stored"] != 1:
    raise SystemExit("not stored")
