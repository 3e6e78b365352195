"""The archive's bucket: a day's file is replaced whole, and only by the run that knows the former one."""

from pathlib import Path

import pytest
from support.fakes import StartRaw, http
from support.servers import AWS

from handler.errors import StoreError
from handler.stores.bucket import Bucket

BODY = b"<Error><Code>PreconditionFailed</Code></Error>"
TAKEN = http("412 Precondition Failed", BODY, Content_Type="application/xml")


@pytest.mark.parametrize("replaces", [None, '"etag"'])
def test_a_lost_acknowledgement(
    start_raw: StartRaw, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, replaces: str | None
) -> None:
    """If the answer to an upload is lost, the second try finds its own bytes: a success; others are another run's."""
    for name, value in AWS.items():
        monkeypatch.setenv(name, value)
    path = tmp_path / "records.parquet"
    path.write_bytes(b"this run's")
    for there in (b"this run's", b"another's"):
        server = start_raw(b"", TAKEN, http("200 OK", there))
        monkeypatch.setenv("AWS_ENDPOINT_URL_S3", server.url)
        bucket = Bucket("archive")
        if there == path.read_bytes():
            bucket.upload("2026-11-24", path, replaces=replaces)
        else:
            with pytest.raises(StoreError, match="another run has written it meanwhile"):
                bucket.upload("2026-11-24", path, replaces=replaces)
        assert [head.split(" ")[0] for head in server.heads] == ["PUT", "PUT", "GET"]
