"""The DynamoDB client, and what its errors mean."""

import logging
import os
from typing import Any

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
from botocore.parsers import ResponseParserError

CONNECT_SECONDS = 2.0
READ_SECONDS = 3.0
"""A request takes milliseconds; these bound how far one try can outlast its deadline."""

PASSING_CODES = {
    "InternalServerError",
    "LimitExceededException",
    "ProvisionedThroughputExceededException",
    "RequestLimitExceeded",
    "ServiceUnavailable",
    "ThrottlingException",
    "TransactionConflictException",
}
"""What DynamoDB asks to try again for, besides every 5xx (Developer Guide, "Error handling with DynamoDB")."""

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
"""What DynamoDB and STS answer to credentials that they do not accept (any more)."""

CREDENTIAL_ERRORS = (
    CredentialRetrievalError,
    LoginError,
    MetadataRetrievalError,
    NoCredentialsError,
    SSOError,
    TokenRetrievalError,
)
"""What boto3 raises where it finds no credentials, or cannot get them from where it is configured to."""

VARIABLES = ("AWS_", "REQUESTS_CA_BUNDLE")
"""How the names of the environment variables begin that configure boto3."""

_RENEW = "check that the credentials are those of this account, and renew them if they have expired"
ADVICE = dict.fromkeys(CREDENTIAL_CODES, _RENEW) | {
    "AccessDeniedException": "give this user or role the permission",
    "NoCredentialsError": "configure them as for the AWS CLI, for example with AWS_PROFILE or aws configure",
    "NoRegionError": "set AWS_REGION",
    "ResourceNotFoundException": "check the table's name and AWS_REGION",
}
"""What to do about failures that only the user can mend, by code or exception."""

FAILURES = Exception
"""What a call of the client raises: boto3's errors, OSErrors of credential files, and whatever its parser trips over
where something else than DynamoDB answers."""


for _name in ("botocore.credentials", "botocore.tokens"):
    logging.getLogger(_name).setLevel(logging.ERROR)  # they log a traceback of what they raise or cope with


def dynamodb_client(attempts: int = 6) -> Any:
    """A low-level client, configured as boto3 users expect. Raises TableError, or CredentialsError.

    It comes from a session of its own, because boto3's sessions keep the credentials that they once read from files.
    Low-level, because per item it costs 0.85 of what a resource does, and takes numbers as the text that was printed.
    """
    config = Config(
        connect_timeout=CONNECT_SECONDS,
        read_timeout=READ_SECONDS,
        retries={"mode": "standard", "total_max_attempts": attempts},
        parameter_validation=False,  # DynamoDB does it again; here it is a tenth of a put's CPU
        user_agent=f"order-book-imbalance/{__version__}",  # boto3 composes its own for each request: another
    )
    _unset_empty_variables()
    check_environment(os.environ)
    try:
        session = boto3.Session()
        # boto3 by itself takes the region from AWS_DEFAULT_REGION only
        client = session.client("dynamodb", region_name=os.environ.get("AWS_REGION"), config=config)
    except FAILURES as error:
        kind = CredentialsError if isinstance(error, CREDENTIAL_ERRORS) else TableError
        raise kind(f"DynamoDB: {_words(error)}") from error
    check_session(session)
    client.meta.events.register("before-send.dynamodb", hide_sent)
    client.meta.events.register("after-call.dynamodb", _recognise)
    return client


def _unset_empty_variables() -> None:
    """Make an empty variable an absent one: boto3 takes some for a profile, a region or a file without a name."""
    for name, value in list(os.environ.items()):
        if not value and name.startswith(VARIABLES):
            os.environ.pop(name, None)


def _recognise(parsed: Any, http_response: Any, **_: Any) -> None:
    """Raise an error where success was answered by something else: boto3 takes any page with status 200 for one."""
    if "RequestId" not in parsed["ResponseMetadata"] and not http_response.content.lstrip().startswith(b"{"):
        raise ResponseParserError("it names no request, and is no JSON object")


def translated(error: Exception, table: str) -> TableError:
    """The TableError, TransientTableError or CredentialsError for what a call about a table raised."""
    if isinstance(error, TableError):
        return error
    if _is_about_credentials(error):
        return CredentialsError(f"table {table}: {_words(error)}")
    if not isinstance(error, ClientError | BotoCoreError):  # boto3 tripped over what it read
        kind = type(error).__name__
        return TransientTableError(f"table {table}: what answered is not DynamoDB, perhaps a proxy ({kind}: {error})")
    passing = isinstance(error, HTTPClientError | BotoConnectionError)
    if isinstance(error, ClientError):
        status = error.response["ResponseMetadata"]["HTTPStatusCode"]
        code = error.response["Error"]["Code"]  # a number where the answer gave none: some proxy's
        passing = code in PASSING_CODES or code.isdecimal() or status >= 500
    return (TransientTableError if passing else TableError)(f"table {table}: {_words(error)}")


def _is_about_credentials(error: Exception) -> bool:
    if isinstance(error, ClientError):
        return error.response["Error"]["Code"] in CREDENTIAL_CODES
    # boto3 raises OSErrors of credential files as they are, and where refreshed credentials have expired a RuntimeError
    return isinstance(error, (*CREDENTIAL_ERRORS, OSError)) or type(error) is RuntimeError


def _words(error: Exception) -> str:
    kind, words = type(error).__name__, str(error)
    if isinstance(error, ClientError):
        kind = error.response["Error"]["Code"]
        words = f"{kind}: {error.response['Error'].get('Message') or 'no more was said'}"
    return f"{words}; {ADVICE[kind]}" if kind in ADVICE else words
