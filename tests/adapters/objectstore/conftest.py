"""The local S3 server."""

import pytest

from tests.cluster import objectstore
from tests.cluster.objectstore import ObjectStore


@pytest.fixture(scope="session")
def store() -> ObjectStore:
    """It stays up, as clusters do."""
    return objectstore.up()
