"""The stand-in says of Pods, Jobs and Workflows what real ones were recorded to say (`contract`)."""

from collections.abc import Iterator

import pytest

from tests.light.contract import compare
from tests.light.lab import LightLab
from tests.light.scenarios import SCENARIOS, Seen, all_seen

pytestmark = pytest.mark.cluster


@pytest.fixture(scope="module")
def seen(lab: LightLab) -> Iterator[Seen]:
    with all_seen(lab) as found:
        yield found


@pytest.mark.parametrize("name", SCENARIOS)
def test_the_stand_in_says_what_real_pods_say(seen: Seen, name: str) -> None:
    compare(name, seen[name].result())
