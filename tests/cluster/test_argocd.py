"""Argo CD beside a local cluster: found when it runs, away and back, and the cluster counts as up only with it."""

import pytest

from tests.cluster import Cluster, argocd, cluster, versions
from tests.cluster.argocd import ArgoCD
from tests.cluster.binaries import ARGO_CD_MODULE

pytestmark = pytest.mark.cluster


@pytest.fixture(scope="module")
def argo(running: Cluster) -> ArgoCD:
    return argocd.provide(running.name)


def test_it_is_of_the_pinned_version_and_started_once(argo: ArgoCD) -> None:
    assert argo.ask("GET", "/api/version")["Version"].partition("+")[0] == versions.version("argocd", ARGO_CD_MODULE)
    assert argocd.provide(argo.cluster, lambda line: pytest.fail(f"a second start: {line}")) == argo


def test_its_tokens_are_for_their_owner_only(argo: ArgoCD) -> None:
    assert argo.admin_token.stat().st_mode & 0o77 == 0


def test_it_is_away_and_back_and_the_cluster_stays_up(argo: ArgoCD) -> None:
    argocd.pause(argo)
    try:
        with pytest.raises(OSError, match="refused"):
            argo.ask("GET", "/api/version")
        assert cluster.find(argo.cluster), "another one would be started in its place"
    finally:
        argocd.resume(argo)
    assert argo.ask("GET", "/api/version")["Version"]


def test_it_knows_the_cluster_that_it_runs_in_and_another(argo: ArgoCD, running: Cluster) -> None:
    argocd.know(argo, running)
    try:
        assert {"https://kubernetes.default.svc", running.api} <= _servers(argo)
    finally:
        argocd.forget(argo, running)
    assert running.api not in _servers(argo)


def _servers(argo: ArgoCD) -> set[str]:
    return {item["server"] for item in argo.ask("GET", "/api/v1/clusters")["items"]}
