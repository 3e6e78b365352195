"""DynamoDB by boto3: a client that is configured as boto3 users expect, and what its errors mean."""

import logging
import os
import re
from json import JSONDecodeError
from typing import Any

from .. import __version__
from ..errors import CredentialsError, StoreError, TransientStoreError, UsageError
from ..messages import SECRET_VARIABLES

try:
    import boto3
except ModuleNotFoundError:
    raise UsageError("a table needs the package boto3: run pip install boto3") from None
import botocore.session
from botocore import exceptions as boto
from botocore.config import Config

MAX_TEXT = 300  # characters of a message that came from elsewhere

# codes to retry, besides any 5xx; ItemCollectionSizeLimitExceeded is not among them
TRANSIENT = re.compile("Throttl|ThroughputExceeded|(Request|^)LimitExceeded|Conflict|Internal|Unavailable|Timeout")
CREDENTIALS = {  # part of a code, or of its message → advice instead of the message, which may repeat the session token
    "Signature expired|Signature not yet current|[Ss]kewed|RequestExpired": (
        "this machine's clock is off by minutes, so the signature is not accepted: set the clock"
    ),
    "^ExpiredToken": "the credentials have expired: renew them",
    "^(IncompleteSignature|InvalidSignature|SignatureDoesNotMatch)": (
        "the secret key does not belong to the access key, or something changed the request: check both keys"
    ),
    "^(InvalidClientToken|UnrecognizedClient|MissingAuthenticationToken)": (
        "check that the credentials are of this account, complete and not expired, and that the region is enabled"
    ),
}
_WITHOUT_CREDENTIALS = (  # also those of files and of failed refreshes
    *(boto.CredentialRetrievalError, boto.LoginError, boto.MetadataRetrievalError, boto.NoCredentialsError),
    *(boto.RefreshWithMFAUnsupportedError, boto.SSOError, boto.TokenRetrievalError, OSError, RuntimeError),
)
ERRORS: dict[type[Exception], tuple[type[StoreError], str]] = {  # advice; the first kind that fits counts
    boto.ConnectionError: (
        TransientStoreError,
        "check the network connection, AWS_REGION, AWS_ENDPOINT_URL_DYNAMODB and AWS_CA_BUNDLE",
    ),
    JSONDecodeError: (CredentialsError, "credential_process printed text that is not JSON: run it by hand"),
    **dict.fromkeys(
        _WITHOUT_CREDENTIALS,
        (CredentialsError, "configure them as for the AWS CLI, with AWS_PROFILE, aws configure or aws sso login"),
    ),
    boto.BotoCoreError: (StoreError, "check AWS_REGION, AWS_PROFILE and what else configures AWS"),
    Exception: (
        TransientStoreError,
        "perhaps a proxy answered instead, or AWS_ENDPOINT_URL_DYNAMODB or credential_process is wrong",
    ),
}

for _name in ("botocore.credentials", "botocore.tokens"):
    logging.getLogger(_name).setLevel(logging.ERROR)  # they log tracebacks of errors that they raise or handle


def dynamodb_client(region: str | None = None) -> Any:
    """Create a low-level client that reads the credentials anew and sends each request once. Raises StoreError."""
    config = Config(
        connect_timeout=2.0,
        read_timeout=3.0,  # a request takes milliseconds; one attempt exceeds its deadline by at most these
        retries={"mode": "standard", "total_max_attempts": 1},
        parameter_validation=False,  # DynamoDB validates, too
        user_agent=f"order-book-imbalance/{__version__}",  # boto3's own is composed anew for each request
    )
    for name, value in list(os.environ.items()):
        if not value and name.startswith(("AWS_", "REQUESTS_CA_BUNDLE")):
            del os.environ[name]  # boto3 takes some that are empty for a profile, a region or a file's name
        if name in SECRET_VARIABLES and not (value.isascii() and value.isprintable() and " " not in value):
            raise StoreError(f"{name} is invalid: it has a line end, a space or another invalid character")
    try:
        session = botocore.session.get_session()  # a new one: a session keeps what it first read from files
        if _asks_for_code(session):
            raise CredentialsError(
                "DynamoDB: the profile asks for an MFA code, which this program never does: get temporary credentials"
                " first, for example with aws sts assume-role, and set them in the environment"
            )
        region = region or os.environ.get("AWS_REGION")  # boto3 itself reads only AWS_DEFAULT_REGION
        return boto3.Session(botocore_session=session).client("dynamodb", region_name=region, config=config)
    except Exception as error:  # boto3 does not wrap what sources of credentials raise
        failure = store_error(error, "DynamoDB")
        if type(failure) is TransientStoreError:  # without a client there is nothing to retry
            failure = StoreError(str(failure))
        raise failure from error


def _asks_for_code(session: botocore.session.Session) -> bool:
    """Return True where boto3 would ask a person for the code of an MFA device, although stdin may be records."""
    profiles, name = dict(session.full_config.get("profiles", {})), session.profile or "default"
    while not os.environ.get("AWS_ACCESS_KEY_ID") and (profile := profiles.pop(name, None)):
        if profile.get("role_arn") and profile.get("mfa_serial"):
            return True
        name = profile.get("source_profile", "")
    return False


class ConditionFailed(StoreError):
    """A put's condition was not met; the argument is the item that is there, empty where the server sends none."""


def store_error(error: Exception, what: str) -> StoreError:
    """Translate what boto3 raised into one sentence about `what`, without credentials."""
    if isinstance(error, StoreError):
        return error
    if isinstance(error, boto.ClientError):
        return _answer_error(error, what)
    if isinstance(error, boto.HTTPClientError):  # its text may repeat a header with its token, or a proxy's password
        cause = error.kwargs.get("error", error)
        if "header" in str(cause):
            return CredentialsError(f"{what}: the credentials have a line end, a space or another invalid character")
        return TransientStoreError(f"{what}: the request or its answer did not arrive ({type(cause).__name__})")
    kind, advice = next(found for expected, found in ERRORS.items() if isinstance(error, expected))
    return kind(f"{what}: {type(error).__name__}: {_clean(error)}; {advice}")


def _answer_error(error: boto.ClientError, what: str) -> StoreError:
    code = str(error.response["Error"].get("Code"))
    message = str(error.response["Error"].get("Message") or "without a message")
    if code == "ConditionalCheckFailedException":
        return ConditionFailed(error.response.get("Item", {}))
    for pattern, advice in CREDENTIALS.items():
        if re.search(pattern, f"{code}: {message}"):
            return CredentialsError(f"{what}: {code}: {advice}")
    if code.isdecimal():  # boto3 takes the status where DynamoDB would have written a code
        text = _clean(message)
        return TransientStoreError(f"{what}: HTTP {code} without DynamoDB's code, perhaps from a proxy: {text}")
    advice = "; check the table's name and AWS_REGION" if code == "ResourceNotFoundException" else ""
    text = f"{what}: {code}: {_clean(message)}{advice}"
    is_transient = TRANSIENT.search(code) or error.response["ResponseMetadata"]["HTTPStatusCode"] >= 500
    return TransientStoreError(text) if is_transient else StoreError(text)


def _clean(text: object) -> str:
    """Shorten a message and remove users and passwords of URLs; replace one that repeats a signed request."""
    if "Credential=" in str(text) or "security-token" in str(text).lower():
        return "its text repeats the signed request and is left out"
    return re.sub(r"//[^/@]*@", "//***@", " ".join(str(text).split())).removesuffix(".")[:MAX_TEXT]
