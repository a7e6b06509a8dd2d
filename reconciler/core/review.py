"""What git shows: whether somebody who read the commits saw that something is taken away, and what was only renamed.

Compared is what was applied with what is declared now, both as commits say it (docs/decisions/0005). Pure:
`controller.history` reads the commits.
"""

from collections.abc import Callable, Mapping

from reconciler.core.action import Action, ActionKind
from reconciler.core.approval import HINT
from reconciler.core.declaration import ACTIVE, Declaration
from reconciler.core.desired import Desired
from reconciler.core.names import Key
from reconciler.core.record import Record
from reconciler.core.step import Kind, Step

Records = Callable[[Key], Record | None]

SHORT = 12


def base_of(record: Record) -> str:
    """The commit that says what the environment was before: the applied one, else the one that was tried."""
    return record.applied_revision or record.attempted_revision


def unreviewed(action: Action, record: Record, before: Declaration | None, now: Declaration | None) -> str:
    """Why git does not show what a destructive action takes away; empty where it does.

    `before` is what the record's base declares, `now` what the commit declares that is planned for.
    """
    why = _unshown(action, record, before, now)
    return f"no commit since {base_of(record)[:SHORT]}, which was applied, shows it: {why}; {HINT}" if why else ""


def unknown(record: Record, trouble: str) -> str:
    """The same where the commit that was applied cannot be read."""
    base = base_of(record)
    what = (
        f"what was applied cannot be compared with the commit: {trouble}" if base else "no applied commit is recorded"
    )
    return f"{what}; {HINT}"


def _unshown(action: Action, record: Record, before: Declaration | None, now: Declaration | None) -> str:
    if before is None or before.state != ACTIVE:
        return "it does not declare the environment as Active"
    if action.kind is ActionKind.DECOMMISSION:
        return _decommission(now)
    if action.kind is ActionKind.MIGRATE:
        return _migrate(action, record, before, now)
    return _removals(action, before, now)


def _decommission(now: Declaration | None) -> str:
    return "" if now is None or now.state != ACTIVE else "the environment is still declared as Active"


def _migrate(action: Action, record: Record, before: Declaration, now: Declaration | None) -> str:
    if before.region != record.region:
        return f"it declares region {before.region}, and the record says {record.region}"
    if now is None or now.region != action.target:
        return f"the declared region is {now.region if now else 'none'}, not {action.target}"
    return ""


def _removals(action: Action, before: Declaration, now: Declaration | None) -> str:
    """Every step that is taken away was wanted before and is not now."""
    kept = [step for step in action.removals if not _wants(before, step) or (now is not None and _wants(now, step))]
    names = ", ".join(dict.fromkeys(step.namespace or step.name for step in kept))
    return f"{names} was not taken out of it" if names else ""


def _wants(declaration: Declaration, step: Step) -> bool:
    if step.kind is Kind.JOB:
        return declaration.uses_service(step.namespace)
    if step.kind is Kind.RESOURCE:
        return any((each["provider"], each["name"]) == step.target for each in declaration.resources)
    return any(each["name"] == step.name for each in declaration.applications)


# -- renamed -------------------------------------------------------------------------------------------------------


def is_removed(record: Record, desired: Desired) -> bool:
    """Whether something was applied, or tried, that is declared nowhere now; an unreadable file is no removal."""
    absent = record.key not in desired.environments and record.key not in desired.held
    applied = bool(record.applied_digest or base_of(record))
    return absent and applied and not record.gone and not desired.problems(record.key)


def is_new(key: Key, desired: Desired, record: Record | None) -> bool:
    """Whether a key is declared, soundly or not, and nothing of it was applied."""
    declared = key in desired.environments or key in desired.held
    return declared and (record is None or bool(record.gone) or not record.applied_digest)


def twin(
    key: Key, desired: Desired, removed: Mapping[Key, Record], record_of: Records, renamed: Mapping[Key, Key]
) -> Key | None:
    """The new key that a removed one seems to be now, or the removed key that a new one seems to have been.

    By git's word (`renamed`: removed key → key now), else by the same digest. By git's word a removed key keeps its
    twin when that is applied: who approved the new one did not approve that the old one goes.
    """
    if key in removed:
        target = renamed.get(key)
        if target and (target in desired.environments or target in desired.held):
            return target
        return _nearest(key, _same_digest(removed[key], desired, record_of))
    if not is_new(key, desired, record_of(key)):
        return None
    sources = [old for old, now in renamed.items() if now == key]
    return _nearest(key, sources or _digest_of(key, desired, removed))


def _same_digest(record: Record, desired: Desired, record_of: Records) -> list[Key]:
    return [
        key
        for key, declaration in desired.environments.items()
        if declaration.digest == record.applied_digest and is_new(key, desired, record_of(key))
    ]


def _digest_of(key: Key, desired: Desired, removed: Mapping[Key, Record]) -> list[Key]:
    declaration = desired.environments.get(key)
    digest = declaration.digest if declaration else None
    return [other for other, record in removed.items() if record.applied_digest == digest]


def _nearest(key: Key, found: list[Key]) -> Key | None:
    """One of several: of the same tenant, else of the same name, else the first."""
    order = sorted(found, key=lambda o: (o.tenant != key.tenant, o.environment != key.environment, o))
    return order[0] if order else None
