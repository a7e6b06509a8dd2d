"""Object storage for archives: where it is, and a small client that signs URLs; S3, Google and Azure alike."""

from reconciler.adapters.objectstore.location import Location, read_credentials, read_location
from reconciler.adapters.objectstore.store import ObjectStore, connect

__all__ = ["Location", "ObjectStore", "connect", "read_credentials", "read_location"]
