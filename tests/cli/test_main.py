"""The frame of the command line: help, exit codes, suggestions, and no traceback for anything expected."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from reconciler import __version__
from reconciler.cli.main import COMMANDS, root, run


def tenantctl(*arguments: str, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "reconciler", *arguments]
    return subprocess.run(command, capture_output=True, text=True, cwd=cwd, timeout=60, check=False)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_listed_command_exists_and_explains_itself(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run([name, "--help"]) == 0
    shown = capsys.readouterr().out
    assert shown.startswith(f"Usage: tenantctl {name}")
    assert len(shown.splitlines()) > 4


def test_help_lists_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["--help"]) == 0
    shown = capsys.readouterr().out
    assert all(f"  {name} " in shown for name in COMMANDS)


def test_help_imports_nothing_heavy() -> None:
    heavy = "{'kubernetes', 'git', 'jsonschema', 'argo_workflows', 'yaml', 'rich', 'structlog', 'prometheus_client'}"
    code = (
        f"import sys; from reconciler.cli.main import run; run(['--help']); print(sorted({heavy} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


def test_version() -> None:
    assert tenantctl("version").stdout.strip() == __version__
    assert tenantctl("--version").stdout.strip() == __version__


def test_an_unknown_command_suggests_the_nearest() -> None:
    done = tenantctl("valdate")
    assert done.returncode == 64
    assert "did you mean 'validate'?" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["plan", "--against", "nothing"], 64, "Invalid value"),
        (["get", "environments", "acme"], 64, "write TENANT/ENVIRONMENT"),
        (["describe", "environment"], 64, "Missing argument"),
        (["plan", "--repository", "/nonexistent", "--against", "empty"], 1, "is no git repository"),
        (
            ["get", "environments", "--context", "nowhere", "--kubeconfig", "/dev/null"],
            64,
            "no context 'nowhere' in /dev/null",
        ),
        (["get", "environments", "--kubeconfig", "/nope"], 64, "error: /nope: no such file (--kubeconfig)\n"),
        (["reconcile", "--context", "nowhere"], 64, "name environments, or say --all"),
        (["run", "--repository", "/nonexistent", "--kubeconfig", "/dev/null"], 64, "/dev/null has no current context"),
    ],
)
def test_expected_failures_are_one_clear_line(arguments: list[str], code: int, said: str) -> None:
    done = tenantctl(*arguments)
    assert done.returncode == code, done.stderr
    assert said in done.stderr
    assert done.stderr.startswith("error: ")
    assert "Traceback" not in done.stderr
    assert done.stdout == ""


def test_an_api_server_that_is_not_there_is_one_clear_line(tmp_path: Path) -> None:
    kubeconfig = tmp_path / "config"
    kubeconfig.write_text(
        "apiVersion: v1\nkind: Config\ncurrent-context: x\n"
        "clusters: [{name: x, cluster: {server: 'http://127.0.0.1:9'}}]\n"
        "users: [{name: x, user: {}}]\ncontexts: [{name: x, context: {cluster: x, user: x}}]\n"
    )
    done = tenantctl("get", "environments", "--kubeconfig", str(kubeconfig))
    assert done.returncode == 1
    assert done.stderr == "error: context x: http://127.0.0.1:9 does not answer: connection refused\n"
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("words", [[], ["get"], ["jobs"]])
def test_a_group_alone_shows_its_help(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run(words) == 0
    out, err = capsys.readouterr()
    assert out.startswith("Usage: tenantctl")
    assert err == ""


def test_a_full_disk_is_one_clear_line() -> None:
    command = f"{sys.executable} -m reconciler plan --against empty > /dev/full"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr.splitlines()[-1]) == (1, "error: cannot write: No space left on device")
    assert "Traceback" not in done.stderr
    assert "Exception" not in done.stderr


def test_output_into_a_closed_pipe_is_no_error() -> None:
    command = f"{sys.executable} -m reconciler plan --against empty -o json | head -c 10"
    done = subprocess.run(["bash", "-o", "pipefail", "-c", command], capture_output=True, text=True, check=False)
    assert "Traceback" not in done.stderr
    assert "BrokenPipe" not in done.stderr


@pytest.mark.parametrize(
    ("words", "code"),
    [("version >&-", 0), ("--help >&- 2>&-", 0), ("validate /nonexistent 2>&-", 64), ("version <&- >&- 2>&-", 0)],
)
def test_a_closed_stream_is_one_that_nobody_reads(words: str, code: int) -> None:
    command = f"{sys.executable} -m reconciler {words}"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (code, "")


@pytest.mark.parametrize(("encoding", "shown"), [("latin-1", "acm\xe9"), ("utf-8:strict", "acm\\udce9")])
def test_what_the_encoding_lacks_is_written_out(encoding: str, shown: str, tmp_path: Path) -> None:
    folder = tmp_path / os.fsdecode(b"acm\xe9" if encoding != "latin-1" else "acm\xe9".encode())
    folder.mkdir()
    assert tenantctl("new", "fleet", "--region", "eu-west", cwd=folder).returncode == 0
    (folder / "tenants/\u2192").write_text("")
    environment = os.environ | {"PYTHONIOENCODING": encoding}
    command = [sys.executable, "-m", "reconciler", "validate", str(folder)]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, env=environment, check=False)
    assert done.returncode == 3, done.stderr
    assert f"{shown}/tenants/" in done.stdout.decode(encoding.partition(":")[0])


def test_without_git_it_says_so(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "reconciler", "plan", "--against", "empty"]
    environment = os.environ | {"PATH": str(tmp_path)}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    assert (done.returncode, done.stderr) == (1, "error: there is no git; install it, or put it on PATH\n")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["schema", "--export", "file/schemas"], "error: file/schemas: Not a directory"),
        (["codeowners", "--write"], ".github: File exists"),
        (["new", "tenant", "globex"], "tenants/globex: Not a directory"),
    ],
)
def test_what_the_system_refuses_is_one_clear_line(words: list[str], said: str, tmp_path: Path) -> None:
    assert tenantctl("new", "fleet", "--region", "eu-west", cwd=tmp_path).returncode == 0
    for name in ("file", ".github"):
        (tmp_path / name).write_text("")
    if words[0] == "new":
        (tmp_path / "tenants/.gitkeep").unlink()
        (tmp_path / "tenants").rmdir()
        (tmp_path / "tenants").write_text("")
    done = tenantctl(*words, cwd=tmp_path)
    assert done.returncode == 1, done.stderr
    assert said in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_a_folder_that_is_gone_is_one_clear_line(tmp_path: Path) -> None:
    command = (
        f"mkdir {tmp_path}/gone; cd {tmp_path}/gone; rmdir {tmp_path}/gone; {sys.executable} -m reconciler validate"
    )
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr == "error: the folder that you are in is not there any more; change to another\n"


def test_completion_says_nothing_about_a_wrong_command() -> None:
    environment = os.environ | {
        "_TENANTCTL_COMPLETE": "bash_complete", "COMP_WORDS": "tenantctl valdate --", "COMP_CWORD": "2"
    }  # fmt: skip
    command = [sys.executable, "-m", "reconciler"]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    assert done.stderr == ""


def test_the_root_names_no_command_without_a_module() -> None:
    assert set(root.list_commands(None)) == set(COMMANDS)  # type: ignore[arg-type]
