"""`tenantctl jobs run`: the bridge's own work for a made-up environment, and nothing left of it."""

import copy
from typing import Any

import pytest

from reconciler.adapters.kube.resources import CONFIG_MAPS, JOBS, NAMESPACES, PODS
from reconciler.cli.main import run
from reconciler.controller.world import _job_reader
from reconciler.core import labels
from reconciler.core.errors import NotAllowed, Unavailable
from reconciler.core.job_copy import read_copy
from tests.bridge.conftest import LIFECYCLE, FakeKube
from tests.bridge.test_archives import MemoryStore, secrets_of

Json = dict[str, Any]
JOB = "billing/billing-lifecycle"
OUTPUTS = '{"outputs": {"url": "https://acme.example.com"}, "message": "fine"}'


class Cluster(FakeKube):
    """A cluster with a lifecycle Job; a copy that is resumed ends at once, as `ends` says."""

    def __init__(self) -> None:
        super().__init__()
        self.resumed: list[Json] = []
        self.files: list[Json] = []
        self.ends: list[tuple[int, str]] = [(0, OUTPUTS)] * 2
        self.on_resume = self.end
        self.put(NAMESPACES, {"metadata": {"name": "billing", "labels": {labels.LIFECYCLE: labels.ENABLED}}})
        self.put(JOBS, LIFECYCLE)

    def close(self) -> None:
        pass

    def end(self, job: Json) -> None:
        self.resumed.append(copy.deepcopy(job))
        name, (code, message) = job["metadata"]["name"], self.ends[len(self.resumed) - 1]
        self.files.append(self.one(CONFIG_MAPS, "billing", name)["data"])
        ended = {"exitCode": code, "message": message, "finishedAt": "2026-01-01T00:00:01Z"}
        status = {"containerStatuses": [{"name": "main", "state": {"terminated": ended}}]}
        pod = f"pod-{len(self.resumed)}"
        meta = {"namespace": "billing", "name": pod, "labels": {"batch.kubernetes.io/job-name": name}}
        self.logs[pod] = [[b"2026-01-01T00:00:00.1Z hello\n"]]
        phase = {"phase": "Failed" if code else "Succeeded"}
        self.put(PODS, {"metadata": meta, "spec": {"containers": [{"name": "main"}]}, "status": status | phase})
        condition = {"type": "Failed" if code else "Complete", "status": "True"}
        self.update(JOBS, "billing", name, {"status": {"conditions": [condition]}})


@pytest.fixture
def kube(monkeypatch: pytest.MonkeyPatch) -> Cluster:
    monkeypatch.setattr("reconciler.bridge.patience.FIRST", 0.001)
    monkeypatch.setattr("reconciler.bridge.patience.SECONDS", 0.05)
    made = Cluster()
    monkeypatch.setattr("reconciler.adapters.kube.connect", lambda *_: made)
    return made


def variables(job: Json) -> dict[str, str]:
    return {item["name"]: item["value"] for item in job["spec"]["template"]["spec"]["containers"][0]["env"]}


def test_success(kube: Cluster, capfd: pytest.CaptureFixture[str]) -> None:
    assert run(["jobs", "run", JOB, "--param", "seats=250", "--param", "dry-run=true", "--param", 'code="007"']) == 0
    out, err = capfd.readouterr()
    assert "hello\n" in out
    assert "tenantctl: Succeeded: fine\n" in out
    assert 'output url: "https://acme.example.com"' in out
    (job,) = kube.resumed
    given = variables(job)
    assert (given["TENANT"], given["TENANT_ENVIRONMENT"], given["TENANT_REGION"]) == ("made-up", "trial", "local")
    assert (given["TENANT_EPOCH"], given["TENANT_VERB"], given["TENANT_REVISION"]) == ("1", "upsert", "0" * 40)
    assert (given["TENANT_PARAM_SEATS"], given["TENANT_PARAM_DRY_RUN"]) == ("250", "true")
    assert given["TENANT_PARAM_CODE"] == "007"
    assert kube.files[0]["parameters.seats"] == "250"
    assert "kind: TenantEnvironment" in kube.files[0]["environment.yaml"]
    assert f"copy billing/{job['metadata']['name']} is deleted" in err
    assert kube.copies() == []
    assert kube.one(JOBS, "billing", "billing-lifecycle")["spec"]["suspend"] is True


def test_nothing_in_production_takes_it_for_its_own(kube: Cluster) -> None:
    names = ["--tenant", "acme", "--environment", "production"]
    assert run(["jobs", "run", JOB, *names]) == 0
    (job,) = kube.resumed
    assert job["metadata"]["labels"][labels.KIND] == labels.TRIAL
    assert read_copy(job) is not None, "the bridge knows it"
    assert _job_reader((labels.VERBS_ANNOTATION,))(job) is None, "the reconciler does not"


