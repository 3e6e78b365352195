"""The DynamoDB client, and what its errors mean: the only module that knows boto3."""

import logging
import os
import re
from collections.abc import Mapping
from json import JSONDecodeError
from typing import TYPE_CHECKING, Any

import msgspec

from .. import __version__
from ..errors import CredentialsError, StoreError, TransientStoreError, UsageError

try:
    import boto3
except ModuleNotFoundError:
    raise UsageError("a table needs the package boto3: run pip install boto3") from None
import botocore.session
from botocore import exceptions as boto
from botocore.config import Config

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient

CONNECT_TIMEOUT_SECONDS = 2.0
READ_TIMEOUT_SECONDS = 3.0  # a request takes milliseconds; one attempt exceeds its deadline by at most these
MAX_CONNECTIONS = 32
KEY_VARIABLES = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_SECURITY_TOKEN")
MAX_TEXT = 300  # characters of a message that came from elsewhere

# Errors to retry, besides every 5xx (DynamoDB Developer Guide, "Error handling with DynamoDB").
TRANSIENT_CODES = frozenset(
    (
        "InternalServerError", "LimitExceededException", "ProvisionedThroughputExceededException",
        "ReplicatedWriteConflictException", "RequestLimitExceeded", "RequestTimeoutException", "ServiceUnavailable",
        "ThrottlingException", "TransactionConflictException",
    )
)  # fmt: skip

_EXPIRED = "the credentials have expired: renew them"
_UNKNOWN = "check that the credentials are of this account, complete and not expired, and that the region is enabled"
_MISMATCH = "the secret key does not belong to the access key, or something changed the request: check both keys"
_CLOCK = "this machine's clock is off by minutes, so the signature is not accepted: set the clock"
CREDENTIAL_CODES = {
    "ExpiredToken": _EXPIRED,
    "ExpiredTokenException": _EXPIRED,
    "IncompleteSignature": _MISMATCH,
    "IncompleteSignatureException": _MISMATCH,
    "InvalidClientTokenId": _UNKNOWN,
    "InvalidSignatureException": _MISMATCH,
    "MissingAuthenticationToken": _UNKNOWN,
    "MissingAuthenticationTokenException": _UNKNOWN,
    "RequestExpired": _CLOCK,
    "RequestTimeTooSkewed": _CLOCK,
    "SignatureDoesNotMatch": _MISMATCH,
    "UnrecognizedClientException": _UNKNOWN,
}  # what to do; the message itself is left out, because it may repeat the request with its session token
_CLOCK_TEXT = re.compile(r"Signature (expired|not yet current)|too skewed", re.IGNORECASE)

CREDENTIAL_ERRORS = (
    boto.CredentialRetrievalError,
    boto.LoginError,
    boto.MetadataRetrievalError,
    boto.NoCredentialsError,
    boto.SSOError,
    boto.TokenRetrievalError,
)

ADVICE = {
    "AccessDeniedException": "give this user or role the permission",
    "EndpointConnectionError": "check the network connection, AWS_REGION and AWS_ENDPOINT_URL_DYNAMODB",
    "NoCredentialsError": "configure them as for the AWS CLI, for example with AWS_PROFILE or aws configure",
    "NoRegionError": "set AWS_REGION",
    "ResourceNotFoundException": "check the table's name and AWS_REGION",
    "SSLError": "if your network has its own certificate authority, name its file in AWS_CA_BUNDLE",
}

for _name in ("botocore.credentials", "botocore.tokens"):
    logging.getLogger(_name).setLevel(logging.ERROR)  # they log tracebacks of errors that they raise or handle


class NotDynamoDB(Exception):
    """A response with a status of success that is not from DynamoDB."""


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
        raise _describe_creation(error) from error
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
        is_known = content == b"{}" or msgspec.json.decode(content, type=dict).keys() <= model.output_shape.members.keys()
    if not is_known:
        raise NotDynamoDB(f"it is {content[:60]!r}")


