"""`tenantctl get rollouts`: counted from what a cluster holds, as the reconciler counts it."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from reconciler.cli.main import run
from reconciler.core import labels, placement
from reconciler.core.action import HoldReason
from reconciler.core.condition import READY, STALLED, Condition
from reconciler.core.fleet import REGIONS, regions_text
from reconciler.core.lifecycle_job import job_hash
from reconciler.core.mark import Mark
from reconciler.core.names import Key
from reconciler.core.outcome import Result
from reconciler.core.record import config_map_of
from reconciler.core.region import Region
from reconciler.core.step import Step
from tests.controller.life import lifecycle_job
from tests.core.fleet import declaration, outcome, placed, record

Json = dict[str, Any]
STEP = Step.parse("job/upsert/billing/lifecycle")
HASH = job_hash(lifecycle_job("billing", 2)["spec"])
WORKFLOWS = "tenantctl-workflows"


class Kube:
    """A cluster with a control plane, one region and one Job of a service that takes part."""

    def __init__(self) -> None:
        self.jobs = [lifecycle_job("billing", 2), lifecycle_job("rogue", 1)]
        self.placements: list[Json] = []
        self.records: list[Json] = []
        self.fleet: Json | None = None
        self.closed = False

    def add(
        self, name: str, result: Result | None = None, *, ring: int = 0, recorded: bool = True, **said: Any
    ) -> None:
        of = declaration(Key("acme", name), ring=ring)
        raw = placement.config_map_of(placed(of), WORKFLOWS)
        done = outcome(STEP, of, HASH, result=result) if result else outcome(STEP, of, "the version before")
        raw["data"][STEP.data_key] = done.dump()
        self.placements.append(raw)
        if recorded:
            self.records.append(config_map_of(record(of, **said), labels.CONTROL_NAMESPACE))

    def list(self, resource: Any, namespace: str | None = None, labelSelector: str = "") -> Iterator[Json]:
        found = {
            ("jobs", None): self.jobs,
            ("namespaces", None): [{"metadata": {"name": "billing"}}],
            ("configmaps", WORKFLOWS): self.placements,
            ("configmaps", labels.CONTROL_NAMESPACE): self.records,
        }
        return iter(found[resource.plural, namespace])

    def find(self, resource: Any, namespace: str, name: str) -> Json | None:
        return self.fleet

    def close(self) -> None:
        self.closed = True


@pytest.fixture
def kube(monkeypatch: pytest.MonkeyPatch) -> Kube:
    made = Kube()
    monkeypatch.setattr("reconciler.adapters.kube.connect", lambda *_: made)
    return made


def shown(capsys: pytest.CaptureFixture[str], *words: str) -> Json:
    """The only rollout there is."""
    assert run(["get", "rollouts", "-o", "json", *words]) == 0
    (found,) = json.loads(capsys.readouterr().out)
    return found


def numbers(found: Json) -> tuple[int, ...]:
    return tuple(found[name] for name in ("environments", "done", "failed", "running", "waiting", "held"))


def test_a_rollout_is_shown_as_people_read_it(kube: Kube, capsys: pytest.CaptureFixture[str]) -> None:
    for name, result in {"a": Result.SUCCEEDED, "b": Result.FAILED, "c": Result.RUNNING, "d": None}.items():
        kube.add(name, result)
    assert run(["get", "rollouts"]) == 0
    header, row = capsys.readouterr().out.splitlines()
    assert " ".join(header.split()) == "REGION JOB HASH ENVIRONMENTS DONE FAILED RUNNING WAITING WAVE STATE"
    assert row.split() == ["eu-west", "billing/lifecycle", HASH[:7], "4", "1", "1", "1", "1", "2", "Rolling"]
    assert kube.closed


def test_wide_says_who_failed_and_how_many_may(kube: Kube, capsys: pytest.CaptureFixture[str]) -> None:
    for number in range(7):
        kube.add(f"e{number}", Result.FAILED)
    assert run(["get", "rollouts", "-o", "wide"]) == 0
    header, row = capsys.readouterr().out.splitlines()
    assert header.endswith("HELD   FAILURES ALLOWED   OWNER   FAILED IN")
    assert row.endswith("0      2                  -       acme/e0,acme/e1,acme/e2,acme/e3,acme/e4 and 2 more")


@pytest.mark.parametrize(
    ("results", "state", "wave"),
    [
        ([None, None], "Rolling", 1),
        ([Result.RUNNING], "Rolling", 1),
        ([Result.FAILED, None], "Halted", 1),
        ([Result.SUCCEEDED, Result.FAILED, Result.FAILED, None], "Halted", 2),
        ([Result.SUCCEEDED, Result.SUCCEEDED], "Complete", 2),
        ([Result.SUCCEEDED, Result.FAILED], "Complete", 2),
        ([], "Complete", 0),
    ],
    ids=str,
)
def test_how_it_goes_on(
    kube: Kube, results: list[Result | None], state: str, wave: int, capsys: pytest.CaptureFixture[str]
) -> None:
    for number, result in enumerate(results):
        kube.add(f"e{number}", result)
    found = shown(capsys)
    assert (found["state"], found["wave"]) == (state, wave)


def test_who_takes_no_part_and_who_is_held(kube: Kube, capsys: pytest.CaptureFixture[str]) -> None:
    halted = (Condition(READY, False, "x", ""), Condition(STALLED, True, HoldReason.ROLLOUT_HALTED, ""))
    stalled = (Condition(READY, False, "x", ""), Condition(STALLED, True, HoldReason.INVALID_DECLARATION, ""))
    kube.add("a", applied_digest="another")
    kube.add("b", recorded=False)
    kube.add("c", pause=Mark(by="ada").dump())
    kube.add("d", conditions=stalled)
    kube.add("e", conditions=halted)
    found = shown(capsys)
    assert numbers(found) == (3, 0, 0, 0, 3, 2)
    assert found["state"] == "Rolling"


def test_a_suspension_of_many_counts(kube: Kube, capsys: pytest.CaptureFixture[str]) -> None:
    kube.fleet = {"metadata": {"name": "fleet"}, "data": {"pause.region.eu-west": "incident"}}
    kube.add("a")
    assert numbers(shown(capsys)) == (1, 0, 0, 0, 1, 1)


def test_a_region_without_a_control_plane_is_counted_and_it_says_what_is_not_known(
    kube: Kube, capsys: pytest.CaptureFixture[str]
) -> None:
    kube.add("a", recorded=False)
    kube.add("b", Result.SUCCEEDED, recorded=False)
    assert run(["get", "rollouts", "-o", "json"]) == 0
    captured = capsys.readouterr()
    assert numbers(json.loads(captured.out)[0]) == (2, 1, 0, 0, 1, 0)
    assert "no records are here" in captured.err


def test_what_is_damaged_is_said_and_left_out(kube: Kube, capsys: pytest.CaptureFixture[str]) -> None:
    kube.add("a")
    kube.add("b")
    kube.placements[1]["data"]["epoch"] = "broken"
    assert run(["get", "rollouts", "-o", "json"]) == 0
    captured = capsys.readouterr()
    assert json.loads(captured.out)[0]["environments"] == 1
    assert "left out: placement acme.b" in captured.err


@pytest.mark.parametrize(
    ("words", "names"),
    [
        ([], ["billing/lifecycle"]),
        (["billing/lifecycle"], ["billing/lifecycle"]),
        (["billing/other"], []),
        (["--halted"], []),
    ],
    ids=str,
)
def test_names_and_what_is_chosen(
    kube: Kube, words: list[str], names: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    kube.add("a")
    assert run(["get", "rollout", "-o", "name", *words]) == 0
    assert capsys.readouterr().out.split() == names


def test_an_empty_list_says_why(kube: Kube, capsys: pytest.CaptureFixture[str]) -> None:
    kube.add("a")
    assert run(["get", "rollouts", "--halted"]) == 0
    assert "no rollout is like that" in capsys.readouterr().err
    kube.jobs = []
    assert run(["get", "rollouts"]) == 0
    assert "tenantctl jobs list" in capsys.readouterr().err


def test_those_of_all_regions_are_counted_with_the_control_planes_records(
    kube: Kube, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    east = Kube()
    east.add("far", Result.SUCCEEDED)
    of = record(declaration(Key("acme", "far")), region="us-east")
    kube.records = [config_map_of(of, labels.CONTROL_NAMESPACE)]
    kube.add("near", Result.SUCCEEDED)
    kube.fleet = {"data": {REGIONS: regions_text([Region("eu-west"), Region("us-east", context="east")])}}
    monkeypatch.setattr("reconciler.adapters.kube.connect", lambda context, _: {None: kube, "east": east}[context])
    assert run(["get", "rollouts"]) == 0
    out, err = capsys.readouterr()
    assert [(row.split()[0], row.split()[4]) for row in out.splitlines()[1:]] == [("eu-west", "1"), ("us-east", "1")]
    assert err == ""
    assert shown(capsys, "--region", "us-east")["region"] == "us-east"