def test_failure(kube: Cluster, capfd: pytest.CaptureFixture[str]) -> None:
    kube.ends = [(3, "no such locale")]
    assert run(["jobs", "run", JOB, "--twice"]) == 1
    assert "tenantctl: Failed: JobFailed: no such locale: owner: team@example.com" in capfd.readouterr().out
    assert len(kube.resumed) == 1, "a second time only after a success"
    assert kube.copies() == []


def test_twice(kube: Cluster, capfd: pytest.CaptureFixture[str]) -> None:
    assert run(["jobs", "run", JOB, "--twice"]) == 0
    assert "succeeded both times, with the same outputs" in capfd.readouterr().err
    first, second = kube.resumed
    assert first["metadata"]["name"] != second["metadata"]["name"]
    kube.resumed, kube.ends = [], [(0, OUTPUTS), (0, "")]
    assert run(["jobs", "run", JOB, "--twice"]) == 0
    assert "its outputs were others" in capfd.readouterr().err
    kube.resumed, kube.ends = [], [(0, ""), (1, "exists already")]
    assert run(["jobs", "run", JOB, "--twice"]) == 1
    assert "exists already" in capfd.readouterr().out


def test_keep(kube: Cluster, capfd: pytest.CaptureFixture[str]) -> None:
    assert run(["jobs", "run", JOB, "--keep"]) == 0
    (kept,) = kube.copies()
    selector = f"--selector tenantctl.io/run={kept['metadata']['labels'][labels.RUN]}"
    assert selector in capfd.readouterr().err


def test_ctrl_c_suspends_the_copy_and_says_so(
    kube: Cluster, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(job: Json) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("reconciler.bridge.shutdown.time.sleep", lambda seconds: None)
    kube.on_resume = interrupt
    assert run(["jobs", "run", JOB, "--keep"]) == 130
    (stopped,) = kube.copies()
    assert stopped["spec"]["suspend"] is True
    assert labels.STOPPED in stopped["metadata"]["labels"]
    out, err = capfd.readouterr()
    assert f"interrupted: suspending billing/{stopped['metadata']['name']}" in err
    assert "the run was stopped" in out
    assert "workflows" not in {plural for _, plural, _ in kube.calls}, "there is no run to be asked about"
    assert run(["jobs", "run", JOB]) == 130
    assert kube.copies() == [stopped]


def test_production_would_not_run_it(kube: Cluster, capfd: pytest.CaptureFixture[str]) -> None:
    kube.put(NAMESPACES, {"metadata": {"name": "billing", "labels": {}}})
    assert run(["jobs", "run", JOB]) == 0
    assert "production would not run it: namespace billing has no label" in capfd.readouterr().out
    kube.refuse("get", NAMESPACES, NotAllowed("User cannot get namespaces"))
    kube.resumed = []
    assert run(["jobs", "run", JOB]) == 0
    assert "whether production would run it is not known" in capfd.readouterr().out


@pytest.mark.parametrize("verb", ["list", "create"])
def test_what_the_caller_may_not_do(kube: Cluster, verb: str, capfd: pytest.CaptureFixture[str]) -> None:
    kube.refuse(verb, JOBS if verb == "create" else PODS, NotAllowed('User "eve" cannot do that'))
    assert run(["jobs", "run", JOB]) == 4
    assert 'error: User "eve" cannot do that' in capfd.readouterr().err
    assert kube.copies() == []


def test_an_api_server_that_goes_away(kube: Cluster, capfd: pytest.CaptureFixture[str]) -> None:
    kube.refuse("create", JOBS, *[Unavailable("no answer")] * 99)
    assert run(["jobs", "run", JOB]) == 1
    assert "error: no answer" in capfd.readouterr().err


def without(*path: str) -> Json:
    changed = copy.deepcopy(LIFECYCLE)
    inner = changed
    for key in path[:-1]:
        inner = inner[key]
    del inner[path[-1]]
    return changed


@pytest.mark.parametrize(
    ("job", "message"),
    [
        (without("spec", "suspend"), "it is not suspended (suspend: true)"),
        (without("metadata", "annotations"), "it has no annotation collibra.com/tenant.lifecycle"),
        (LIFECYCLE | {"spec": LIFECYCLE["spec"] | {"managedBy": "kueue.x-k8s.io/multikueue"}}, "Kueue manages it"),
    ],
    ids=["not suspended", "no annotation", "kueue"],
)
def test_what_is_no_lifecycle_job_is_refused(
    kube: Cluster, job: Json, message: str, capfd: pytest.CaptureFixture[str]
) -> None:
    kube.put(JOBS, job)
    assert run(["jobs", "run", JOB]) == 6
    assert message in capfd.readouterr().err
    assert kube.resumed == []


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (["billing"], 64, "write NAMESPACE/JOB"),
        (["billing/a/b"], 64, "write NAMESPACE/JOB"),
        (["billing/nothing"], 1, "Job billing/nothing does not exist here"),
        ([JOB, "--verb", "upsrt"], 64, "known are upsert, migrate-out"),
        ([JOB, "--verb", "migrate-out"], 64, "migrate-out needs --archives"),
        ([JOB, "--verb", "migrate-in"], 64, "migrate-in needs --archives"),
        ([JOB, "--verb", "migrate-in", "--archives", "s3://box"], 64, "migrate-in needs --import"),
        ([JOB, "--verb", "migrate-out", "--archives", "s3://box", "--import", "x"], 64, "is not for migrate-out"),
        ([JOB, "--archives", "s3://box"], 64, "--archives is not for upsert"),
        ([JOB, "--verb", "migrate-out", "--archives", "box"], 64, "the URL of archives is none that is known"),
        (
            [JOB, "--verb", "migrate-out", "--archives", "s3://box", "--archives-credentials", "/no/such/file"],
            64,
            "--archives-credentials /no/such/file: there is no such file",
        ),
        ([JOB, "--verb", "migrate-in", "--archives", "s3://box", "--import", "x"], 64, "write KEY@SHA256"),
        ([JOB, "--verb", "decommission"], 6, "does not have the verb decommission; it has upsert"),
        ([JOB, "--param", "seats"], 64, "write NAME=VALUE"),
        ([JOB, "--param", "Seats=1"], 64, "the name 'Seats' is not allowed"),
        ([JOB, "--param", "dry=yes"], 64, "'yes' is a boolean to some readers"),
        ([JOB, "--param", 'x="'], 64, "--param x: "),
        ([JOB, "--tenant", "Acme Corp"], 64, "tenant 'Acme Corp' is not allowed"),
    ],
)
def test_what_makes_no_sense(
    kube: Cluster, words: list[str], code: int, message: str, capfd: pytest.CaptureFixture[str]
) -> None:
    assert run(["jobs", "run", *words]) == code
    assert message in capfd.readouterr().err
    assert kube.resumed == []


