"""The context object that Lambda passes to the function."""

import time
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class LambdaContext:
    """The part of the context that the function and Powertools use. `deadline` is on the monotonic clock."""

    deadline: float
    aws_request_id: str = "local"
    function_name: str = "sampler"
    memory_limit_in_mb: int = 256
    invoked_function_arn: str = "arn:aws:lambda:us-east-1:123456789012:function:sampler"

    def get_remaining_time_in_millis(self) -> int:
        """Milliseconds until Lambda would stop the function."""
        return max(int((self.deadline - time.monotonic()) * 1000), 0)
