"""`tenantctl run` as far as it comes without a cluster: what it refuses before it begins."""

import socket
from pathlib import Path

import pytest

from reconciler.cli.main import run
from tests.manifests.memory import MemoryKube


@pytest.fixture(autouse=True)
def ground(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("reconciler.adapters.kube.connect", lambda *_: MemoryKube())
    monkeypatch.setattr("reconciler.cli.wiring.connect", lambda *_: MemoryKube())
    monkeypatch.setenv("TENANTCTL_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("TENANTCTL_CREDENTIALS", raising=False)
    monkeypatch.setattr("reconciler.cli.logging_setup.configure_logging", lambda form: None)  # of the whole process


def refusal(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    assert run(["run", "--repository", "https://git.example.com/fleet.git", *words]) == 64
    return capsys.readouterr().err


def test_a_webhook_without_a_folder_for_its_secret_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    said = refusal(capsys, "--listen", "127.0.0.1:0", "--webhook", "127.0.0.1:0")
    assert "--webhook: put a webhook-secret into a folder, and name it: TENANTCTL_CREDENTIALS" in said


@pytest.mark.parametrize("address", ["8080", "host:", "host:http", "127.0.0.1:65536", "127.0.0.1:²"])
@pytest.mark.parametrize("option", ["--listen", "--webhook"])
def test_an_address_that_is_none_is_refused(
    option: str, address: str, capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TENANTCTL_CREDENTIALS", str(tmp_path))
    other = ("--listen", "127.0.0.1:0") if option == "--webhook" else ()
    assert f"{option} {address}: write HOST:PORT" in refusal(capsys, *other, option, address)


def test_an_address_that_somebody_has_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        assert f"--listen {address}: Address already in use" in refusal(capsys, "--listen", address)


def test_credentials_in_no_folder_are_refused(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("TENANTCTL_CREDENTIALS", str(tmp_path / "nowhere"))
    assert "nowhere is no folder; docs/operations.md" in refusal(capsys)