@pytest.mark.parametrize("verb", ["decommission", "admin.reindex"])
def test_the_state_admits_the_verb(kube: Cluster, verb: str) -> None:
    entry = verb if verb.startswith("admin.") else f"lifecycle.{verb}"
    kube.update(JOBS, "billing", "billing-lifecycle", {"metadata": {"annotations": {labels.VERBS_ANNOTATION: entry}}})
    assert run(["jobs", "run", JOB, "--verb", verb]) == 0
    assert variables(kube.resumed[0])["TENANT_VERB"] == verb


def test_another_annotation(kube: Cluster) -> None:
    job = copy.deepcopy(LIFECYCLE)
    job["metadata"]["annotations"] = {"example.com/lifecycle": "lifecycle.upsert"}
    kube.put(JOBS, job)
    assert run(["jobs", "run", JOB]) == 6
    assert run(["jobs", "run", JOB, "--annotation", "example.com/lifecycle"]) == 0


def test_a_migration_is_tried_out_with_what_the_other_exported(
    kube: Cluster, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    store = MemoryStore()
    monkeypatch.setattr("reconciler.bridge.archives.connect", lambda *_: store)
    annotations = {"annotations": {labels.VERBS_ANNOTATION: "lifecycle.migrate-out,lifecycle.migrate-in"}}
    kube.put(JOBS, LIFECYCLE | {"metadata": LIFECYCLE["metadata"] | annotations})
    kube.ends = [(0, ""), (0, "")]

    def exports(job: Json) -> None:
        (key,) = [key for key in store.signed[0][1] if key.endswith("/archive")]
        store.objects[key] = b"rows"
        kube.end(job)

    kube.on_resume = exports
    assert run(["jobs", "run", JOB, "--verb", "migrate-out", "--archives", "s3://box"]) == 0
    said = capfd.readouterr().out
    archive = said.partition("archive: made-up/")[2].split()[0]
    kube.on_resume = kube.end
    words = ["--verb", "migrate-in", "--archives", "s3://box", "--import", f"made-up/{archive}"]
    assert run(["jobs", "run", JOB, *words]) == 0
    assert store.signed[1][0] == "GET"
    assert secrets_of(kube) == []
