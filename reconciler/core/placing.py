"""What a placement says before the run of an action is launched: living, frozen for an export, or released."""

from collections.abc import Collection, Mapping
from dataclasses import replace

from reconciler.core.action import Action
from reconciler.core.outcome import Outcome
from reconciler.core.placement import Placement, State, placement_of
from reconciler.core.step import Kind, Step, Verb
from reconciler.core.wanted import begun_to_go, is_wanted, removed_services, surviving, thing

STATES = {Verb.MIGRATE_OUT.value: State.FROZEN, Verb.DECOMMISSION.value: State.RELEASED}


def placing(
    action: Action,
    before: Placement | None,
    revision: str,
    offered: Mapping[Step, str],
    imports: Mapping[str, str],
) -> Placement | None:
    """The placement at the action's site as it has to be; None where nothing is there and nothing has to be."""
    if action.verb in STATES:
        return replace(before, state=STATES[action.verb]) if before else None
    assert action.declaration is not None
    wanted = replace(placement_of(action.declaration, revision, action.epoch), imports=dict(imports))
    return _continued(before, wanted, offered) if before else wanted


def _continued(before: Placement, wanted: Placement, offered: Mapping[Step, str]) -> Placement:
    """The wanted placement with what is still true of the outcomes before."""
    if wanted.epoch != before.epoch:
        return replace(wanted, outcomes=surviving(before))
    revision = before.revision if before.digest == wanted.digest else wanted.revision
    imports = wanted.imports or before.imports
    return replace(wanted, revision=revision, imports=imports, outcomes=_still_true(before, wanted, offered))


def _still_true(before: Placement, wanted: Placement, offered: Mapping[Step, str]) -> dict[Step, Outcome]:
    """Without those of a service that was taken away, and of one that is wanted again after that had begun."""
    again = {name for name in begun_to_go(before) if is_wanted(wanted.spec, name)}
    return _without(before, again | removed_services(wanted.spec, before, offered))


def without_removed(placement: Placement, offered: Mapping[Step, str]) -> Placement:
    """The placement without the outcomes of services that are taken away by now: nothing of them is here."""
    gone = removed_services(placement.spec, placement, offered) if placement.state is State.ACTIVE else frozenset()
    return replace(placement, outcomes=_without(placement, gone))


def _without(placement: Placement, services: Collection[str]) -> dict[Step, Outcome]:
    found = placement.outcomes.items()
    return {step: each for step, each in found if step.kind is Kind.RESOURCE or thing(step) not in services}
