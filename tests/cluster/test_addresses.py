import ipaddress

import pytest

from tests.cluster import addresses

NAMES = ["eu-west", "us-east", "scratch", "demo", "ci", "source", "target"]


def test_well_known_clusters_can_run_side_by_side():
    assert len({addresses.of(name).slot for name in NAMES}) == len(NAMES)


@pytest.mark.parametrize("name", [*NAMES, "a", "x" * 30])
def test_every_cluster_has_valid_addresses(name):
    own = addresses.of(name)
    link = ipaddress.ip_network(f"{own.host}/24", strict=False)
    assert ipaddress.ip_address(own.node) in link
    assert not link.overlaps(ipaddress.ip_network(own.pods))
    assert not link.overlaps(ipaddress.ip_network(addresses.SERVICES))
    assert len(own.link) <= 15


@pytest.mark.parametrize("name", ["", "Eu", "eu_west", "-eu", "eu-", "1eu", "x" * 31, "../x", "a/b"])
def test_names_that_would_not_work_are_refused(name):
    with pytest.raises(ValueError, match="is no name of a cluster"):
        addresses.of(name)
