"""A review in the forms for programs and people; `-o github` is annotations at the files of the pull request."""

from collections.abc import Iterator
from typing import Any

from reconciler.core.action import Action, Hold, Plan
from reconciler.core.declaration import path_of
from reconciler.core.preview import Preview, is_destructive, nature
from reconciler.report.annotations import Remark, Said, annotations
from reconciler.report.plan import plan_json, plan_text

Json = dict[str, Any]


def preview_json(preview: Preview) -> Json:
    """The plan's JSON; against another commit also `base`, `policies` and `changed`."""
    if not preview.base:
        return plan_json(preview.plan)
    policies = [
        {"tenant": each.key.tenant, "environment": each.key.environment, "field": each.field}
        | {"before": each.before, "after": each.after}
        for each in preview.policies
    ]
    return plan_json(preview.plan) | {"base": preview.base, "policies": policies, "changed": list(preview.changed)}


def preview_text(preview: Preview) -> str:
    """The plan as people read it in a terminal, with the changes of policy before the summary."""
    *lines, last = plan_text(preview.plan).split("\n")
    lines += [f"= {each.key}  policy  {each}" for each in preview.policies]
    return "\n".join([*lines, last])


def github(preview: Preview) -> str:
    """Annotations: what is wrong, what is taken away or held, what changes; files of the pull request first."""
    return annotations(_said(preview), frozenset(preview.changed))


def _said(preview: Preview) -> Iterator[Said]:
    yield from (("error", finding) for finding in preview.plan.findings)
    yield from (("warning", _taken(action, hold)) for action, hold in preview.destructive)
    found = _texts(preview.plan)
    yield from (("warning", _held(hold)) for hold in preview.holds if not _is_finding(hold, found))
    for change in preview.policies:
        yield "warning" if change.lifts_protection else "notice", Remark(path_of(change.key), "policy", str(change))
    yield from (("notice", _changed(action)) for action in preview.changes)


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
