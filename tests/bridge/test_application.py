"""The step of an application where a real Argo CD cannot be made to behave so; the real one is in tests/e2e."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from reconciler.adapters.kube.resources import CONFIG_MAPS, NAMESPACES
from reconciler.bridge import application
from reconciler.bridge.application import run_application
from reconciler.bridge.exits import DONE, FAILED
from reconciler.core.application import entry_digest
from reconciler.core.application_status import MARK
from reconciler.core.errors import AlreadyExists, Conflict, NotAllowed, NotFound, Unavailable, Unprocessable
from reconciler.core.outcome import FailureClass, Result
from reconciler.core.placement import config_map_of
from reconciler.core.step import Step
from tests.bridge.conftest import PLACEMENT, WORLD, FakeKube

UP, DOWN = Step.parse("application/upsert/portal"), Step.parse("application/decommission/portal")
ENTRY = {
    "name": "portal",
    "source": {"repoURL": "https://git.example.com/p.git", "path": "p"},
    "namespace": "acme-production",
}
OURS = replace(WORLD, argo_cd="https://argocd.example.com", argo_cd_project="tenants", argo_cd_cluster="https://k8s")


class FakeArgo:
    """Argo CD that does what it is asked at once, after the errors that it is told to raise first."""

    url = "https://argocd.example.com"

    def __init__(self) -> None:
        self.live: dict[str, Any] | None = None
        self.errors: dict[str, list[Exception]] = {}
        self.calls: list[str] = []
        self.closed = False
        self.health = "Healthy"

    def close(self) -> None:
        self.closed = True

    def find(self, project: str, name: str) -> dict[str, Any] | None:
        self._called("find")
        return self.live

    def create(self, wanted: dict[str, Any]) -> None:
        self._called("create")
        self.live = wanted

    def replace(self, project: str, wanted: dict[str, Any]) -> None:
        self._called("replace")
        self.live = wanted

    def sync(self, project: str, name: str, mark: tuple[str, str]) -> None:
        self._called("sync")
        assert self.live
        source = self.live["spec"]["source"]
        self.live["status"] = {
            "operationState": {
                "operation": {"info": [{"name": MARK, "value": mark[1]}]},
                "phase": "Succeeded",
                "finishedAt": "2027-01-01T00:00:00Z",
                "syncResult": {"revision": "abc"},
            },
            "reconciledAt": "2027-01-01T00:00:01Z",
            "sync": {"status": "Synced", "revision": "abc", "comparedTo": {"source": source}},
            "health": {"status": self.health},
        }

    def terminate(self, project: str, name: str) -> None:
        self._called("terminate")
        assert self.live
        self.live = {key: value for key, value in self.live.items() if key not in ("operation", "status")}

    def _called(self, name: str) -> None:
        self.calls.append(name)
        if self.errors.get(name):
            raise self.errors[name].pop(0)


@pytest.fixture
def argo(monkeypatch: pytest.MonkeyPatch) -> FakeArgo:
    made = FakeArgo()
    monkeypatch.setattr(application, "connect", lambda *_: made)
    monkeypatch.setattr(application, "FIRST", 0.001)
    monkeypatch.setattr(application, "LONGEST", 0.001)
    return made


@pytest.fixture
def kube() -> FakeKube:
    made = FakeKube()
    spec = {"region": "eu-west", "applications": [ENTRY]}
    made.put(CONFIG_MAPS, config_map_of(replace(PLACEMENT, declaration={"spec": spec}), "workflows"))
    return made


def run(kube: FakeKube, world: Any = OURS, step: Step = UP) -> int:
    fake: Any = kube
    return run_application(fake, world, step)


def test_it_is_brought_in_the_smallest_number_of_calls(kube: FakeKube, argo: FakeArgo) -> None:
    assert run(kube) == DONE
    assert [call for call in argo.calls if call != "find"] == ["create", "sync"]
    outcome = kube.outcome(UP)
    assert outcome
    assert (outcome.result, outcome.digest, outcome.hash) == (Result.SUCCEEDED, PLACEMENT.digest, entry_digest(ENTRY))
    assert argo.closed
    assert kube.one(NAMESPACES, "", "acme-production")["metadata"]["labels"]["tenantctl.io/tenant"] == "acme"


@pytest.mark.parametrize(
    ("call", "error"),
    [
        ("find", Unavailable("gone")),
        ("create", Unavailable("gone")),
        ("create", AlreadyExists("somebody was faster")),
        ("sync", Conflict("another operation is already in progress")),
        ("sync", Unavailable("no answer")),
    ],
)
def test_what_is_waited_out(kube: FakeKube, argo: FakeArgo, call: str, error: Exception) -> None:
    argo.errors[call] = [error, error]
    assert run(kube) == DONE
    assert argo.calls.count(call) >= 3


@pytest.mark.parametrize("late", [0, 1], ids=["ended", "over by itself"])
def test_a_sync_that_argo_cd_repeats_in_vain_is_ended_and_ours_takes_its_place(
    kube: FakeKube, argo: FakeArgo, late: int
) -> None:
    create = argo.create

    def created(wanted: dict[str, Any]) -> None:
        create(wanted)
        operation = {"initiatedBy": {"automated": True}}
        last = {"phase": "Running", "operation": operation, "retryCount": 1}
        argo.live = wanted | {"operation": operation, "status": {"operationState": last}}

    argo.create = created  # type: ignore[method-assign]
    argo.errors["terminate"] = [NotFound("No operation is in progress")] * late
    assert run(kube) == DONE
    assert [call for call in argo.calls if call != "find"] == ["create", *["terminate"] * (1 + late), "sync"]


@pytest.mark.parametrize(
    ("error", "reason", "failure"),
    [
        (NotAllowed("permission denied"), "ArgoCDNotAllowed", FailureClass.NEEDS_HUMAN),
        (Unprocessable("app path does not exist"), "ArgoCDRefused", None),
    ],
)
def test_what_ends_the_step(
    kube: FakeKube, argo: FakeArgo, error: Exception, reason: str, failure: FailureClass | None
) -> None:
    argo.errors["create"] = [error]
    assert run(kube) == FAILED
    outcome = kube.outcome(UP)
    assert outcome
    assert (outcome.reason, outcome.failure) == (reason, failure)
    assert str(error) in outcome.message


@pytest.mark.parametrize("step", [UP, DOWN], ids=str)
def test_an_application_that_is_not_ours_is_left_alone(kube: FakeKube, argo: FakeArgo, step: Step) -> None:
    argo.live = {"metadata": {"name": "theirs", "labels": {}}, "spec": {}}
    if step is DOWN:
        kube.update(CONFIG_MAPS, "workflows", "acme.production", {"data": {"state": "Released"}})
    assert run(kube, step=step) == FAILED
    outcome = kube.outcome(step)
    assert outcome
    assert (outcome.reason, outcome.failure) == ("ApplicationNotOurs", FailureClass.NEEDS_HUMAN)
    assert set(argo.calls) == {"find"}


def test_silence_has_an_end(kube: FakeKube, argo: FakeArgo, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(application, "SILENCE_SECONDS", 0.02)
    argo.errors["find"] = [Unavailable("Argo CD at https://argocd.example.com does not answer")] * 10_000
    assert run(kube) == FAILED
    outcome = kube.outcome(UP)
    assert outcome
    assert (outcome.reason, outcome.failure) == ("ArgoCDUnavailable", FailureClass.TRANSIENT)


def test_waiting_for_health_has_an_end(kube: FakeKube, argo: FakeArgo, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(application, "PATIENCE", {"upsert": 2.0})
    argo.health = "Progressing"
    assert run(kube) == FAILED
    outcome = kube.outcome(UP)
    assert outcome
    assert outcome.reason == "DeadlineExceeded"
    assert outcome.message.endswith("Progressing")
    assert argo.calls.count("sync") == 1


def test_a_region_without_argo_cd(kube: FakeKube) -> None:
    assert run(kube, WORLD) == FAILED
    outcome = kube.outcome(UP)
    assert outcome
    assert outcome.reason == "ArgoCDNotSetUp"
    assert "tenantctl install --argo-cd" in outcome.message


def test_a_token_that_cannot_be_read(kube: FakeKube, tmp_path: Any) -> None:
    assert run(kube, replace(OURS, argo_cd_credentials=str(tmp_path))) == FAILED
    outcome = kube.outcome(UP)
    assert outcome
    assert outcome.reason == "ArgoCDNotSetUp"


def test_a_namespace_that_may_not_be_made(kube: FakeKube, argo: FakeArgo) -> None:
    kube.refuse("create", NAMESPACES, NotAllowed("namespaces is forbidden"))
    assert run(kube) == FAILED
    outcome = kube.outcome(UP)
    assert outcome
    assert (outcome.reason, outcome.failure) == ("NotAllowed", FailureClass.NEEDS_HUMAN)
    assert argo.calls == []


def test_a_change_by_hand_meanwhile_is_undone(kube: FakeKube, argo: FakeArgo) -> None:
    """It is looked at as it is at every look; who changes it while the step runs is overruled once more."""
    synced: Callable[..., None] = argo.sync

    def sync(project: str, name: str, mark: tuple[str, str]) -> None:
        synced(project, name, mark)
        if argo.calls.count("sync") == 1:
            assert argo.live
            argo.live = argo.live | {"spec": argo.live["spec"] | {"project": "other"}}

    argo.sync = sync  # type: ignore[method-assign]
    assert run(kube) == DONE
    assert [call for call in argo.calls if call != "find"] == ["create", "sync", "replace", "sync"]
