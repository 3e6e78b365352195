"""What boto3's errors mean: each becomes a StoreError of one sentence, without credentials."""

import re
from collections.abc import Mapping
from json import JSONDecodeError
from typing import Any

from ..errors import CredentialsError, StoreError, TransientStoreError, UsageError

try:
    from botocore import exceptions as boto
except ModuleNotFoundError:
    raise UsageError("a table needs the package boto3: run pip install boto3") from None

MAX_TEXT = 300  # characters of a message that came from elsewhere

# Errors to retry, besides every 5xx (DynamoDB Developer Guide, "Error handling with DynamoDB").
TRANSIENT_CODES = frozenset(
    (
        "InternalServerError", "LimitExceededException", "ProvisionedThroughputExceededException",
        "ReplicatedWriteConflictException", "RequestLimitExceeded", "RequestTimeoutException", "ServiceUnavailable",
        "ThrottlingException", "TransactionConflictException",
    )
)  # fmt: skip

# What to do about a code. The message itself is left out: it may repeat the request with its session token.
_EXPIRED = "the credentials have expired: renew them"
_UNKNOWN = "check that the credentials are of this account, complete and not expired, and that the region is enabled"
_MISMATCH = "the secret key does not belong to the access key, or something changed the request: check both keys"
_CLOCK = "this machine's clock is off by minutes, so the signature is not accepted: set the clock"
_CLOCK_TEXT = re.compile(r"Signature (expired|not yet current)|too skewed", re.IGNORECASE)
CREDENTIAL_CODES = {
    **dict.fromkeys(("ExpiredToken", "ExpiredTokenException"), _EXPIRED),
    **dict.fromkeys(("RequestExpired", "RequestTimeTooSkewed"), _CLOCK),
    **dict.fromkeys(("IncompleteSignature", "IncompleteSignatureException"), _MISMATCH),
    **dict.fromkeys(("InvalidSignatureException", "SignatureDoesNotMatch"), _MISMATCH),
    **dict.fromkeys(("InvalidClientTokenId", "UnrecognizedClientException"), _UNKNOWN),
    **dict.fromkeys(("MissingAuthenticationToken", "MissingAuthenticationTokenException"), _UNKNOWN),
}

CREDENTIAL_ERRORS = (
    boto.CredentialRetrievalError, boto.LoginError, boto.MetadataRetrievalError, boto.NoCredentialsError,
    boto.RefreshWithMFAUnsupportedError, boto.SSOError, boto.TokenRetrievalError,
)  # fmt: skip
CONNECTION_ERRORS = (boto.ConnectionError, boto.ConnectionClosedError, boto.ReadTimeoutError)

ADVICE = {
    "AccessDeniedException": "give this user or role the permission",
    "EndpointConnectionError": "check the network connection, AWS_REGION and AWS_ENDPOINT_URL_DYNAMODB",
    "NoCredentialsError": "configure them as for the AWS CLI, for example with AWS_PROFILE or aws configure",
    "NoRegionError": "set AWS_REGION",
    "ResourceNotFoundException": "check the table's name and AWS_REGION",
    "SSLError": "if your network has its own certificate authority, name its file in AWS_CA_BUNDLE",
}


class NotDynamoDB(Exception):
    """A response with a status of success that is not from DynamoDB."""


class Refused(StoreError):
    """A put's condition was not met because of this item; it is empty where the server does not send it."""

    def __init__(self, item: Mapping[str, Any]) -> None:
        super().__init__("the condition was not met")
        self.item = item


def store_error(error: Exception, table: str) -> StoreError:
    """Translate what a call of a client raised; the message names the table."""
    if isinstance(error, StoreError):
        return error
    if isinstance(error, boto.ClientError) and _code(error) == "ConditionalCheckFailedException":
        return Refused(error.response.get("Item", {}))
    kind, text = _describe(error)
    return kind(f"{table}: {text}")


def creation_error(error: Exception) -> StoreError:
    """Translate what the making of a client raised."""
    if isinstance(error, StoreError):
        return error
    kind, text = _describe(error)
    if not isinstance(error, boto.BotoCoreError) and kind is TransientStoreError:  # there was no response yet
        kind, text = StoreError, _clean(error)
    return kind(f"DynamoDB: {text}")


def _describe(error: Exception) -> tuple[type[StoreError], str]:
    name = type(error).__name__
    text = f"{_clean(error)}; {ADVICE[name]}" if name in ADVICE else _clean(error)
    match error:
        case boto.ClientError():
            return _describe_answer(error)
        case JSONDecodeError():  # botocore itself catches those of responses
            return CredentialsError, "the program of credential_process printed text that is not JSON: run it by hand"
        case boto.ConnectionError() | boto.ConnectionClosedError() | boto.ReadTimeoutError():
            return TransientStoreError, text
        case boto.HTTPClientError():
            return _describe_transport(error)
        case _ if isinstance(error, (*CREDENTIAL_ERRORS, OSError)) or type(error) is RuntimeError:
            # boto3 wraps neither OSErrors of credential files nor its RuntimeError "the refreshed ones have expired"
            return CredentialsError, text
        case boto.BotoCoreError():
            return StoreError, text
    return TransientStoreError, f"the response is not from DynamoDB, perhaps from a proxy ({name}: {_clean(error)})"


def _describe_answer(error: boto.ClientError) -> tuple[type[StoreError], str]:
    code, message = _code(error), str(error.response["Error"].get("Message") or "without a message")
    if code in CREDENTIAL_CODES:
        return CredentialsError, f"{code}: {_CLOCK if _CLOCK_TEXT.search(message) else CREDENTIAL_CODES[code]}"
    if code.isdecimal():  # boto3 takes the status where DynamoDB would have written a code
        return TransientStoreError, f"HTTP {code}, not from DynamoDB, perhaps from a proxy: {_clean(message)}"
    is_transient = code in TRANSIENT_CODES or error.response["ResponseMetadata"]["HTTPStatusCode"] >= 500
    advice = f"; {ADVICE[code]}" if code in ADVICE else ""
    return TransientStoreError if is_transient else StoreError, f"{code}: {_clean(message)}{advice}"


def _describe_transport(error: boto.HTTPClientError) -> tuple[type[StoreError], str]:
    """Describe by its type alone: the text may repeat a header with its token, or a proxy with its password."""
    inner = error.kwargs.get("error", error)
    if isinstance(inner, ValueError) and type(inner).__module__ == "builtins":  # of http.client: Invalid header value
        return CredentialsError, "the credentials have a line end, a space or another character that no key has"
    return TransientStoreError, f"the request could not be sent ({type(inner).__name__})"


def _code(error: boto.ClientError) -> str:
    return str(error.response["Error"].get("Code"))


def _clean(text: object) -> str:
    """The text of a message, shortened, without users and passwords of URLs; nothing of one that repeats a request."""
    if "Credential=" in str(text) or "security-token" in str(text).lower():
        return "its text repeats the signed request and is left out"
    line = re.sub(r"//[^/@]*@", "//***@", " ".join(str(text).split())).removesuffix(".")
    return line if len(line) <= MAX_TEXT else f"{line[:MAX_TEXT]}…"
