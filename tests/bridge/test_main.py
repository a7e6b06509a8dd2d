"""The bridge's command line: exit codes that Argo's retryStrategy reads, and a start that stays cheap."""

import subprocess
import sys

import pytest

from reconciler.bridge import __main__ as bridge
from reconciler.core.errors import TenantctlError, Unavailable, UsageError

STEP = ["step", "job", "upsert/billing/billing-lifecycle"]


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"TENANT": "acme", "ENVIRONMENT": "p", "RUN": "r", "NAMESPACE": "w"}.items():
        monkeypatch.setenv(f"TENANTCTL_{name}", value)


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (TenantctlError("no"), 1),
        (Unavailable("no answer"), 75),
        (UsageError("what?"), 64),
        (RuntimeError("a fault of ours"), 75),
    ],
)
def test_exit_codes(
    error: Exception, code: int, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def fail(*_: object) -> int:
        raise error

    monkeypatch.setattr(bridge, "_run", fail)
    assert bridge.main(STEP) == code
    assert str(error) in capfd.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["step", "resource", "upsert/pets/bark"], 1, "not supported by this version"),
        (["step", "job", "upsert/a"], 64, "is no step"),
        (["step", "removal", "upsert/a/b"], 64, "is no step"),
        (["discover", "--verb", "admin."], 64, "'admin.' is no verb"),
        (["discover", "--verb", "reindex"], 64, "'reindex' is no verb; known are upsert"),
        (["discover", "--verb", "admin.{{workflow.parameters.name}}"], 64, "is no verb"),
    ],
)
def test_what_is_not_done(arguments: list[str], code: int, words: str, capfd: pytest.CaptureFixture[str]) -> None:
    assert bridge.main(arguments) == code
    assert words in capfd.readouterr().out


def test_start_up_imports_nothing_heavy() -> None:
    heavy = "{'click', 'rich', 'kubernetes', 'urllib3', 'jsonschema', 'argo_workflows', 'git'}"
    code = f"import sys, reconciler.bridge.__main__; sys.exit(repr({heavy} & set(sys.modules)))"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert found.stderr.strip() == "set()"
