"""Migrations: what a copy is granted, what is sealed and checked, and every way in which an archive is refused."""

import json
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from reconciler.adapters.kube.resources import CONFIG_MAPS, JOBS, PODS, SECRETS
from reconciler.bridge.exits import DONE, FAILED
from reconciler.bridge.job import run_job
from reconciler.bridge.world import World, read_world
from reconciler.core import labels
from reconciler.core.archive import Archive, Stored, import_key, keys_of, manifest_of, read_manifest
from reconciler.core.errors import NotAllowed, Unavailable
from reconciler.core.job_copy import copy_name
from reconciler.core.outcome import FailureClass, Outcome, Result
from reconciler.core.step import Kind, Step

from .conftest import LIFECYCLE
from .test_job import pod

Json = dict[str, Any]
OUT = Step(Kind.JOB, "migrate-out", ("billing", "billing-lifecycle"))
IN = Step(Kind.JOB, "migrate-in", ("billing", "billing-lifecycle"))
NAMES = {step: copy_name(step.name, "run-1", step) for step in (OUT, IN)}
FOLDER = "acme/production/7/billing/billing-lifecycle/run-1"
VERBS = "lifecycle.upsert,lifecycle.migrate-out,lifecycle.migrate-in"
ENVIRON = {"TENANT": "acme", "ENVIRONMENT": "production", "RUN": "run-1", "NAMESPACE": "workflows"}
SUM = "ab" * 32


@dataclass
class MemoryStore:
    """The object store's port; `trouble` is what it raises from now on."""

    objects: dict[str, bytes] = field(default_factory=dict)
    signed: list[tuple[str, list[str], float]] = field(default_factory=list)
    trouble: Exception | None = None

    def sign(self, method: str, keys: list[str], lifetime: Any) -> list[str]:
        self._ask()
        self.signed.append((method, keys, lifetime.total_seconds()))
        return [f"https://store/{key}?signed-for={method}" for key in keys]

    def list(self, folder: str) -> dict[str, Stored]:
        self._ask()
        return {k: Stored(k, len(v), f"e-{v!r}") for k, v in self.objects.items() if k.startswith(f"{folder}/")}

    def read(self, key: str, most: int) -> bytes | None:
        self._ask()
        return self.objects.get(key)

    def write(self, key: str, data: bytes) -> None:
        self._ask()
        self.objects[key] = data

    def _ask(self) -> None:
        if self.trouble:
            raise self.trouble


@pytest.fixture(autouse=True)
def no_signal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("signal.signal", lambda *_: None)
    monkeypatch.setattr("reconciler.bridge.copies.LAST_SECONDS", 0.0)
    monkeypatch.setattr("reconciler.bridge.archives.PATIENCE_SECONDS", 0.05)


@pytest.fixture
def world() -> World:
    more = {"ARCHIVES": "s3://box?region=r", "ARCHIVES_CREDENTIALS": "/nowhere/credentials"}
    return read_world({f"TENANTCTL_{name}": value for name, value in (ENVIRON | more).items()})


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch, kube: Any) -> MemoryStore:
    made = MemoryStore()
    monkeypatch.setattr("reconciler.bridge.archives.connect", lambda *_: made)
    metadata = LIFECYCLE["metadata"]
    annotations = metadata["annotations"] | {labels.VERBS_ANNOTATION: VERBS}
    kube.put(JOBS, LIFECYCLE | {"metadata": metadata | {"annotations": annotations}})
    return made


def frozen(kube: Any) -> None:
    kube.update(CONFIG_MAPS, "workflows", "acme.production", {"data": {"state": "Frozen"}})


def runs(kube: Any, step: Step, does: Any = lambda: None, message: str = "") -> list[Json]:
    """The copy does something and succeeds; returns the Secrets that it saw."""
    seen: list[Json] = []

    def resume(job: Json) -> None:
        seen.append(kube.one(SECRETS, "billing", NAMES[step]))
        does()
        item = pod(0, message)
        item["metadata"]["labels"] = {"batch.kubernetes.io/job-name": NAMES[step]}
        kube.put(PODS, item)
        kube.logs["pod-1"] = [[b"2026-01-01T00:00:00.1Z hello\n"]]
        kube.update(JOBS, "billing", NAMES[step], {"status": {"conditions": [{"type": "Complete", "status": "True"}]}})

    kube.on_resume = resume
    return seen


