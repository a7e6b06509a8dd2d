"""A review in the forms for programs and people; `-o github` is annotations at the files of the pull request."""

from collections.abc import Iterator
from typing import Any

from reconciler.core.action import Action, Hold, Plan
from reconciler.core.declaration import path_of
from reconciler.core.review import Review, is_destructive, nature
from reconciler.report.annotations import Remark, Said, annotations
from reconciler.report.plan import plan_json, plan_text

Json = dict[str, Any]


def review_json(review: Review) -> Json:
    """The plan's JSON; against another commit also `base`, `policies` and `changed`."""
    if not review.base:
        return plan_json(review.plan)
    policies = [
        {"tenant": each.key.tenant, "environment": each.key.environment, "field": each.field}
        | {"before": each.before, "after": each.after}
        for each in review.policies
    ]
    return plan_json(review.plan) | {"base": review.base, "policies": policies, "changed": list(review.changed)}


def review_text(review: Review) -> str:
    """The plan as people read it in a terminal, with the changes of policy before the summary."""
    *lines, last = plan_text(review.plan).split("\n")
    lines += [f"= {each.key}  policy  {each.field}: {each.before} → {each.after}" for each in review.policies]
    return "\n".join([*lines, last])


def github(review: Review) -> str:
    """Annotations: what is wrong, what is taken away or held, what changes; files of the pull request first."""
    return annotations(_said(review), frozenset(review.changed))


def _said(review: Review) -> Iterator[Said]:
    yield from (("error", finding) for finding in review.plan.findings)
    yield from (("warning", _taken(action, hold)) for action, hold in review.destructive)
    found = _texts(review.plan)
    yield from (("warning", _held(hold)) for hold in review.holds if not _is_finding(hold, found))
    for change in review.policies:
        told = f"{change.field}: {change.before} → {change.after}"
        yield "warning" if change.lifts_protection else "notice", Remark(path_of(change.key), "policy", told)
    yield from (("notice", _changed(action)) for action in review.changes)


def _texts(plan: Plan) -> list[str]:
    return [str(finding) for finding in plan.findings]


def _is_finding(hold: Hold, texts: list[str]) -> bool:
    """Whether a hold says what a finding says at its own line."""
    return any(hold.message == text or hold.message.startswith(f"{text} (and ") for text in texts)


def _taken(action: Action, hold: Hold | None) -> Remark:
    held = f"; held {hold.reason.value}: {hold.message}" if hold else ""
    told = f"{action.key}: {_why(action)}{held}"
    return Remark(path_of(action.key), nature(action).upper(), told)


def _held(hold: Hold) -> Remark:
    return Remark(path_of(hold.key), hold.reason.value, f"{hold.key} is held: {hold.message}")


def _changed(action: Action) -> Remark:
    assert not is_destructive(action)
    return Remark(path_of(action.key), action.kind.value, f"{action.key}: {_why(action)}")


def _why(action: Action) -> str:
    return "; ".join(map(str, action.reasons)) or action.kind.value.lower()
