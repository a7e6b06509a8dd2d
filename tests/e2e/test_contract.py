"""Real pods and the real Argo say what was recorded of them, and what the stand-in is held to (tests/light).

After a change of Kubernetes or Argo: TENANTCTL_RECORD=1, then read what has changed, then bring the stand-in after it.
"""

from collections.abc import Iterator

import pytest

from tests.e2e.lab import Lab
from tests.light.contract import compare_ends, record
from tests.light.scenarios import SCENARIOS, Seen, all_seen

pytestmark = pytest.mark.cluster


@pytest.fixture(scope="module")
def seen(lab: Lab) -> Iterator[Seen]:
    with all_seen(lab) as found:
        yield found


@pytest.mark.parametrize("name", SCENARIOS)
def test_real_pods_say_what_was_recorded(seen: Seen, name: str) -> None:
    found = seen[name].result()
    record(name, found)
    compare_ends(name, found)
