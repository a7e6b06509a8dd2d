"""`tenantctl admin list`: what all regions offer, who owns it, and who uses it; silence is not emptiness."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from reconciler.adapters.kube.resources import CONFIG_MAPS, JOBS, NAMESPACES
from reconciler.cli.main import run
from reconciler.core import labels
from reconciler.core.desired import Desired
from reconciler.core.errors import Unavailable
from reconciler.core.names import Key
from reconciler.core.placement import State, config_map_of, placement_of
from reconciler.core.region import Region
from tests.core.fleet import declaration

Json = dict[str, Any]
ACME, GLOBEX, FROZEN = Key("acme", "production"), Key("globex", "production"), Key("acme", "frozen")


class Kube:
    """A region: its namespaces, Jobs and placements."""

    def __init__(self, *jobs: Json) -> None:
        self.jobs, self.silent = jobs, False

    def list(self, resource: Any, namespace: str | None = None, **query: Any) -> Iterator[Json]:
        if self.silent:
            raise Unavailable("no answer")
        billing = placement_of(declaration(ACME, services=["billing"]), "c", 1)
        everything = placement_of(declaration(GLOBEX), "c", 1)
        frozen = placement_of(declaration(FROZEN), "c", 1)
        object.__setattr__(frozen, "state", State.FROZEN)
        broken = {"metadata": {"name": "x.y"}, "data": {}}
        placements = [*(config_map_of(each, "w") for each in (everything, billing, frozen)), broken]
        spaces = [{"metadata": {"name": name}} for name in ("billing", "search")]
        return iter({NAMESPACES: spaces, JOBS: list(self.jobs), CONFIG_MAPS: placements}[resource])


def job(namespace: str, name: str, verbs: str, owner: str = "") -> Json:
    notes = {labels.VERBS_ANNOTATION: verbs} | ({labels.OWNER: owner} if owner else {})
    return {"metadata": {"namespace": namespace, "name": name, "annotations": notes}, "spec": {"suspend": True}}


REGIONS = {name: Region(name) for name in ("eu-west", "us-east")}


@pytest.fixture
def clusters(monkeypatch: pytest.MonkeyPatch) -> dict[str, Kube]:
    made = {
        "eu-west": Kube(
            job("billing", "lifecycle", "lifecycle.upsert,admin.reindex,admin.dump-stats", "team-billing"),
            job("search", "lifecycle", "admin.reindex"),
            job("wild", "lifecycle", "admin.reindex"),
            job("billing", "other", "lifecycle.upsert"),
        ),
        "us-east": Kube(),
    }
    monkeypatch.setattr("reconciler.cli.wiring.read_desired", lambda *_: Desired("c", {}, REGIONS, ()))
    monkeypatch.setattr("reconciler.cli.wiring.region_cluster", lambda place, control, region: made[region.name])
    monkeypatch.setattr("reconciler.cli.wiring.connect", lambda *_: None)
    return made


def test_as_a_table(clusters: dict[str, Kube], capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["admin", "list"]) == 0
    out, err = capsys.readouterr()
    rows = [line.split(maxsplit=6) for line in out.splitlines()]
    assert rows == [
        ["NAME", "REGION", "NAMESPACE", "JOB", "OWNER", "ENVIRONMENTS", "RUNS"],
        ["dump-stats", "eu-west", "billing", "lifecycle", "team-billing", "2", "yes"],
        ["reindex", "eu-west", "billing", "lifecycle", "team-billing", "2", "yes"],
        ["reindex", "eu-west", "search", "lifecycle", "-", "1", "yes"],
        ["reindex", "eu-west", "wild", "lifecycle", "-", "1", rows[4][6]],
    ]
    assert rows[4][6].startswith("no: namespace wild has no label")
    assert err == ""


def test_for_programs(clusters: dict[str, Kube], capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["admin", "list", "--region", "eu-west", "-o", "json"]) == 0
    first = json.loads(capsys.readouterr().out)[0]
    assert first == {
        "name": "dump-stats", "region": "eu-west", "namespace": "billing", "job": "lifecycle", "owner": "team-billing",
        "environments": ["acme/production", "globex/production"], "runs": True, "reasons": [],
    }  # fmt: skip
    assert run(["admin", "list", "-o", "name"]) == 0
    assert capsys.readouterr().out == "dump-stats\nreindex\n"
    assert run(["admin", "list", "-o", "yaml"]) == 0
    assert capsys.readouterr().out.startswith("- name: dump-stats\n")


def test_none(clusters: dict[str, Kube], capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["admin", "list", "--region", "us-east"]) == 0
    out, err = capsys.readouterr()
    assert (out, err.startswith("no admin processes; ")) == ("", True)


def test_a_region_that_does_not_answer_makes_it_incomplete(
    clusters: dict[str, Kube], capsys: pytest.CaptureFixture[str]
) -> None:
    clusters["us-east"].silent = True
    assert run(["admin", "list", "-o", "name"]) == 1
    out, err = capsys.readouterr()
    assert (out, err) == ("dump-stats\nreindex\n", "region us-east does not answer: no answer\n")
    clusters["eu-west"].silent = True
    assert run(["admin", "list"]) == 1
    assert "no admin processes" not in capsys.readouterr().err


def test_an_unknown_region(clusters: dict[str, Kube], capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["admin", "list", "--region", "eu-wst"]) == 64
    assert "known are eu-west, us-east; did you mean 'eu-west'?" in capsys.readouterr().err


def test_no_regions(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr("reconciler.cli.wiring.read_desired", lambda *_: Desired("c", {}, {}, ()))
    assert run(["admin", "list"]) == 1
    assert "no regions are listed" in capsys.readouterr().err
