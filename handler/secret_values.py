"""The credentials of this process: hidden from its output, and checked for characters that no key has."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from handler.errors import TableError
from handler.safe_text import hide

AWS_KEYS = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_SECURITY_TOKEN")
"""What boto3 reads from the environment if the first of them is set."""
AWS_TOKENS = ("AWS_CONTAINER_AUTHORIZATION_TOKEN", "AWS_BEARER_TOKEN_DYNAMODB")

MIN_KEY_CHARACTERS = 6
"""AWS's keys have 16 or more. The keys of tests and local tables are often `test`, a word that messages contain."""

FILES = {"shared-credentials-file": "the credentials file", "config-file": "the config file"}
"""boto3's name of a file with keys → ours."""

_BREAKS = re.compile(r"[\s\x00-\x1f\x7f]+")
_NEXT_URL = re.compile(r",(?=\s*\w+://)")
_DELIMITERS = re.compile(r"[/?#@:,\s\x00-\x1f]+")
"""Where a parser cuts a URL that was not percent-encoded: each part may be printed alone."""


def hide_credentials(environment: Mapping[str, str], argv: Sequence[str] = ()) -> None:
    """Hide AWS keys, and users and passwords of URLs, of the environment and the command line."""
    for name, value in environment.items():
        if name in AWS_KEYS + AWS_TOKENS:
            hide_key(name, value)
        elif "@" in value and (name.upper().endswith("_PROXY") or name.startswith(("OBI_", "AWS_"))):
            hide(name, *_user_parts(value))
    hide("command line", *(part for word in argv for part in _user_parts(word)))


def hide_key(name: str, value: str) -> None:
    """Hide an AWS key or token, and its lines if it was pasted with line ends."""
    parts = dict.fromkeys([value, *_BREAKS.split(value)])
    hide(name, *(part for part in parts if len(part) >= MIN_KEY_CHARACTERS))


def check_environment(environment: Mapping[str, str]) -> None:
    """Raise TableError, naming the variable, if an AWS key in the environment is malformed."""
    if environment.get(AWS_KEYS[0]):
        for name in AWS_KEYS:
            _check(name, environment.get(name, ""))


def check_session(session: Any) -> None:
    """Hide the keys that a boto3 session found in a file. Raise TableError, naming the entry, if one is malformed.

    Those of an instance, a container or a role are fetched later: `hide_sent` hides them.
    """
    if not session.available_profiles:  # looking for credentials that do not exist takes seconds
        return
    credentials = session.get_credentials()
    if credentials is None or credentials.method not in FILES:
        return
    keys = credentials.get_frozen_credentials()
    found = {
        "aws_access_key_id": keys.access_key,
        "aws_secret_access_key": keys.secret_key,
        "aws_session_token": keys.token or "",
    }
    for entry, value in found.items():
        hide_key(entry, value)
    for entry, value in found.items():
        _check(f"{entry} of profile {session.profile_name} in {FILES[credentials.method]}", value)


def hide_sent(request: Any, **_others: Any) -> None:
    """Hide the keys in a signed request. For botocore's event before-send."""
    token, scheme = (_text(request.headers.get(name, "")) for name in ("X-Amz-Security-Token", "Authorization"))
    hide_key("AWS session token", token)
    hide_key("AWS access key", scheme.partition("Credential=")[2].partition("/")[0])


def _text(header: str | bytes) -> str:
    return header if isinstance(header, str) else header.decode("latin-1")


def _check(name: str, value: str) -> None:
    if not (value.isascii() and value.isprintable() and " " not in value):
        raise TableError(f"{name} is malformed: it has a line end, a space or another invalid character")


def _user_parts(text: str) -> Iterator[str]:
    """User and password of URLs: together, each of them, and their parts between a URL's delimiters."""
    for url in _NEXT_URL.split(text):
        head, _, _ = url.rpartition("@")
        before, slashes, user = head.partition("//")
        if not slashes:
            user = before.partition("=")[2] if before.startswith("-") else before
        if user and not user.startswith("arn:") and (slashes or ":" in user):
            yield user
            yield from user.partition(":")[::2]
            yield from (piece for piece in _DELIMITERS.split(user) if piece not in ("http", "https"))
