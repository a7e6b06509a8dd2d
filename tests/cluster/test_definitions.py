"""Argo's definitions in their minimal form: anything is kept in spec and status, and nothing else is lost."""

from tests.cluster.definitions import ANYTHING, minimal


def definition(**properties: object) -> dict:
    schema = {"type": "object", "properties": {"kind": {"type": "string"}, **properties}}
    return {"spec": {"names": {}, "versions": [{"name": "v1", "schema": {"openAPIV3Schema": schema}}]}}


def properties(made: dict) -> dict:
    return made["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]


def test_spec_and_status_take_anything() -> None:
    full = {"type": "object", "properties": {"entrypoint": {"type": "string"}}}
    made = minimal(definition(spec=full, status=full))
    assert properties(made) == {"kind": {"type": "string"}, "spec": ANYTHING, "status": ANYTHING}


def test_what_has_no_spec_stays_whole_or_the_api_server_would_prune_it() -> None:
    outputs = {"type": "object", "properties": {"parameters": {"type": "array"}}}
    assert minimal(definition(outputs=outputs)) == definition(outputs=outputs)
