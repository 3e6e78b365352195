"""The DynamoDB client. Only this module, its errors and credentials.py know boto3."""

import logging
import os
from typing import TYPE_CHECKING, Any

import msgspec

from .. import __version__
from ..errors import CredentialsError, UsageError

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
        user_agent=f"order-book-imbalance/{__version__}",  # boto3's own is composed anew for each request
    )
    _unset_empty_variables()
    region = region or os.environ.get("AWS_REGION")  # boto3 itself reads only AWS_DEFAULT_REGION
    try:
        session = botocore.session.get_session()
        _check_credentials(session)
        client: DynamoDBClient = boto3.Session(botocore_session=session).client(
            "dynamodb", region_name=region, config=config
        )
    except Exception as error:  # boto3 does not wrap what sources of credentials raise
        raise creation_error(error) from error
    client.meta.events.register("provide-client-params.dynamodb.PutItem", _encode_put)
    client.meta.events.register("before-call.dynamodb.PutItem", _send_encoded)
    client.meta.events.register("after-call.dynamodb", _check_response)
    return client


def _check_credentials(session: botocore.session.Session) -> None:
    """Raise CredentialsError for malformed keys, and where boto3 would ask a person for a code."""
    for name in KEY_VARIABLES:
        value = os.environ.get(name, "")
        if not value.isascii() or not value.isprintable() or " " in value:
            raise CredentialsError(f"{name} is malformed: it has a line end, a space or another invalid character")
    if session.get_scoped_config().get("mfa_serial"):  # stdin may be records, and a long run has nobody to ask
        raise CredentialsError(
            "DynamoDB: the profile asks for an MFA code, which this program never does: get temporary credentials"
            " first, for example with aws sts assume-role, and set them in the environment"
        )


def _unset_empty_variables() -> None:
    """Treat an empty variable as absent: boto3 takes some for a profile, a region or a file without a name."""
    for name, value in list(os.environ.items()):
        if not value and name.startswith(("AWS_", "REQUESTS_CA_BUNDLE")):
            os.environ.pop(name, None)


def _encode_put(params: dict[str, Any], context: dict[str, Any], **_: Any) -> dict[str, Any]:
    """Encode a put at once: botocore's serializer takes a quarter of a put's CPU to copy each attribute."""
    context["encoded put"] = msgspec.json.encode(params)  # bytes as base64, as DynamoDB wants them
    return {"TableName": params["TableName"]}


def _send_encoded(params: dict[str, Any], context: dict[str, Any], **_: Any) -> None:
    params["body"] = context["encoded put"]


def _check_response(parsed: Any, http_response: Any, model: Any, **_: Any) -> None:
    """Raise NotDynamoDB for a success that some other server reports."""
    if http_response.status_code >= 300:
        return
    if "RequestId" not in parsed["ResponseMetadata"]:
        raise NotDynamoDB("it has no request ID")
    content = http_response.content
    if model.name == "Query":
        is_known = isinstance(parsed.get("Items"), list)
    else:
        values = {} if content == b"{}" else msgspec.json.decode(content, type=dict)
        is_known = values.keys() <= model.output_shape.members.keys()
    if not is_known:
        raise NotDynamoDB(f"it is {content[:60]!r}")
