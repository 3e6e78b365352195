"""A table on a stand-in for DynamoDB, and what it holds past the code under test."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

from handler.record import Record
from handler.stores.item import record_from_item
from infra.testkit.aws import scan
from support.servers import AWS, aws_client, create_table


class StoredTable(NamedTuple):
    """A table, and the environment in which the program finds it."""

    name: str
    client: Any
    environment: dict[str, Any]

    def through(self, url: str) -> dict[str, Any]:
        """The environment in which the program reaches it at another URL, that of a proxy."""
        return self.environment | {"AWS_ENDPOINT_URL_DYNAMODB": url}

    def put(self, *items: Any) -> None:
        """Put items as they are."""
        for item in items:
            self.client.put_item(TableName=self.name, Item=item)

    def records(self) -> list[Record]:
        """What it holds, in the order of its keys."""
        return [record_from_item(item) for item in self.items()]

    def items(self) -> list[Any]:
        """Its items, in the order of their keys."""
        return sorted(scan(self.client, self.name), key=lambda item: (item["pair"]["S"], item["slot"]["S"]))


@contextmanager
def new_table(url: str) -> Iterator[StoredTable]:
    """Create a table at this URL."""
    with aws_client("dynamodb", url) as client:
        name = create_table(client)
        yield StoredTable(name, client, AWS | {"AWS_ENDPOINT_URL_DYNAMODB": url, "OBI_TABLE": name})
