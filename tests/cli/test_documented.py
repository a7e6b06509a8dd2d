"""The documentation shows the effective declaration of a sample environment as it is."""

from pathlib import Path

import yaml

from reconciler.adapters import files
from reconciler.core.names import Key

ROOT = Path(__file__).parents[2]


def test_the_effective_declaration_in_the_contract_is_the_sample_fleets() -> None:
    text = (ROOT / "docs" / "lifecycle-jobs.md").read_text()
    (shown,) = [block for block in text.split("```yaml\n")[1:] if "kind: TenantEnvironment" in block]
    effective = files.desired(ROOT).environments[Key("acme", "production")].effective
    assert yaml.safe_load(shown.partition("```")[0]) == effective
