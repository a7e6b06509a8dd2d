"""The forms of a plan: JSON is a contract, text is for people."""

from reconciler.controller.planning import plan_of
from reconciler.core.action import Plan
from reconciler.core.decide import decide
from reconciler.report.plan import plan_json, plan_text
from tests.core.fleet import KEY, NOW, declaration, desired, observed


def plan(*, services: list[str]) -> Plan:
    wanted = desired(declaration(services=services))
    return plan_of(wanted, [decide(KEY, wanted, observed(declaration()), NOW)], {})


def test_json_has_the_fields_of_the_contract() -> None:
    document = plan_json(plan(services=["billing"]))
    assert set(document) == {"id", "revision", "actions", "holds", "summary", "findings"}
    (action,) = document["actions"]
    assert (action["tenant"], action["environment"], action["action"]) == ("acme", "production", "UPSERT")
    assert action["steps"] == ["job/upsert/billing/billing-lifecycle"]
    assert action["reasons"] == [{"code": "field", "subject": "services", "message": 'set to ["billing"]'}]
    (hold,) = document["holds"]
    assert (hold["reason"], hold["removals"]) == ("Protected", ["job/decommission/search/search-lifecycle"])
    assert document["summary"] == {
        "actions": {"UPSERT": 1}, "holds": {"Protected": 1}, "unchanged": 0, "findings": 0,
    }  # fmt: skip


def test_text_says_what_why_and_what_is_held() -> None:
    text = plan_text(plan(services=["billing"])).splitlines()
    assert text[0] == "~ acme/production  UPSERT  eu-west"
    assert '    because services: set to ["billing"]' in text
    assert "    runs job/upsert/billing/billing-lifecycle" in text
    assert "! acme/production  UPSERT  eu-west  held: Protected" in text
    assert text[-1].endswith("1 to upsert, 1 held, 0 unchanged.")
