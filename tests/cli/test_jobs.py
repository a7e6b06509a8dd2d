"""`tenantctl jobs`: lint in all its forms, and the documentation's own example."""

import io
import json
import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from reconciler.cli.main import run
from reconciler.core.errors import NotAllowed, Unavailable, UsageError
from reconciler.core.fleet import REGIONS, regions_text
from reconciler.core.region import Region
from tests.cli.test_environments import Kube as Control

ROOT = Path(__file__).parents[2]
BAD = """\
apiVersion: batch/v1
kind: Job
metadata:
  name: billing-lifecycle
  annotations:
    argocd.argoproj.io/sync-options: Force=true,Replace=true
    collibra.com/tenant.lifecycle: lifecycle.upsrt
    tenantctl.io/owner: team-billing@example.com
spec:
  suspend: true
  activeDeadlineSeconds: 600
  template:
    spec:
      restartPolicy: Never
      containers: [{name: main, image: "x:1"}]
"""
GOOD = BAD.replace("upsrt", "upsert")
LINE = "7:36: error unknown-verb 'lifecycle.upsrt' is no verb; did you mean 'lifecycle.upsert'?"


def test_a_good_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "job.yaml").write_text(GOOD)
    assert run(["jobs", "lint", str(tmp_path / "job.yaml")]) == 0
    assert capsys.readouterr() == ("", "1 lifecycle Job: nothing to mend\n")


def test_folders_are_searched_and_other_kinds_passed_over(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "job.yml").write_text("kind: Service\n---\n" + BAD)
    (tmp_path / "chart.yaml").write_text("{{ if .Values.x }}\n")
    (tmp_path / "notes.md").write_text("collibra.com/tenant.lifecycle: {")
    assert run(["jobs", "lint", str(tmp_path)]) == 1
    out, err = capsys.readouterr()
    chart, found = out.splitlines()
    assert chart.startswith(f"{tmp_path}/chart.yaml:1:2: warning syntax ")
    assert chart.endswith("; render the template first")
    assert found == f"{tmp_path}/deep/job.yml:9:36: " + LINE.split(" ", 1)[1]
    assert err == "1 lifecycle Job: 1 error, 1 warning\n"


