"""The DynamoDB client, configured as boto3 users expect."""

import json
import logging
import os
from typing import TYPE_CHECKING, Any

from .. import __version__
from ..errors import CredentialsError, StoreError, UsageError

try:
    import boto3
except ModuleNotFoundError:
    raise UsageError("a table needs the package boto3: run pip install boto3") from None
import botocore.session
from botocore.config import Config

from .dynamodb_errors import NotDynamoDB, creation_error

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient

CONNECT_TIMEOUT_SECONDS = 2.0
READ_TIMEOUT_SECONDS = 3.0  # a request takes milliseconds; one attempt exceeds its deadline by at most these
MAX_CONNECTIONS = 32
USER_AGENT = f"order-book-imbalance/{__version__}"  # boto3's own is composed anew for each request
KEY_VARIABLES = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_SECURITY_TOKEN")

for _name in ("botocore.credentials", "botocore.tokens"):
    logging.getLogger(_name).setLevel(logging.ERROR)  # they log tracebacks of errors that they raise or handle


def dynamodb_client(region: str | None = None) -> "DynamoDBClient":
    """A low-level client, configured as boto3 users expect, which sends each request once. Raises StoreError.

    Each client has its own session, because a session keeps the credentials that it first read from files.
    """
    config = Config(
        connect_timeout=CONNECT_TIMEOUT_SECONDS,
        read_timeout=READ_TIMEOUT_SECONDS,
        retries={"mode": "standard", "total_max_attempts": 1},
        max_pool_connections=MAX_CONNECTIONS,
        parameter_validation=False,  # DynamoDB validates, too
        user_agent=USER_AGENT,
    )
    _check_variables()
    region = region or os.environ.get("AWS_REGION")  # boto3 itself reads only AWS_DEFAULT_REGION
    try:
        session = botocore.session.get_session()
        if _asks_for_code(session):
            raise CredentialsError(
                "DynamoDB: the profile asks for an MFA code, which this program never does: get temporary credentials"
                " first, for example with aws sts assume-role, and set them in the environment"
            )
        client: DynamoDBClient = boto3.Session(botocore_session=session).client(
            "dynamodb", region_name=region, config=config
        )
    except Exception as error:  # boto3 does not wrap what sources of credentials raise
        raise creation_error(error) from error
    client.meta.events.register("after-call.dynamodb", _check_response)
    return client


def _check_variables() -> None:
    """Refuse malformed keys, and unset empty variables: boto3 takes some for a profile, a region or a file's name."""
    for name, value in list(os.environ.items()):
        if not value and name.startswith(("AWS_", "REQUESTS_CA_BUNDLE")):
            os.environ.pop(name, None)
        if name in KEY_VARIABLES and not (value.isascii() and value.isprintable() and " " not in value):
            raise StoreError(f"{name} is malformed: it has a line end, a space or another invalid character")


def _asks_for_code(session: botocore.session.Session) -> bool:
    """True where boto3 would ask a person for the code of an MFA device, although stdin may be records."""
    if os.environ.get(KEY_VARIABLES[0]):
        return False
    profiles, name = session.full_config.get("profiles", {}), session.profile or "default"
    seen = set()
    while name in profiles and name not in seen:
        seen.add(name)
        if profiles[name].get("role_arn") and profiles[name].get("mfa_serial"):
            return True
        name = profiles[name].get("source_profile", "")
    return False


def _check_response(parsed: Any, http_response: Any, model: Any, **_: Any) -> None:
    """Raise NotDynamoDB for a success that some other server reports."""
    if http_response.status_code >= 300:
        return
    content, is_known = http_response.content, "RequestId" in parsed["ResponseMetadata"]
    if not is_known or (content != b"{}" and not json.loads(content).keys() <= model.output_shape.members.keys()):
        raise NotDynamoDB(f"it is {content[:60]!r}")
