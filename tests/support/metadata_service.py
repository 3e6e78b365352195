"""The metadata service of an instance or a container."""

from infra.testkit.metadata_service import CONTAINER_PATH, metadata_service

__all__ = ["CONTAINER_PATH", "metadata_service"]
