"""Grants: migrations only, one Secret, and never a URL in the Job itself."""

import pytest

from reconciler.core.grant import FILES, VARIABLES, Grant, grant_source, grant_variables, is_granted
from reconciler.core.injection import Injection, grant_of, inject
from reconciler.core.names import Key
from reconciler.core.placement import Placement, State
from reconciler.core.step import Kind, Step

PLACEMENT = Placement(Key("acme", "production"), {"spec": {"region": "eu-west"}}, "d", "abc", 7, State.FROZEN)
GRANT = Grant("https://whole", ["https://1", "https://2"], "{}\n")


def step(verb: str, kind: Kind = Kind.JOB) -> Step:
    return Step(kind, verb, ("ledger", "lifecycle"))


@pytest.mark.parametrize(
    ("given", "granted"),
    [
        (step("migrate-out"), True),
        (step("migrate-in"), True),
        (step("upsert"), False),
        (step("decommission"), False),
        (step("admin.migrate-in"), False),
        (step("migrate-in", Kind.RESOURCE), False),
    ],
)
def test_who_is_granted_anything(given: Step, granted: bool) -> None:
    assert is_granted(given) is granted
    assert bool(grant_variables(given, "s")) is granted
    assert (grant_source(given, "s") is not None) is granted


@pytest.mark.parametrize("verb", ["migrate-out", "migrate-in"])
def test_every_file_and_variable_is_in_the_secret(verb: str) -> None:
    injection = Injection(PLACEMENT, "run-1", step(verb), "copy-x")
    secret = grant_of(injection, "ledger", "uid-1", GRANT)
    assert (secret["kind"], secret["metadata"]["name"]) == ("Secret", "copy-x")
    assert secret["metadata"]["ownerReferences"][0]["uid"] == "uid-1"
    assert set(FILES[verb]) <= set(secret["stringData"])
    assert secret["stringData"]["parts"] == "https://1\nhttps://2\n"
    pod = inject({"containers": [{"name": "a"}], "initContainers": [{"name": "b"}]}, injection)
    assert "https://" not in str(pod)
    for container in (*pod["containers"], *pod["initContainers"]):
        (url,) = [entry for entry in container["env"] if entry["name"] == VARIABLES[verb]]
        assert url["valueFrom"]["secretKeyRef"] == {"name": "copy-x", "key": "url"}


def test_the_teams_own_variable_of_that_name_gives_way() -> None:
    own = [{"name": "TENANT_EXPORT_URL", "value": "mine"}]
    given = Injection(PLACEMENT, "run-1", step("migrate-out"), "copy-x")
    env = inject({"containers": [{"name": "a", "env": own}]}, given)["containers"][0]["env"]
    assert [entry.get("value") for entry in env if entry["name"] == "TENANT_EXPORT_URL"] == [None]
