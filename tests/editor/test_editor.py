"""What an author sees in an editor: fields are completed and explained, mistakes are marked, by our schemas."""

import json
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from reconciler.core.names import Key
from reconciler.core.schema import Kind, schema
from reconciler.core.skeleton import NewEnvironment, NewTenant
from tests.editor.server import SECONDS, Editor, editing

ROOT = Path(__file__).parents[2]
PRODUCTION = "tenants/acme/production.yaml"
HEAD = """\
# yaml-language-server: $schema=../../schemas/tenant-environment.v1.json
apiVersion: tenantctl.io/v1
kind: TenantEnvironment
metadata: {name: production, tenant: acme}
spec:
"""
YAML = {"validate": True, "completion": True, "hover": True, "schemaStore": {"enable": False}}
FIELDS = set(schema(Kind.ENVIRONMENT)["properties"]["spec"]["properties"])


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("fleet")
    for part in ("tenants", "providers", "schemas"):
        shutil.copytree(ROOT / part, root / part)
    return root


@pytest.fixture(scope="module")
def editor(fleet: Path) -> Iterator[Editor]:
    """An editor that knows of our schemas by nothing but the files' first lines."""
    with editing(fleet, {"yaml": YAML}) as opened:
        yield opened


@pytest.fixture(scope="module")
def vscode(fleet: Path) -> Iterator[Editor]:
    """An editor that has the workspace's settings."""
    settings = json.loads((ROOT / ".vscode/settings.json").read_text())
    with editing(fleet, {"yaml": YAML | {"schemas": settings["yaml.schemas"]}}) as opened:
        yield opened


def completed(editor: Editor, path: str, text: str) -> dict[str, Any]:
    """What is offered at the end of a text, by label."""
    lines = text.split("\n")
    uri = editor.open(path, text)
    found = editor.at("completion", uri, len(lines) - 1, len(lines[-1]))
    return {item["label"]: item for item in found["items"]}


def test_fields_are_completed_with_their_explanation(editor: Editor) -> None:
    offered = completed(editor, PRODUCTION, f"{HEAD}  tier: premium\n  ")
    assert set(offered) >= FIELDS - {"tier"}
    assert "tier" not in offered, "what is there already is not offered again"
    assert "A region of providers/regions.yaml." in str(offered["region"]["documentation"])


def test_values_are_completed(editor: Editor) -> None:
    assert set(completed(editor, PRODUCTION, f"{HEAD}  state: ")) >= {"Active", "Decommissioned"}
    assert set(completed(editor, PRODUCTION, f"{HEAD}  deletionProtection: ")) >= {"true", "false"}
    assert "standard" in completed(editor, PRODUCTION, f"{HEAD}  tier: "), "the default and the examples"


def test_a_field_is_explained(editor: Editor) -> None:
    uri = editor.open(PRODUCTION, f"{HEAD}  deletionProtection: true\n")
    shown = editor.at("hover", uri, 5, 6)["contents"]["value"]
    assert "While true nothing is taken away" in shown.replace("\\", "")


def test_mistakes_are_marked_at_their_line(editor: Editor) -> None:
    found = editor.complaints(PRODUCTION, f"{HEAD}  regoin: eu-west\n  ring: first\n  state: Gone\n")
    assert found[0] == "6: Property regoin is not allowed."
    assert any(each.startswith('7: Incorrect type. Expected "integer"') for each in found)
    assert any(each.startswith("8: ") and "Decommissioned" in each for each in found)


def test_a_newer_version_is_marked(editor: Editor) -> None:
    text = HEAD.replace("io/v1", "io/v2") + "  region: eu-west\n"
    assert [each.partition(":")[0] for each in editor.complaints(PRODUCTION, text)] == ["2"]


@pytest.mark.parametrize("path", sorted(str(path.relative_to(ROOT)) for path in ROOT.glob("tenants/*/*.yaml")))
def test_the_sample_fleet_has_no_complaints(editor: Editor, path: str) -> None:
    assert editor.complaints(path) == []


def test_what_new_writes_has_no_complaints(editor: Editor) -> None:
    key = Key("acme", "trial")
    environment = NewEnvironment(key, "eu-west", "premium", ("billing",), (("seats", 5), ("zip", "0123")), False)
    assert editor.complaints("tenants/acme/trial.yaml", environment.text) == []
    assert editor.complaints("tenants/initech/tenant.yaml", NewTenant("initech", "X: y", ("@a/b",), 1).text) == []


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("tenants/new/production.yaml", "TenantEnvironment"),
        ("tenants/new/tenant.yaml", "Tenant"),
        ("providers/regions.yaml", "RegionList"),
        ("providers/pets/provider.yaml", "Provider"),
    ],
)
def test_by_the_workspaces_settings_every_file_has_its_schema(vscode: Editor, path: str, kind: str) -> None:
    deadline = time.monotonic() + SECONDS
    offered: set[str] = set()
    while not offered and time.monotonic() < deadline:  # the server takes its settings in while it answers already
        offered = set(completed(vscode, path, "apiVersion: tenantctl.io/v1\nkind: "))
    assert offered == {kind}