def test_json_and_github(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "job.yaml"
    file.write_text(BAD)
    assert run(["jobs", "lint", "-o", "json", str(file)]) == 1
    (found,) = json.loads(capsys.readouterr().out)
    assert (found["path"], found["line"], found["column"], found["level"]) == (str(file), 7, 36, "error")
    assert run(["jobs", "lint", "-o", "github", str(file)]) == 1
    assert capsys.readouterr().out.startswith(f"::error file={file},line=7,col=36,title=unknown-verb::'lifecycle")


def test_warnings_do_not_fail(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "job.yaml").write_text(GOOD.replace("x:1", "x"))
    assert run(["jobs", "lint", "-o", "github", str(tmp_path)]) == 0
    assert capsys.readouterr().out.startswith("::warning ")


def test_standard_input(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr("sys.stdin", SimpleNamespace(buffer=io.BytesIO(BAD.encode())))
    assert run(["jobs", "lint", "-"]) == 1
    assert capsys.readouterr().out == f"<stdin>:{LINE}\n"


@pytest.mark.parametrize("text", ["a: [", "kind: Job\nmetadata:\n  name: [x\n"])
def test_what_is_no_yaml_fails_unless_it_lies_in_a_folder(
    text: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "syn.yaml"
    file.write_text(text)
    assert run(["jobs", "lint", str(file)]) == 1
    out, err = capsys.readouterr()
    assert re.match(rf"{file}:\d+:\d+: error syntax ", out)
    assert "no lifecycle Job" not in err
    monkeypatch.setattr("sys.stdin", SimpleNamespace(buffer=io.BytesIO(text.encode())))
    assert run(["jobs", "lint", "-", "-o", "github"]) == 1
    assert capsys.readouterr().out.startswith("::error file=<stdin>,line=")
    assert run(["jobs", "lint", str(tmp_path)]) == 0
    assert ": warning syntax " in capsys.readouterr().out


@pytest.mark.parametrize("inside", [False, True])
def test_only_jobs_are_discovered(inside: bool, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    notes = {"annotations": {"collibra.com/tenant.lifecycle": "lifecycle.upsert"}}
    job: dict[str, Any] = {"jobTemplate": {"metadata": notes}} if inside else {}
    cron = {"apiVersion": "batch/v1", "kind": "CronJob", "metadata": {} if inside else notes, "spec": job}
    (tmp_path / "cron.yaml").write_text(json.dumps(cron))
    assert run(["jobs", "lint", str(tmp_path)]) == 1
    assert "error wrong-kind a CronJob is never run by tenantctl: only Jobs are discovered" in capsys.readouterr().out


def test_a_template_that_is_not_rendered(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "job.yaml").write_text("{{ if .Values.x }}\n" + BAD)
    assert run(["jobs", "lint", str(tmp_path)]) == 1
    assert "render the template first" in capsys.readouterr().out


def test_another_annotation(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "job.yaml").write_text(BAD.replace("collibra.com/tenant.lifecycle", "example.com/lifecycle"))
    assert run(["jobs", "lint", str(tmp_path)]) == 0
    assert run(["jobs", "lint", "--annotation", "example.com/lifecycle", str(tmp_path)]) == 1
    assert "no lifecycle Job is in here" in capsys.readouterr().err


def test_nothing_there(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["jobs", "lint", "nowhere.yaml"]) == 64
    assert "nowhere.yaml: No such file" in capsys.readouterr().err
    assert run(["jobs", "lint"]) == 64


def test_the_documented_example_keeps_the_contract(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = (ROOT / "docs" / "lifecycle-jobs.md").read_text()
    examples = [block for block in re.findall(r"```yaml\n(.*?)```", text, re.DOTALL) if "kind: Job" in block]
    assert examples
    for number, example in enumerate(examples):
        (tmp_path / f"{number}.yaml").write_text(example)
    assert run(["jobs", "lint", str(tmp_path)]) == 0
    assert capsys.readouterr().out == ""


class Cluster:
    """What `jobs list` asks of a cluster. `trouble`: what it answers instead."""

    def __init__(self, *more: dict[str, Any], trouble: Exception | None = None) -> None:
        self.more, self.trouble = more, trouble

    def list(self, resource: Any, namespace: str | None = None, **query: str) -> Any:
        if self.trouble:
            raise self.trouble
        spaces = [{"metadata": {"name": "billing"}}]
        jobs = [job("billing", "a"), job("wild", "b"), job("billing", "c", suspend=False), {"metadata": {"name": "x"}}]
        jobs += self.more
        return iter(spaces if resource.plural == "namespaces" else [j for j in jobs if namespace in (None, space(j))])

    def close(self) -> None:
        pass


def job(namespace: str, name: str, suspend: bool = True, owner: str = "team@example.com") -> dict[str, Any]:
    notes = {"collibra.com/tenant.lifecycle": "lifecycle.upsert,lifecycle.x", "tenantctl.io/owner": owner}
    return {
        "metadata": {"namespace": namespace, "name": name, "annotations": notes},
        "spec": {"suspend": suspend},
    }


def space(raw: dict[str, Any]) -> str | None:
    found: str | None = raw["metadata"].get("namespace")
    return found


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("reconciler.adapters.kube.connect", lambda *_: Cluster())


@pytest.mark.usefixtures("cluster")
def test_list_says_why_one_would_not_run(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["jobs", "list"]) == 0
    header, a, c, b = capsys.readouterr().out.splitlines()
    assert header.split() == ["NAMESPACE", "NAME", "VERBS", "OWNER", "RUNS"]
    assert a.split() == ["billing", "a", "upsert,x?", "team@example.com", "yes"]
    assert "no: it is not suspended" in c
    assert "no: namespace wild has no label tenantctl.io/lifecycle=enabled" in b


@pytest.mark.usefixtures("cluster")
def test_list_for_programs(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["jobs", "list", "-o", "json", "-n", "wild"]) == 0
    (found,) = json.loads(capsys.readouterr().out)
    assert (found["name"], found["verbs"], found["unknown"], found["runs"]) == ("b", ["upsert"], ["x"], False)
    assert run(["jobs", "list", "-o", "name"]) == 0
    assert capsys.readouterr().out == "billing/a\nbilling/c\nwild/b\n"
    assert run(["jobs", "list", "-o", "wide", "-n", "billing"]) == 0
    header, *rows = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert header[-1] == "HASH"
    assert run(["jobs", "list", "-o", "json", "-n", "billing"]) == 0
    assert [row[-1] for row in rows] == [row["hash"] for row in json.loads(capsys.readouterr().out)]


def test_what_others_wrote_stays_in_its_cell(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    evil = job("evil", "e", owner="x\nbilling   z   upsert   ops   yes\x1b]0;pwn\x07")
    monkeypatch.setattr("reconciler.adapters.kube.connect", lambda *_: Cluster(evil))
    assert run(["jobs", "list", "-n", "evil"]) == 0
    out = capsys.readouterr().out
    assert len(out.splitlines()) == 2
    assert "x\\nbilling   z   upsert   ops   yes\\x1b]0;pwn\\x07" in out


@pytest.fixture
def east() -> Cluster:
    return Cluster(job("wild", "east"))


@pytest.fixture
def fleet(monkeypatch: pytest.MonkeyPatch, east: Cluster) -> Control:
    """Two regions: one in the control plane's cluster, the other in a cluster of its own."""
    control = Control()
    control.objects["fleet"]["data"][REGIONS] = regions_text([Region("eu-west"), Region("us-east", context="east")])
    monkeypatch.setattr(control, "list", Cluster().list)
    monkeypatch.setattr(control, "close", lambda: None, raising=False)
    clusters: dict[tuple[str | None, str | None], Any] = {(None, "files"): control, ("east", "files"): east}

    def connect(*place: str | None) -> Any:
        if place not in clusters:
            raise UsageError(f"no context '{place[0]}' in {place[1]}; it has: east")
        return clusters[place]

    monkeypatch.setattr("reconciler.adapters.kube.connect", connect)
    return control


LIST = ["jobs", "list", "--kubeconfig", "files"]


@pytest.mark.usefixtures("fleet")
def test_the_jobs_of_all_regions(capsys: pytest.CaptureFixture[str]) -> None:
    assert run([*LIST, "--all-regions", "-n", "wild"]) == 0
    header, *rows = [line.split()[:3] for line in capsys.readouterr().out.splitlines()]
    assert header == ["REGION", "NAMESPACE", "NAME"]
    assert rows == [["eu-west", "wild", "b"], ["us-east", "wild", "b"], ["us-east", "wild", "east"]]
    assert run([*LIST, "--region", "us-east", "-o", "json"]) == 0
    assert {row["region"] for row in json.loads(capsys.readouterr().out)} == {"us-east"}
    assert run([*LIST, "--all-regions", "-o", "name"]) == 0
    assert capsys.readouterr().out == "billing/a\nbilling/c\nwild/b\nwild/east\n"
    assert run([*LIST, "-o", "json"]) == 0
    assert {row["region"] for row in json.loads(capsys.readouterr().out)} == {None}, (
        "one cluster, whatever it is called"
    )


def test_a_region_that_is_out_of_reach_is_told(fleet: Control, capsys: pytest.CaptureFixture[str]) -> None:
    fleet.objects["fleet"]["data"][REGIONS] = regions_text([Region("eu-west"), Region("mars", context="mars")])
    assert run([*LIST, "--all-regions", "-o", "name", "-n", "wild"]) == 1
    out, err = capsys.readouterr()
    assert out == "wild/b\n"
    assert "region mars: no context 'mars'" in err


@pytest.mark.usefixtures("fleet")
@pytest.mark.parametrize(
    ("trouble", "said", "alone"),
    [
        (Unavailable("503"), "region us-east does not answer: 503", 1),
        (NotAllowed("you may not list Jobs"), "region us-east: you may not list Jobs", 4),
    ],
)
def test_a_region_that_does_not_let_us_is_told(
    east: Cluster, capsys: pytest.CaptureFixture[str], trouble: Exception, said: str, alone: int
) -> None:
    east.trouble = trouble
    assert run([*LIST, "--all-regions", "-o", "name", "-n", "wild"]) == 1
    out, err = capsys.readouterr()
    assert (out, said in err) == ("wild/b\n", True)
    assert run([*LIST, "--all-regions", "-n", "nowhere"]) == 1
    assert "no lifecycle Jobs" not in capsys.readouterr().err, "that is not known"
    assert run([*LIST, "--region", "us-east"]) == alone


def test_a_cluster_that_lists_no_regions(fleet: Control, capsys: pytest.CaptureFixture[str]) -> None:
    del fleet.objects["fleet"]
    assert run([*LIST, "--all-regions", "-o", "name", "-n", "wild"]) == 0
    out, err = capsys.readouterr()
    assert (out, "no regions are listed here" in err) == ("wild/b\n", True)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--region", "us-eat"], "did you mean 'us-east'"),
        (["--region", "us-east", "--all-regions"], "--all-regions or --region"),
    ],
)
@pytest.mark.usefixtures("fleet")
def test_regions_that_make_no_sense(capsys: pytest.CaptureFixture[str], words: list[str], message: str) -> None:
    assert run([*LIST, *words]) == 64
    assert message in capsys.readouterr().err


@pytest.mark.usefixtures("cluster")
def test_an_empty_list(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["jobs", "list", "-n", "nowhere"]) == 0
    out, err = capsys.readouterr()
    assert (out, "no lifecycle Jobs" in err) == ("", True)