def secrets_of(kube: Any) -> list[str]:
    return [name for plural, _, name in kube.objects if plural == "secrets"]


def said(kube: Any, step: Step) -> tuple[Result, FailureClass | None, str]:
    outcome: Outcome = kube.outcome(step)
    return outcome.result, outcome.failure, outcome.reason


def human(reason: str) -> tuple[Result, FailureClass | None, str]:
    return Result.FAILED, FailureClass.NEEDS_HUMAN, reason


# -- migrate-out -------------------------------------------------------------------------------------------------------


def test_an_export_is_granted_by_a_secret_and_sealed(
    kube: Any, world: World, store: MemoryStore, capfd: pytest.CaptureFixture[str]
) -> None:
    frozen(kube)
    both = {f"{FOLDER}/archive": b"rows", f"{FOLDER}/part-001": b"more"}
    seen = runs(kube, OUT, lambda: store.objects.update(both), json.dumps({"outputs": {"sha256": SUM}}))
    assert run_job(kube, world, OUT) == DONE

    (secret,) = seen
    assert secret["stringData"]["url"] == f"https://store/{FOLDER}/archive?signed-for=PUT"
    assert secret["stringData"]["parts"].count("\n") == 100
    assert secret["metadata"]["ownerReferences"][0]["uid"] == kube.one(JOBS, "billing", NAMES[OUT])["metadata"]["uid"]
    assert store.signed == [("PUT", keys_of(FOLDER), 3600 + 900)]

    outcome: Outcome = kube.outcome(OUT)
    assert outcome.archive is not None
    assert outcome.verbs == ("migrate-in", "migrate-out", "upsert")
    manifest = read_manifest(store.objects[f"{FOLDER}/manifest.json"], outcome.archive)
    assert {item.key: (item.size, item.sha256) for item in manifest.objects} == {
        f"{FOLDER}/archive": (4, SUM), f"{FOLDER}/part-001": (4, ""),
    }  # fmt: skip
    assert secrets_of(kube) == []
    assert "signed-for" not in capfd.readouterr().out
    others = [item for (plural, _, _), item in kube.objects.items() if plural != "secrets"]
    assert "signed-for" not in json.dumps(others)


def test_the_copy_of_a_migration_refers_to_its_secret(kube: Any, world: World, store: MemoryStore) -> None:
    frozen(kube)
    runs(kube, OUT, lambda: store.objects.update({f"{FOLDER}/archive": b"1"}))
    run_job(kube, world, OUT)
    copy = kube.one(JOBS, "billing", NAMES[OUT])
    assert copy["metadata"]["annotations"][labels.SECRET] == "true"
    (container,) = copy["spec"]["template"]["spec"]["containers"]
    (url,) = [entry for entry in container["env"] if entry["name"] == "TENANT_EXPORT_URL"]
    assert url["valueFrom"] == {"secretKeyRef": {"name": NAMES[OUT], "key": "url"}}
    (volume,) = copy["spec"]["template"]["spec"]["volumes"]
    files, granted = volume["projected"]["sources"]
    assert files["configMap"]["items"][0]["path"] == "environment.yaml"
    assert granted["secret"] == {"name": NAMES[OUT], "items": [{"key": "parts", "path": "export/parts"}]}


def test_a_deadline_of_its_own_lengthens_the_grant(kube: Any, world: World, store: MemoryStore) -> None:
    frozen(kube)
    kube.update(JOBS, "billing", "billing-lifecycle", {"spec": {"activeDeadlineSeconds": 7200}})
    runs(kube, OUT, lambda: store.objects.update({f"{FOLDER}/archive": b"1"}))
    run_job(kube, world, OUT)
    assert store.signed[0][2] == 7200 + 900