def store_error(error: Exception, table: str) -> StoreError:
    """Translate what a call of the client raised; the message names the table."""
    if isinstance(error, StoreError):
        return error
    kind, text = _describe(error)
    return kind(f"table {table}: {text}")


def refused_item(error: Exception) -> Mapping[str, Any] | None:
    """The item that made a put's condition fail, empty where the server does not send it; None: another error."""
    if isinstance(error, boto.ClientError) and _code(error) == "ConditionalCheckFailedException":
        item: Mapping[str, Any] = error.response.get("Item", {})
        return item
    return None


def _describe_creation(error: Exception) -> StoreError:
    if isinstance(error, StoreError):
        return error
    kind, text = _describe(error)
    if kind is TransientStoreError and not isinstance(error, boto.BotoCoreError | boto.ClientError):
        kind, text = StoreError, _clean(error)  # such as an endpoint that is not a URL
    return kind(f"DynamoDB: {text}")


def _describe(error: Exception) -> tuple[type[StoreError], str]:
    if isinstance(error, boto.ClientError):
        return _describe_answer(error)
    if isinstance(error, JSONDecodeError):  # botocore itself catches those of responses
        return CredentialsError, "a source of credentials, such as credential_process, printed text that is not JSON: run it"
    name = type(error).__name__
    text = f"{_clean(error)}; {ADVICE[name]}" if name in ADVICE else _clean(error)
    # boto3 wraps neither OSErrors of credential files nor the RuntimeError of refreshed credentials that have expired
    if isinstance(error, (*CREDENTIAL_ERRORS, OSError)) and not isinstance(error, boto.ConnectionError):
        return CredentialsError, text
    if type(error) is RuntimeError:
        return CredentialsError, text
    if isinstance(error, boto.ConnectionError | boto.ConnectionClosedError | boto.ReadTimeoutError):
        return TransientStoreError, text
    if isinstance(error, boto.HTTPClientError):
        return _describe_transport(error)
    if isinstance(error, boto.BotoCoreError):
        return StoreError, text
    return TransientStoreError, f"the response is not from DynamoDB, perhaps from a proxy ({name}: {_clean(error)})"


def _describe_answer(error: boto.ClientError) -> tuple[type[StoreError], str]:
    code, message = _code(error), str(error.response["Error"].get("Message") or "without a message")
    if code in CREDENTIAL_CODES:
        return CredentialsError, f"{code}: {_CLOCK if _CLOCK_TEXT.search(message) else CREDENTIAL_CODES[code]}"
    if code.isdecimal():  # boto3 takes the status where DynamoDB would have written a code
        return TransientStoreError, f"HTTP {code}, not from DynamoDB, perhaps from a proxy: {_clean(message)}"
    text = f"{code}: {_clean(message)}"
    is_transient = code in TRANSIENT_CODES or error.response["ResponseMetadata"]["HTTPStatusCode"] >= 500
    return TransientStoreError if is_transient else StoreError, f"{text}; {ADVICE[code]}" if code in ADVICE else text


def _describe_transport(error: boto.HTTPClientError) -> tuple[type[StoreError], str]:
    """Describe by its type alone: the text may repeat a header or a proxy with its password."""
    inner = error.kwargs.get("error", error)
    if isinstance(inner, ValueError) and type(inner).__module__ == "builtins":  # of http.client: "Invalid header value …"
        return CredentialsError, "the credentials have a line end, a space or another character that no key has"
    return TransientStoreError, f"the request could not be sent ({type(inner).__name__})"


def _code(error: boto.ClientError) -> str:
    return str(error.response["Error"].get("Code"))


def _clean(text: object) -> str:
    """The text of a message, shortened, without users and passwords of URLs; nothing of one that repeats a request."""
    if "Credential=" in str(text) or "security-token" in str(text).lower():
        return "its text repeats the signed request and is left out"
    cut = re.sub(r"//[^/\s@]*@", "//***@", str(text)).strip().removesuffix(".")
    return cut if len(cut) <= MAX_TEXT else f"{cut[:MAX_TEXT]}…"
