"""The DynamoDB client, and what its errors mean."""

import logging
import os
from typing import TYPE_CHECKING

from handler import __version__
from handler.errors import CredentialsError, TableError, TransientTableError, UsageError
from handler.secret_values import check_environment, check_session, hide_sent

try:
    import boto3
except ModuleNotFoundError:
    raise UsageError("a table needs the package boto3: run pip install boto3") from None
from botocore.config import Config
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    CredentialRetrievalError,
    HTTPClientError,
    LoginError,
    MetadataRetrievalError,
    NoCredentialsError,
    SSOError,
    TokenRetrievalError,
)
from botocore.exceptions import ConnectionError as BotoConnectionError

from handler.secret_values import AWS_KEYS
from handler.stores.items import check_response

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient

CONNECT_TIMEOUT_SECONDS = 2.0
READ_TIMEOUT_SECONDS = 3.0
"""A request takes milliseconds; these limit by how much one attempt can exceed its deadline."""

TRANSIENT_CODES = {
    "InternalServerError",
    "LimitExceededException",
    "ProvisionedThroughputExceededException",
    "RequestLimitExceeded",
    "ServiceUnavailable",
    "ThrottlingException",
    "TransactionConflictException",
}
"""Errors to retry, besides every 5xx (DynamoDB Developer Guide, "Error handling with DynamoDB")."""

CREDENTIAL_CODES = {
    "ExpiredToken",
    "ExpiredTokenException",
    "IncompleteSignature",
    "IncompleteSignatureException",
    "InvalidClientTokenId",
    "InvalidSignatureException",
    "MissingAuthenticationToken",
    "MissingAuthenticationTokenException",
    "SignatureDoesNotMatch",
    "UnrecognizedClientException",
}
"""Errors of DynamoDB and STS for credentials that are invalid or have expired."""

CREDENTIAL_ERRORS = (
    CredentialRetrievalError,
    LoginError,
    MetadataRetrievalError,
    NoCredentialsError,
    SSOError,
    TokenRetrievalError,
)
"""What boto3 raises if it finds no credentials, or cannot get them from the configured source."""

VARIABLE_PREFIXES = ("AWS_", "REQUESTS_CA_BUNDLE")
"""Of the environment variables that configure boto3."""

_RENEW = "check that the credentials are those of this account, and renew them if they have expired"
ADVICE = dict.fromkeys(CREDENTIAL_CODES, _RENEW) | {
    "AccessDeniedException": "give this user or role the permission",
    "EndpointConnectionError": "check the network connection, AWS_REGION and AWS_ENDPOINT_URL_DYNAMODB",
    "NoCredentialsError": "configure them as for the AWS CLI, for example with AWS_PROFILE or aws configure",
    "NoRegionError": "set AWS_REGION",
    "ResourceNotFoundException": "check the table's name and AWS_REGION",
}
"""Error code or exception → what the user can do about it."""

FAILURES = Exception
"""What a call of the client raises: boto3's errors, OSErrors of credential files, and anything that boto3's parser may
raise for a response that is not from DynamoDB."""

for _name in ("botocore.credentials", "botocore.tokens"):
    logging.getLogger(_name).setLevel(logging.ERROR)  # they log tracebacks of errors that they raise or handle


def dynamodb_client(attempts: int = 6, region: str | None = None) -> "DynamoDBClient":
    """A low-level client, configured as boto3 users expect, but for a region. Raises TableError, or CredentialsError.

    Each client has its own session, because a boto3 session keeps the credentials that it first read from files. A
    low-level client costs 0.85 of what a resource costs per item, and takes numbers as the text that was printed.
    """
    config = Config(
        connect_timeout=CONNECT_TIMEOUT_SECONDS,
        read_timeout=READ_TIMEOUT_SECONDS,
        retries={"mode": "standard", "total_max_attempts": attempts},
        parameter_validation=False,  # DynamoDB validates too; here it takes a tenth of a put's CPU
        user_agent=f"order-book-imbalance/{__version__}",  # boto3's own is composed anew for each request
    )
    _unset_empty_variables()
    check_environment(os.environ)
    try:
        session = boto3.Session()
        # boto3 itself reads only AWS_DEFAULT_REGION
        region = region or os.environ.get("AWS_REGION")
        client: DynamoDBClient = session.client("dynamodb", region_name=region, config=config)
    except FAILURES as error:
        kind = CredentialsError if isinstance(error, CREDENTIAL_ERRORS) else TableError
        raise kind(f"DynamoDB: {_describe(error)}") from error
    check_session(session)
    if not os.environ.get(AWS_KEYS[0]):  # those of the environment are hidden from the start
        client.meta.events.register("before-send.dynamodb", hide_sent)
    client.meta.events.register("after-call.dynamodb", check_response)
    return client


def _unset_empty_variables() -> None:
    """Treat an empty variable as absent: boto3 takes some for a profile, a region or a file without a name."""
    for name, value in list(os.environ.items()):
        if not value and name.startswith(VARIABLE_PREFIXES):
            os.environ.pop(name, None)


def table_error(error: Exception, table: str) -> TableError:
    """Translate what a call of the client raised into a TableError, TransientTableError or CredentialsError."""
    if isinstance(error, TableError):
        return error
    if _is_about_credentials(error):
        return CredentialsError(f"table {table}: {_describe(error)}")
    if not isinstance(error, ClientError | BotoCoreError):  # boto3 could not parse the response
        reason = f"the response is not from DynamoDB, perhaps from a proxy ({type(error).__name__}: {error})"
        return TransientTableError(f"table {table}: {reason}")
    kind = TransientTableError if _is_transient(error) else TableError
    return kind(f"table {table}: {_describe(error)}")


def _is_transient(error: ClientError | BotoCoreError) -> bool:
    if not isinstance(error, ClientError):
        return isinstance(error, HTTPClientError | BotoConnectionError)
    status = error.response["ResponseMetadata"]["HTTPStatusCode"]
    code = error.response["Error"]["Code"]  # the status as text where the response has no code: it is a proxy's
    return code in TRANSIENT_CODES or code.isdecimal() or status >= 500


def _is_about_credentials(error: Exception) -> bool:
    if isinstance(error, ClientError):
        return error.response["Error"]["Code"] in CREDENTIAL_CODES
    # boto3 does not wrap OSErrors of credential files, and raises a RuntimeError if refreshed credentials have expired
    return isinstance(error, (*CREDENTIAL_ERRORS, OSError)) or type(error) is RuntimeError


def _describe(error: Exception) -> str:
    kind, text = type(error).__name__, str(error)
    if isinstance(error, ClientError):
        kind = error.response["Error"]["Code"]
        text = f"{kind}: {error.response['Error'].get('Message') or 'without a message'}"
    return f"{text.removesuffix('.')}; {ADVICE[kind]}" if kind in ADVICE else text
