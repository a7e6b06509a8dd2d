"""Expressions and tags of our templates, evaluated as Argo does; what is not taken may name what does not exist."""

import pytest

from reconciler.manifests import Settings, render
from tests.standin.expressions import Parser, evaluate
from tests.standin.substitution import substituted

RETRY = "lastRetry.status == 'Error' or asInt(lastRetry.exitCode) in [75, 137, 143, -1]"
GIVEN = (
    "inputs.parameters.given == '' ? steps.discover.outputs.parameters.jobs"
    " : toJson(filter(fromJSON(inputs.parameters.given).jobs, true))"
)


@pytest.mark.parametrize(
    ("text", "scope", "value"),
    [
        (RETRY, {"lastRetry.status": "Failed", "lastRetry.exitCode": "1"}, False),
        (RETRY, {"lastRetry.status": "Failed", "lastRetry.exitCode": "75"}, True),
        (RETRY, {"lastRetry.status": "Failed", "lastRetry.exitCode": "-1"}, True),
        (RETRY, {"lastRetry.status": "Error", "lastRetry.exitCode": "0"}, True),
        (GIVEN, {"inputs.parameters.given": "", "steps.discover.outputs.parameters.jobs": '["a"]'}, '["a"]'),
        (GIVEN, {"inputs.parameters.given": '{"jobs": ["a", "b"]}'}, '["a","b"]'),
        ("'admin.' + workflow.parameters.name", {"workflow.parameters.name": "reindex"}, "admin.reindex"),
        ("(1 == 2 || 3 != 4) && true", {}, True),
    ],
)
def test_the_value(text, scope, value):
    assert evaluate(text, scope) == value


@pytest.mark.parametrize(
    ("text", "scope"),
    [
        (GIVEN, {"inputs.parameters.given": '{"resources": []}'}),
        (GIVEN, {"inputs.parameters.given": ""}),
        ("nowhere", {}),
        ("1 2", {}),
        ("(1", {}),
    ],
    ids=["a list that is missing", "outputs that are missing", "unknown", "rest", "open"],
)
def test_what_makes_no_sense_is_an_error(text, scope):
    with pytest.raises(ValueError, match=r".+"):
        evaluate(text, scope)


def test_every_expression_of_the_shipped_templates_is_understood():
    found = [text for item in render(Settings()) if item["kind"] == "ClusterWorkflowTemplate" for text in _texts(item)]
    assert len(found) > 20
    for text in found:
        Parser(text).whole()


def _texts(value):
    """All expressions, at whatever depth."""
    if isinstance(value, list):
        return [text for item in value for text in _texts(item)]
    if not isinstance(value, dict):
        return []
    own = [value["expression"]] if isinstance(value.get("expression"), str) else []
    return own + [text for item in value.values() for text in _texts(item)]


@pytest.mark.parametrize(
    ("value", "result"),
    [
        ("{{item}} of {{workflow.name}}", "one of run"),
        ("{{=item == 'one'}}", "true"),
        ("{{steps.later.outputs.parameters.x}}", "{{steps.later.outputs.parameters.x}}"),
        ({"a": ["{{item}}", 1]}, {"a": ["one", 1]}),
    ],
    ids=["names", "expression", "not known yet", "at depth"],
)
def test_tags_are_replaced(value, result):
    assert substituted(value, {"item": "one", "workflow.name": "run"}) == result
