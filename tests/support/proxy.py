"""A proxy in front of a stand-in for DynamoDB, which fails as the service and the network do, on demand."""

from infra.testkit.table_proxy import TableProxy

Proxy = proxy = TableProxy

__all__ = ["Proxy", "proxy"]
