"""How long `tenantctl validate` takes for 1,000 files, against parsing the same bytes with CSafeLoader alone.

Run it: `python tests/bench/validate.py [FILES]`. It prints the ratio (the goal is at most 2) and asserts nothing.
"""

import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import yaml

from reconciler.adapters import files

ENVIRONMENTS_PER_TENANT = 4
ROUNDS = 5
REGIONS = """\
apiVersion: tenantctl.io/v1
kind: RegionList
spec: {regions: [{name: eu-west}, {name: us-east, context: us}]}
"""
TENANT = """\
apiVersion: tenantctl.io/v1
kind: Tenant
metadata: {{name: tenant-{number}}}
spec:
  displayName: Tenant number {number}
  owners: [team-{number}@example.com]
  ring: 1
  defaults:
    region: eu-west
    parameters: {{locale: nl-BE}}
"""
ENVIRONMENT = """\
# yaml-language-server: $schema=../../schemas/tenant-environment.v1.json
apiVersion: tenantctl.io/v1
kind: TenantEnvironment
metadata: {{name: environment-{name}, tenant: tenant-{number}}}
spec:
  region: us-east
  tier: premium
  deletionProtection: true
  expiresAt: 2027-01-31T00:00:00Z
  services: [billing, search]
  parameters: {{seats: {number}, locale: nl-BE, support: "24/7"}}
"""


def write_fleet(root: Path, count: int) -> list[Path]:
    """Write a fleet of about `count` files and return their paths."""
    (root / "providers").mkdir()
    (root / "providers/regions.yaml").write_text(REGIONS)
    written = [root / "providers/regions.yaml"]
    for number in range(count // (ENVIRONMENTS_PER_TENANT + 1)):
        folder = root / f"tenants/tenant-{number}"
        folder.mkdir(parents=True)
        (folder / "tenant.yaml").write_text(TENANT.format(number=number))
        for name in range(ENVIRONMENTS_PER_TENANT):
            path = folder / f"environment-{name}.yaml"
            path.write_text(ENVIRONMENT.format(number=number, name=name))
            written.append(path)
        written.append(folder / "tenant.yaml")
    return written


def best(work: Callable[[], object]) -> float:
    """The shortest of a few rounds, in seconds."""
    times = []
    for _ in range(ROUNDS):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return min(times)


def main(count: int) -> None:
    """Print both times and the ratio."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        contents = [path.read_bytes() for path in write_fleet(root, count)]
        assert not files.desired(root).findings
        ours = best(lambda: files.desired(root))
    theirs = best(lambda: [yaml.load(data, yaml.CSafeLoader) for data in contents])
    print(f"{len(contents)} files: validate {ours:.3f} s, CSafeLoader alone {theirs:.3f} s, ratio {ours / theirs:.2f}")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1000)