@pytest.mark.parametrize(
    ("objects", "outputs", "reason"),
    [
        ({}, {}, "NothingExported"),
        ({}, {"exported": True}, "NothingExported"),
        ({}, {"sha256": SUM}, "ArchiveIncomplete"),
        ({"archive": b"1"}, {"exported": False}, "ArchiveIncomplete"),
        ({"archive": b"1", "other": b"2"}, {}, "ArchiveIncomplete"),
        ({"archive": b"1"}, {"sha256": {"part-001": SUM}}, "ArchiveIncomplete"),
    ],
)
def test_an_export_that_is_none_fails(
    kube: Any, world: World, store: MemoryStore, objects: dict[str, bytes], outputs: Json, reason: str
) -> None:
    frozen(kube)
    there = {f"{FOLDER}/{name}": data for name, data in objects.items()}
    runs(kube, OUT, lambda: store.objects.update(there), json.dumps({"outputs": outputs}))
    assert run_job(kube, world, OUT) == FAILED
    assert said(kube, OUT) == human(reason)
    assert kube.outcome(OUT).archive is None
    assert f"{FOLDER}/manifest.json" not in store.objects
    assert secrets_of(kube) == []


def test_nothing_to_export_is_said(kube: Any, world: World, store: MemoryStore) -> None:
    frozen(kube)
    runs(kube, OUT, message=json.dumps({"outputs": {"exported": False}}))
    assert run_job(kube, world, OUT) == DONE
    assert read_manifest(store.objects[f"{FOLDER}/manifest.json"], kube.outcome(OUT).archive).objects == ()


def test_sealing_again_gives_the_same_archive(kube: Any, world: World, store: MemoryStore) -> None:
    frozen(kube)
    runs(kube, OUT, lambda: store.objects.update({f"{FOLDER}/archive": b"1"}))
    run_job(kube, world, OUT)
    first = kube.outcome(OUT).archive
    kube.update(CONFIG_MAPS, "workflows", "acme.production", {"data": {OUT.data_key: kube.outcome(OUT).dump()}})
    assert run_job(kube, world, OUT) == DONE
    assert kube.outcome(OUT).archive == first
    assert len(store.signed) == 1


def test_a_failed_export_is_not_sealed(kube: Any, world: World, store: MemoryStore) -> None:
    frozen(kube)

    def resume(job: Json) -> None:
        store.objects[f"{FOLDER}/archive"] = b"half"
        conditions = [{"type": "Failed", "status": "True", "reason": "BackoffLimitExceeded"}]
        kube.update(JOBS, "billing", NAMES[OUT], {"status": {"conditions": conditions}})

    kube.on_resume = resume
    assert run_job(kube, world, OUT) == FAILED
    assert f"{FOLDER}/manifest.json" not in store.objects
    assert secrets_of(kube) == []


@pytest.mark.parametrize(
    ("trouble", "failure", "reason"),
    [
        (Unavailable("object store s3://box: it does not answer"), FailureClass.TRANSIENT, "ObjectStoreUnavailable"),
        (NotAllowed("object store s3://box: refused"), FailureClass.NEEDS_HUMAN, "ObjectStoreRefused"),
    ],
)
@pytest.mark.parametrize("when", ["before", "after"])
def test_trouble_with_the_object_store(
    kube: Any, world: World, store: MemoryStore, trouble: Exception, failure: FailureClass, reason: str, when: str
) -> None:
    frozen(kube)
    if when == "before":
        store.trouble = trouble
    runs(kube, OUT, lambda: setattr(store, "trouble", trouble))
    assert run_job(kube, world, OUT) == FAILED
    assert said(kube, OUT) == (Result.FAILED, failure, reason)
    copy = kube.one(JOBS, "billing", NAMES[OUT])
    assert (labels.STOPPED in copy["metadata"]["labels"]) is (when == "before")
    assert copy["spec"]["suspend"] is (when == "before")
    assert secrets_of(kube) == []
    assert run_job(kube, world, OUT) == FAILED  # whoever takes the step up again says the same
    assert said(kube, OUT) == (Result.FAILED, failure, reason)


def test_a_region_without_an_object_store_makes_no_copy(kube: Any, store: MemoryStore) -> None:
    frozen(kube)
    bare = read_world({f"TENANTCTL_{name}": value for name, value in ENVIRON.items()})
    assert run_job(kube, bare, OUT) == FAILED
    assert said(kube, OUT) == human("ArchivesNotConfigured")
    assert "tenantctl install --archives URL" in kube.outcome(OUT).message
    assert kube.copies() == []


