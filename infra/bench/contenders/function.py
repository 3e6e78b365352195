"""The Lambda function in a new process: one invocation."""

from dataclasses import dataclass

from handler.app import lambda_handler


@dataclass
class Context:
    """The context of a Lambda invocation."""

    function_name: str = "bench"
    memory_limit_in_mb: int = 256
    invoked_function_arn: str = "arn:aws:lambda:us-east-1:000000000000:function:bench"
    aws_request_id: str = "bench"

    def get_remaining_time_in_millis(self) -> int:
        """Milliseconds until the function would be stopped."""
        return 60_000


if __name__ == "__main__":
    if lambda_handler({}, Context())["stored"] != 1:
        raise SystemExit("not stored")
