"""Health, readiness and metrics over real HTTP."""

import urllib.error
import urllib.request
from collections.abc import Iterator

import pytest

from reconciler.controller.health import HealthServer
from reconciler.controller.metrics import Metrics

MISSING = ["the repository is not read"]


@pytest.fixture
def base() -> Iterator[str]:
    metrics = Metrics()
    missing = list(MISSING)
    server = HealthServer(
        ("127.0.0.1", 0), lambda: missing[0] if missing else "", metrics.registry, lambda: metrics.queue.set(3)
    )
    server.start()
    yield f"http://127.0.0.1:{server.port}"
    server.stop()


def fetch(url: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(url, timeout=60) as response:
            return response.status, response.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


def test_alive_is_not_ready(base: str) -> None:
    assert fetch(f"{base}/healthz") == (200, "ok\n")
    assert fetch(f"{base}/readyz") == (503, "the repository is not read\n")


def test_gauges_are_brought_up_to_date_when_asked(base: str) -> None:
    status, text = fetch(f"{base}/metrics")
    assert status == 200
    assert "tenantctl_queue_depth 3.0" in text


def test_nothing_else_is_served(base: str) -> None:
    assert fetch(f"{base}/")[0] == 404
