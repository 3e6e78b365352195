"""The bucket of the archive, on S3: one Parquet file a day, `dt=2026-11-24/records.parquet`."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from shutil import copyfileobj

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from ..errors import StoreError

_CHANGED = re.compile("PreconditionFailed|ConditionalRequestConflict")
KEY = re.compile(r"dt=([0-9]{4}-[0-9]{2}-[0-9]{2})/records\.parquet")


class Bucket:
    """The days of an archive. A day is text, such as `2026-11-24`. Methods raise StoreError."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._client = boto3.client("s3")

    def days(self, *, since: str) -> dict[str, str]:
        """Return the days from `since` on that have a file → its ETag."""
        with self._translated("its days"):
            # StartAfter is exclusive, and dt=…/ comes before the keys below it
            pages = self._client.get_paginator("list_objects_v2").paginate(
                Bucket=self.name, Prefix="dt=", StartAfter=f"dt={since}/"
            )
            found = [each for page in pages for each in page.get("Contents", ())]
        return {match[1]: each["ETag"] for each in found if (match := KEY.fullmatch(each["Key"]))}

    def download(self, day: str, path: Path) -> Path:
        """Copy a day's file to `path`, and return it."""
        with self._translated(_key(day)), path.open("wb") as file:
            copyfileobj(self._client.get_object(Bucket=self.name, Key=_key(day))["Body"], file)
        return path

    def upload(self, day: str, path: Path, *, replaces: str | None) -> None:
        """Put a day's file in one request: a reader finds the old file or the new one, never a part of it.

        `replaces` is the ETag of the existing file, None where there is none. If a file was written since, by another
        run or by a first try whose answer was lost, nothing is written and it fails: the next run merges the day with
        it (https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes.html).
        """
        condition = {"IfMatch": replaces} if replaces else {"IfNoneMatch": "*"}
        with self._translated(_key(day)), path.open("rb") as file:
            self._client.put_object(Bucket=self.name, Key=_key(day), Body=file, **condition)

    def describe(self, day: str) -> str:
        """Return the address of a day's file for a message."""
        return f"s3://{self.name}/{_key(day)}"

    @contextmanager
    def _translated(self, what: str) -> Iterator[None]:
        try:
            yield
        except (BotoCoreError, ClientError) as error:
            is_changed = _CHANGED.search(str(error))
            text = "another run has written it meanwhile: write the day again" if is_changed else error
            raise StoreError(f"bucket {self.name}: {what}: {text}") from error


def _key(day: str) -> str:
    return f"dt={day}/records.parquet"
