"""The bucket of the archive, on S3: one Parquet file a day, `dt=2026-11-24/records.parquet`."""

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from typing import IO, Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from handler import __version__
from handler.errors import ArchiveError
from handler.stores.parquet_files import rows_by_series

_KEY = re.compile(r"dt=([0-9]{4}-[0-9]{2}-[0-9]{2})/records\.parquet")
_TAIL_BYTES = 8
"""A Parquet file ends in its footer, the length of the footer (4 bytes, little-endian) and PAR1."""


class ArchiveBucket:
    """The days of an archive. A day is text, such as `2026-11-24`. Methods raise ArchiveError."""

    def __init__(self, name: str, client: Any = None) -> None:
        self.name = name
        self._client = client or _s3_client()

    def upload(self, day: str, file: IO[bytes]) -> None:
        """Replace a day's file, in one request: whoever reads finds the former file or this one, never a part.

        https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutObject.html
        """
        with self._errors_translated(_key(day)):
            self._client.put_object(Bucket=self.name, Key=_key(day), Body=file)

    def days(self) -> list[str]:
        """The days that have a file, in order."""
        with self._errors_translated("its days"):
            pages = self._client.get_paginator("list_objects_v2").paginate(Bucket=self.name, Prefix="dt=")
            keys = [found["Key"] for page in pages for found in page.get("Contents", ())]
        return sorted(match[1] for key in keys if (match := _KEY.fullmatch(key)))

    def rows(self, day: str) -> dict[str, int]:
        """The key of each series in a day's file → its rows, by the file's footer, which alone is fetched."""
        length = int.from_bytes(self._tail(day, _TAIL_BYTES)[:4], "little")
        return rows_by_series(f"bucket {self.name}: {_key(day)}", BytesIO(self._tail(day, length + _TAIL_BYTES)))

    def _tail(self, day: str, length: int) -> bytes:
        with self._errors_translated(_key(day)):
            response = self._client.get_object(Bucket=self.name, Key=_key(day), Range=f"bytes=-{length}")
            tail: bytes = response["Body"].read()
        return tail

    @contextmanager
    def _errors_translated(self, what: str) -> Iterator[None]:
        try:
            yield
        except (BotoCoreError, ClientError) as error:
            raise ArchiveError(f"bucket {self.name}: {what}: {error}") from error


def _key(day: str) -> str:
    return f"dt={day}/records.parquet"


def _s3_client() -> Any:
    config = Config(
        retries={"mode": "standard", "total_max_attempts": 6}, user_agent=f"order-book-imbalance/{__version__}"
    )
    return boto3.Session().client("s3", region_name=os.environ.get("AWS_REGION"), config=config)