@pytest.mark.parametrize("text", ["nonsense", '{"private_key": "S3CRET"}'])
def test_credentials_that_are_none_are_never_repeated(
    kube: Any, store: MemoryStore, tmp_path: Any, text: str, capfd: pytest.CaptureFixture[str]
) -> None:
    frozen(kube)
    file = tmp_path / "credentials"
    file.write_text(text)
    more = {"ARCHIVES": "s3://box?region=r", "ARCHIVES_CREDENTIALS": str(file)}
    broken = read_world({f"TENANTCTL_{name}": value for name, value in (ENVIRON | more).items()})
    assert run_job(kube, broken, OUT) == FAILED
    assert said(kube, OUT) == human("ObjectStoreRefused")
    assert "S3CRET" not in capfd.readouterr().out + kube.outcome(OUT).message


def test_what_the_job_could_do_is_remembered_when_it_is_gone(kube: Any, world: World, store: MemoryStore) -> None:
    frozen(kube)
    runs(kube, OUT, lambda: store.objects.update({f"{FOLDER}/archive": b"1"}))
    run_job(kube, world, OUT)
    kube.objects.pop(("jobs", "billing", "billing-lifecycle"))
    kube.objects.pop(("jobs", "billing", NAMES[OUT]))
    assert run_job(kube, world, OUT) == FAILED
    assert said(kube, OUT) == human("LifecycleJobMissing")
    assert kube.outcome(OUT).verbs == ("migrate-in", "migrate-out", "upsert")


# -- migrate-in --------------------------------------------------------------------------------------------------------

SOURCE = "acme/production/6/billing/billing-export/run-0"


def exported(kube: Any, store: MemoryStore, objects: dict[str, bytes], folder: str = SOURCE) -> Archive:
    """An archive that is sealed, and named by the placement."""
    store.objects |= {f"{folder}/{name}": data for name, data in objects.items()}
    manifest = manifest_of(folder, store.list(folder), {})
    store.objects[manifest.archive.key] = manifest.dump()
    named(kube, manifest.archive)
    return manifest.archive


def named(kube: Any, archive: Archive) -> None:
    kube.update(CONFIG_MAPS, "workflows", "acme.production", {"data": {import_key(IN): json.dumps(archive.dump())}})


def test_an_import_is_granted_exactly_what_was_exported(kube: Any, world: World, store: MemoryStore) -> None:
    exported(kube, store, {"archive": b"rows", "part-003": b"more"})
    seen = runs(kube, IN)
    assert run_job(kube, world, IN) == DONE
    (secret,) = seen
    assert secret["stringData"]["url"] == f"https://store/{SOURCE}/archive?signed-for=GET"
    assert secret["stringData"]["parts"] == f"https://store/{SOURCE}/part-003?signed-for=GET\n"
    assert secret["stringData"]["manifest.json"].encode() == store.objects[f"{SOURCE}/manifest.json"]
    assert store.signed == [("GET", [f"{SOURCE}/archive", f"{SOURCE}/part-003"], 3600 + 900)]
    (volume,) = kube.one(JOBS, "billing", NAMES[IN])["spec"]["template"]["spec"]["volumes"]
    paths = [item["path"] for item in volume["projected"]["sources"][1]["secret"]["items"]]
    assert paths == ["import/parts", "import/manifest.json"]
    assert secrets_of(kube) == []


@pytest.mark.parametrize(("objects", "url", "parts"), [({}, "", 0), ({"part-001": b"1"}, "", 1)])
def test_an_archive_without_a_whole(
    kube: Any, world: World, store: MemoryStore, objects: dict[str, bytes], url: str, parts: int
) -> None:
    exported(kube, store, objects)
    seen = runs(kube, IN)
    assert run_job(kube, world, IN) == DONE
    assert seen[0]["stringData"]["url"] == url
    assert seen[0]["stringData"]["parts"].count("\n") == parts


def truncated(store: MemoryStore) -> None:
    store.objects[f"{SOURCE}/archive"] = b"ro"


