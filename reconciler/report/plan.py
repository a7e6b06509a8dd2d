"""A plan for people and for programs: text, and the JSON that is the contract of design §9."""

from collections import Counter
from collections.abc import Iterator
from typing import Any

from reconciler.core.action import Action, Hold, Plan
from reconciler.core.step import Step
from reconciler.core.times import rfc3339

Json = dict[str, Any]
REASONS_SHOWN = 12


def plan_json(plan: Plan) -> Json:
    """`{id, revision, actions, holds, summary, findings}`, plain JSON data."""
    return {
        "id": plan.id,
        "revision": plan.revision,
        "actions": [_action_json(action) for action in plan.actions],
        "holds": [_hold_json(hold) for hold in plan.holds],
        "summary": summary(plan),
        "findings": [str(finding) for finding in plan.findings],
    }


def summary(plan: Plan) -> Json:
    """How many of each."""
    kinds = Counter(action.kind.value for action in plan.actions)
    return {
        "actions": dict(sorted(kinds.items())),
        "holds": dict(sorted(Counter(hold.reason.value for hold in plan.holds).items())),
        "unchanged": plan.unchanged,
        "findings": len(plan.findings),
    }


def _action_json(action: Action) -> Json:
    return {
        "tenant": action.key.tenant,
        "environment": action.key.environment,
        "action": action.kind.value,
        "from": action.source,
        "to": action.target,
        "digest": action.digest,
        "reasons": [{"code": r.code, "subject": r.subject, "message": r.message} for r in action.reasons],
        "steps": None if action.steps is None else _steps(action.steps),
        "removals": _steps(action.removals),
        "attempt": action.attempt,
    }


def _hold_json(hold: Hold) -> Json:
    about = {"tenant": hold.key.tenant, "environment": hold.key.environment}
    what = {"action": hold.action.kind.value if hold.action else None}
    detail = (
        {name: value for name, value in _action_json(hold.action).items() if name not in about} if hold.action else {}
    )
    until = {"until": rfc3339(hold.until) if hold.until is not None else None}
    return about | what | {"reason": hold.reason.value, "message": hold.message} | until | detail


def _steps(steps: tuple[Step, ...]) -> list[str]:
    return [str(step) for step in steps]


def plan_text(plan: Plan) -> str:
    """The plan as people read it: actions, holds, then one line of summary."""
    return "\n".join([*_text_lines(plan), summary_line(plan)])


def _text_lines(plan: Plan) -> Iterator[str]:
    for action in plan.actions:
        yield f"{action.kind.sign} {action.key}  {action.kind.value}  {_where(action)}"
        yield from _reason_lines(action)
        yield from _step_lines(action)
    for hold in plan.holds:
        what = f"{hold.action.kind.value}  {_where(hold.action)}  " if hold.action else ""
        yield f"! {hold.key}  {what}held: {hold.reason.value}"
        yield f"    {hold.message}"


def _where(action: Action) -> str:
    attempt = f", attempt {action.attempt}" if action.attempt > 1 else ""
    if action.source and action.target and action.source != action.target:
        return f"{action.source} → {action.target}{attempt}"
    return f"{action.target or action.source}{attempt}"


def _reason_lines(action: Action) -> Iterator[str]:
    for reason in action.reasons[:REASONS_SHOWN]:
        yield f"    because {reason}"
    if len(action.reasons) > REASONS_SHOWN:
        yield f"    because of {len(action.reasons) - REASONS_SHOWN} more"


def _step_lines(action: Action) -> Iterator[str]:
    if action.steps is None:
        yield "    runs what the region's services offer (not looked up offline)"
    if action.steps == ():
        yield "    runs nothing"
    for step in action.steps or ():
        yield f"    runs {step}"


def summary_line(plan: Plan) -> str:
    """`Plan 1a2b3c at 4d5e6f7: 2 to upsert, 1 held, 6 unchanged.`"""
    return f"Plan {plan.id} at {plan.revision[:7]}: {', '.join(summary_parts(plan))}."


def summary_parts(plan: Plan) -> list[str]:
    """How many of each, in words."""
    kinds = Counter(action.kind.value.lower() for action in plan.actions)
    parts = [f"{count} to {kind}" for kind, count in sorted(kinds.items(), reverse=True)]
    parts += [f"{len(plan.holds)} held"] if plan.holds else []
    return [*parts, f"{plan.unchanged} unchanged"]
