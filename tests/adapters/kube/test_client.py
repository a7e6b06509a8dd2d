"""The client: every answer of an API server becomes the project's own error, and nothing secret is in it."""

from typing import Any

import pytest

from reconciler.adapters.kube.client import NoCluster
from reconciler.adapters.kube.resources import CONFIG_MAPS, JOBS, NAMESPACES
from reconciler.core import errors
from tests.adapters.kube.api_server import api_server


@pytest.mark.parametrize(
    ("status", "reason", "kind"),
    [
        (401, "Unauthorized", errors.NotAllowed),
        (403, "Forbidden", errors.NotAllowed),
        (404, "NotFound", errors.NotFound),
        (409, "AlreadyExists", errors.AlreadyExists),
        (409, "Conflict", errors.Conflict),
        (410, "Expired", errors.Gone),
        (422, "Invalid", errors.Unprocessable),
        (429, "TooManyRequests", errors.Unavailable),
        (500, "InternalError", errors.Unavailable),
        (418, "Teapot", errors.TenantctlError),
    ],
)
def test_statuses_are_errors_of_our_own(status: int, reason: str, kind: type[Exception]) -> None:
    body = {"reason": reason, "message": "why it is so"}
    with api_server([(status, body)]) as (kube, _), pytest.raises(kind, match="why it is so") as raised:
        kube.get(CONFIG_MAPS, "n", "x")
    assert type(raised.value) is kind


def test_an_answer_that_is_no_json_is_cut() -> None:
    with api_server([(502, b"<html>" + b"x" * 5000)]) as (kube, _), pytest.raises(errors.Unavailable) as raised:
        kube.get(CONFIG_MAPS, "n", "x")
    assert len(str(raised.value)) < 800


def test_a_server_that_is_not_there_is_unavailable() -> None:
    with api_server([]) as (kube, _):
        pass
    with pytest.raises(
        errors.Unavailable, match=r"^context stand-in: http://127\.0\.0\.1:\d+ does not answer: connection refused$"
    ):
        kube.get(CONFIG_MAPS, "n", "x")


def test_no_cluster_answers_every_call_with_the_reason() -> None:
    with pytest.raises(errors.Unavailable, match="no such context"):
        NoCluster("no such context").get(CONFIG_MAPS, "n", "x")


def page(names: list[str], token: str = "") -> dict[str, Any]:
    metadata = {"resourceVersion": "5"} | ({"continue": token} if token else {})
    return {"metadata": metadata, "items": [{"metadata": {"name": name}} for name in names]}


def test_a_listing_follows_every_page() -> None:
    with api_server([(200, page(["a"], "t")), (200, page(["b"]))]) as (kube, asked):
        names = [item["metadata"]["name"] for item in kube.list(NAMESPACES)]
    assert names == ["a", "b"]
    assert "continue=t" in asked[1]


def test_find_is_none_only_when_the_server_says_so() -> None:
    script = [(404, {"reason": "NotFound"}), (503, {"reason": "ServiceUnavailable"})]
    with api_server(script) as (kube, _):
        assert kube.find(JOBS, "n", "x") is None
        with pytest.raises(errors.Unavailable):
            kube.find(JOBS, "n", "x")


def test_deleting_what_is_gone_is_no_error() -> None:
    with api_server([(200, {}), (404, {"reason": "NotFound"})]) as (kube, _):
        assert kube.delete(JOBS, "n", "x") is True
        assert kube.delete(JOBS, "n", "x") is False
