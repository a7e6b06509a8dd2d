"""`tenantctl new`: valid files from nothing, by flags and by questions, and nothing is ever overwritten."""

import os
import subprocess
import sys
from pathlib import Path

import click
import pytest

from reconciler.adapters import files
from reconciler.cli.main import run
from reconciler.core.names import Key

ACME = Key("acme", "production")


@pytest.fixture
def empty(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A new work tree, which is the current folder."""
    (tmp_path / ".git").mkdir()
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def fleet(empty: Path) -> Path:
    """One with two regions and a tenant."""
    assert run(["new", "fleet", "--region", "eu-west", "--region", "us-east=us"]) == 0
    assert run(["new", "tenant", "acme", "--owner", "@example/acme"]) == 0
    return empty


def test_a_repository_from_nothing_is_valid(fleet: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["--region", "eu-west", "--tier", "premium", "--service", "billing", "--parameter", "seats=250"]
    more = ["--parameter", "locale=nl-BE", "--not-protected", "--expires-at", "2030-01-31T00:00:00Z"]
    capsys.readouterr()
    assert run(["new", "environment", str(ACME), *words, *more]) == 0
    assert capsys.readouterr().out == "tenants/acme/production.yaml\n"
    desired = files.desired(fleet)
    assert desired.findings == ()
    declared = desired.environments[ACME]
    assert (declared.region, declared.tier, declared.services) == ("eu-west", "premium", ("billing",))
    assert declared.parameters == {"seats": 250, "locale": "nl-BE"}
    assert declared.policy.deletion_protection is False
    (line,) = [line for line in (fleet / "tenants/acme/production.yaml").read_text().splitlines() if "deletion" in line]
    assert "nothing is taken away" not in line
    assert desired.regions["us-east"].context == "us"
    assert run(["schema", "--check", "schemas"]) == 0


def test_from_a_folder_below_it_goes_to_the_root(fleet: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(fleet / "tenants/acme")
    assert run(["new", "environment", "acme/staging", "--region", "eu-west"]) == 0
    assert (fleet / "tenants/acme/staging.yaml").is_file()


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["tenant", "acme"], 6, "tenants/acme/tenant.yaml is there already; edit it"),
        (["tenant", "Acme"], 64, "'Acme' is no name of a tenant"),
        (["environment", "globex/production"], 64, "first: tenantctl new tenant globex"),
        (["environment", "acme/production", "--parameter", "a=1", "--parameter", "a=2"], 64, "'a' is said twice"),
        (["fleet", "--region", "a", "--region", "a=b"], 64, "'a' is said twice"),
        (["tenant", "globex", "--owner", "#x@example.com"], 3, "owners is not allowed; write an e-mail address"),
        (["environment", "acme/production"], 3, "'region' is missing"),
        (["environment", "acme/production", "--region", "mars"], 3, "'mars' is not one of eu-west, us-east"),
        (["environment", "acme/production", "--region", "eu-west", "--parameter", "x"], 64, "write NAME=VALUE"),
        (["environment", "acme/x", "--parameter", "v=1.10"], 64, """in a shell: --parameter 'v="1.10"'"""),
        (["environment", "acme/x", "--parameter", "v=no"], 64, "is a boolean to some readers"),
        (
            ["fleet", "--region", "eu-west", "--region", "mars=m"],
            6,
            "add to its regions:\n    - {name: mars, context: m}\n",
        ),
        (
            ["environment", "acme/production", "--region", "eu-west", "--parameter", "X=1"],
            3,
            "begin with a small letter",
        ),
        (["environment", "acme"], 64, "write TENANT/ENVIRONMENT"),
        (["tenant", "globex", "--region", "mars"], 3, "'mars' is not one of"),
        (["fleet"], 64, "--region"),
    ],
)
def test_what_would_be_wrong_is_said_and_not_written(
    fleet: Path, words: list[str], code: int, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    before = {path: path.read_bytes() for path in fleet.rglob("*") if path.is_file()}
    assert run(["new", *words]) == code
    assert said in capsys.readouterr().err
    assert {path: path.read_bytes() for path in fleet.rglob("*") if path.is_file()} == before


@pytest.mark.parametrize("link", ["tenants", "tenants/globex"])
def test_no_link_leads_it_out_of_the_repository(
    link: str, empty: Path, tmp_path_factory: pytest.TempPathFactory, capsys: pytest.CaptureFixture[str]
) -> None:
    outside = tmp_path_factory.mktemp("outside")
    (empty / link).parent.mkdir(exist_ok=True)
    (empty / link).symlink_to(outside)
    assert run(["new", "tenant", "globex"]) == 6
    assert "is, or is behind, a symbolic link" in capsys.readouterr().err
    assert list(outside.iterdir()) == []


def test_what_is_no_text_is_said_and_leaves_no_file(fleet: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["new", "environment", str(ACME), "--region", "eu-west", "--parameter", "a=\udcff"]) == 64
    assert "is not UTF-8" in capsys.readouterr().err
    assert not (fleet / "tenants/acme/production.yaml").exists()


def test_a_disk_that_is_full_leaves_no_half_of_a_file(fleet: Path) -> None:
    words = f"new environment {ACME} --region eu-west --parameter a={'x' * 2000}"
    command = f"ulimit -f 1; trap '' XFSZ; {sys.executable} -m reconciler {words}"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (1, "error: cannot write: File too large\n")
    assert not (fleet / "tenants/acme/production.yaml").exists()


def test_regions_that_cannot_be_read_are_left_to_validate(fleet: Path) -> None:
    (fleet / "providers/regions.yaml").write_text("garbage")
    assert run(["new", "fleet", "--region", "mars"]) == 0
    assert (fleet / "providers/regions.yaml").read_text() == "garbage"


@pytest.mark.parametrize("folder", ["tenants", "tenants/acme", "providers"])
def test_no_fleet_is_made_inside_of_a_fleet(
    fleet: Path, folder: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    before = sorted(fleet.rglob("*"))
    monkeypatch.chdir(fleet / folder)
    assert run(["new", "fleet", "--region", "eu-west"]) == 6
    assert f"the declarations of {fleet} are here already" in capsys.readouterr().err
    assert sorted(fleet.rglob("*")) == before


def test_what_is_written_means_what_was_typed(fleet: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = [word for text in ('v="1.10"', "n=5", "t=true", 's="5"') for word in ("--parameter", text)]
    assert run(["new", "environment", str(ACME), "--region", "eu-west", *words]) == 0
    assert files.desired(fleet).environments[ACME].parameters == {"v": "1.10", "n": 5, "t": True, "s": "5"}


def test_a_second_fleet_leaves_what_is_there(fleet: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (fleet / ".vscode/settings.json").write_text("{}")
    (fleet / "schemas/tenant.v1.json").unlink()
    capsys.readouterr()
    assert run(["new", "fleet", "--region", "eu-west"]) == 0
    out, err = capsys.readouterr()
    assert out == "schemas/tenant.v1.json\n"
    assert "providers/regions.yaml is there already: left as it is" in err
    assert (fleet / ".vscode/settings.json").read_text() == "{}"


def test_a_bad_region_of_a_new_fleet_writes_nothing(empty: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["new", "fleet", "--region", "Eu West"]) == 3
    assert "nothing was written" in capsys.readouterr().err
    assert [path for path in empty.rglob("*") if path.is_file()] == []


def test_on_a_terminal_it_asks(fleet: Path) -> None:
    main, terminal = os.openpty()
    with os.fdopen(main, "r+b", buffering=0) as keyboard:
        asking = subprocess.Popen(
            [sys.executable, "-m", "reconciler", "new", "environment", "acme/production"],
            cwd=fleet, stdin=terminal, stdout=subprocess.PIPE, stderr=terminal, text=True,
        )  # fmt: skip
        os.close(terminal)
        keyboard.write(b"us-east\npremium\nbilling, search\n")
        out, _ = asking.communicate(timeout=60)
        assert asking.returncode == 0
    assert out == "tenants/acme/production.yaml\n"
    declared = files.desired(fleet).environments[ACME]
    assert (declared.region, declared.tier, declared.services) == ("us-east", "premium", ("billing", "search"))


def test_questions_say_what_can_be_answered(fleet: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def prompt(question: str, default: str = "", **_: object) -> str:
        asked.append(question)
        return default

    monkeypatch.setattr("reconciler.cli.new._asks", lambda: True)
    monkeypatch.setattr("click.prompt", prompt)
    assert run(["new", "tenant", "globex"]) == 0
    assert asked[-1] == "Region of its environments (eu-west, us-east; empty: each says its own)"
    assert run(["new", "environment", str(ACME), "--region", "eu-west"]) == 0
    assert "Tier (empty: the tenant's default)" in asked


def test_an_interrupted_question_leaves_the_line(
    fleet: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise click.Abort

    capsys.readouterr()
    monkeypatch.setattr("reconciler.cli.new._asks", lambda: True)
    monkeypatch.setattr("click.prompt", interrupted)
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    assert run(["new", "tenant", "globex"]) == 130
    assert capsys.readouterr().err == "\n"
