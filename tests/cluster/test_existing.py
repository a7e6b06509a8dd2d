import pytest
import yaml

from tests.cluster import existing
from tests.cluster.failure import ClusterError

FIRST = """
clusters: [{name: one, cluster: {server: "https://one.invalid", certificate-authority: ca.crt}}]
users: [{name: me, user: {token: secret-of-one}}]
contexts: [{name: first, context: {cluster: one, user: me, namespace: apps}}]
current-context: first
"""
SECOND = """
clusters: [{name: two, cluster: {server: "https://two.invalid"}}]
users: [{name: other, user: {token: secret-of-two}}]
contexts: [{name: second, context: {cluster: two, user: other}}, {name: mixed, context: {cluster: two, user: me}}]
"""


@pytest.fixture(autouse=True)
def _kubeconfigs(tmp_path, monkeypatch):
    (tmp_path / "first").write_text(FIRST)
    (tmp_path / "second").write_text(SECOND)
    monkeypatch.setenv("KUBECONFIG", f"{tmp_path}/first:{tmp_path}/second:{tmp_path}/missing")


def test_only_the_named_context_is_handed_out(tmp_path):
    content = existing.named("first")
    assert [item["name"] for item in content["contexts"]] == ["first"]
    assert content["current-context"] == "first"
    assert content["contexts"][0]["context"]["namespace"] == "apps"
    assert "two" not in yaml.safe_dump(content)


def test_paths_stay_right_in_another_folder(tmp_path):
    assert existing.named("first")["clusters"][0]["cluster"]["certificate-authority"] == f"{tmp_path}/ca.crt"


def test_a_context_may_refer_to_another_file():
    content = existing.named("mixed")
    assert content["clusters"][0]["cluster"]["server"] == "https://two.invalid"
    assert content["users"][0]["user"]["token"] == "secret-of-one"


def test_the_current_context_is_never_taken_for_a_name_that_is_not_there():
    with pytest.raises(ClusterError, match="No context 'third' in "):
        existing.named("third")