def swapped(store: MemoryStore) -> None:
    store.objects[f"{SOURCE}/archive"] = b"swor"


def missing(store: MemoryStore) -> None:
    del store.objects[f"{SOURCE}/archive"]


def later(store: MemoryStore) -> None:
    store.objects[f"{SOURCE}/part-001"] = b"late"


def no_manifest(store: MemoryStore) -> None:
    del store.objects[f"{SOURCE}/manifest.json"]


def another_manifest(store: MemoryStore) -> None:
    store.objects[f"{SOURCE}/manifest.json"] += b" "


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (truncated, f"{SOURCE}/archive has 2 bytes, not 4"),
        (swapped, f"{SOURCE}/archive was replaced"),
        (missing, f"{SOURCE}/archive is missing"),
        (later, f"{SOURCE}/part-001 came later"),
        (no_manifest, f"{SOURCE}/manifest.json is missing"),
        (another_manifest, f"{SOURCE}/manifest.json: its sha256 is"),
    ],
)
def test_an_archive_that_is_not_what_was_exported(
    kube: Any, world: World, store: MemoryStore, damage: Any, words: str
) -> None:
    exported(kube, store, {"archive": b"rows"})
    damage(store)
    kube.on_resume = lambda job: pytest.fail("the copy must not run")
    assert run_job(kube, world, IN) == FAILED
    assert said(kube, IN) == human("ArchiveDiffers")
    assert words in kube.outcome(IN).message
    assert kube.outcome(IN).owner == "team@example.com"
    assert labels.STOPPED in kube.one(JOBS, "billing", NAMES[IN])["metadata"]["labels"]
    assert store.signed == []


def test_no_archive_is_named(kube: Any, world: World, store: MemoryStore) -> None:
    assert run_job(kube, world, IN) == FAILED
    assert said(kube, IN) == human("NoArchive")


@pytest.mark.parametrize(
    "folder", ["globex/production/6/billing/b/run-0", "acme/staging/6/billing/b/run-0", "acme/production/6/search/b/r"]
)
def test_another_environments_archive_is_never_imported(
    kube: Any, world: World, store: MemoryStore, folder: str
) -> None:
    exported(kube, store, {"archive": b"rows"}, folder)
    assert run_job(kube, world, IN) == FAILED
    assert said(kube, IN) == human("ArchiveDiffers")
    assert "is not an archive of acme/production and billing" in kube.outcome(IN).message


def test_an_object_store_that_does_not_answer_is_transient(kube: Any, world: World, store: MemoryStore) -> None:
    exported(kube, store, {"archive": b"rows"})
    store.trouble = Unavailable("object store s3://box: it does not answer")
    assert run_job(kube, world, IN) == FAILED
    assert said(kube, IN) == (Result.FAILED, FailureClass.TRANSIENT, "ObjectStoreUnavailable")


def test_every_other_verb_needs_no_object_store(kube: Any, world: World, store: MemoryStore) -> None:
    store.trouble = Unavailable("asked")
    step = Step(Kind.JOB, "upsert", IN.target)
    kube.on_resume = lambda job: kube.update(
        JOBS, "billing", copy_name(step.name, "run-1", step),
        {"status": {"conditions": [{"type": "Complete", "status": "True"}]}},
    )  # fmt: skip
    assert run_job(kube, world, step) == DONE
    assert kube.outcome(step).archive is None
    assert secrets_of(kube) == []


def test_what_another_run_imported_is_not_imported_again(kube: Any, world: World, store: MemoryStore) -> None:
    """By hand, for the placement names its archives to the end: what was written since would be lost."""
    exported(kube, store, {"archive": b"rows"})
    runs(kube, IN)
    assert run_job(kube, world, IN) == DONE
    before = kube.outcome(IN)
    kube.on_resume = lambda job: pytest.fail("a copy ran")
    assert run_job(kube, replace(world, run="by-hand"), IN) == DONE
    assert kube.outcome(IN) == before
    kube.update(CONFIG_MAPS, "workflows", "acme.production", {"data": {"epoch": str(before.epoch + 1)}})
    with pytest.raises(pytest.fail.Exception):
        run_job(kube, replace(world, run="another-epoch"), IN)
