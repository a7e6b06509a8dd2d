"""Which steps an environment should have done in a region, which of them are left, and what is to be taken away."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any

from reconciler.core.application import application_steps
from reconciler.core.declaration import Declaration, uses_service
from reconciler.core.observed import Site
from reconciler.core.outcome import Outcome, Result
from reconciler.core.placement import Placement
from reconciler.core.step import Kind, Step, Verb

Hashes = Mapping[Step, str]

# What is done once and for all in an epoch: a later digest or another Job is no reason to export or to drop again.
ONCE = frozenset({Verb.MIGRATE_OUT.value, Verb.MIGRATE_IN.value, Verb.DECOMMISSION.value})
MISSING = "LifecycleJobMissing"
# What runs before something is taken away, and how long a Job of it that is not there is waited for (design §6).
LAST = frozenset({Verb.MIGRATE_OUT.value, Verb.DECOMMISSION.value})
LAST_SECONDS = 300.0


def wanted_steps(declaration: Declaration, upserts: Hashes) -> dict[Step, str]:
    """Every step that the environment should have done, with the hash that it should have been done with."""
    jobs = {step: job_hash for step, job_hash in upserts.items() if declaration.uses_service(step.namespace)}
    return jobs | application_steps(declaration.spec)


def pending_steps(wanted: Hashes, placement: Placement | None, digest: str) -> tuple[Step, ...]:
    """The wanted steps that no outcome proves done (design §5, *Done*).

    A decommission that has begun undoes what was done for its service or application, however it ended.
    """
    undone = begun_to_go(placement)
    return tuple(
        step
        for step, job_hash in wanted.items()
        if not _done(step, job_hash, placement, digest) or (step.verb == Verb.UPSERT and thing(step) in undone)
    )


def thing(step: Step) -> str:
    """What is taken away as a whole: a service, by its namespace, or an application; no namespace holds a slash."""
    return f"{step.kind}/{step.name}" if step.kind is Kind.APPLICATION else step.namespace


def _done(step: Step, job_hash: str, placement: Placement | None, digest: str) -> bool:
    outcome = placement.outcomes.get(step) if placement else None
    if outcome is None or placement is None:
        return False
    if step.verb in ONCE:
        return outcome.result is Result.SUCCEEDED and outcome.epoch == placement.epoch
    if step.kind is Kind.APPLICATION:  # it is made of its own entry alone
        digest = outcome.digest
    return outcome.done(digest, job_hash, placement.epoch)


def begun_to_go(placement: Placement | None) -> frozenset[str]:
    """The services and applications of which a decommission has begun here, whatever became of it."""
    return frozenset(thing(step) for step in placement.outcomes if _decommission(step)) if placement else frozenset()


def _decommission(step: Step) -> bool:
    return step.kind in (Kind.JOB, Kind.APPLICATION) and step.verb == Verb.DECOMMISSION


def of_verb(offered: Hashes, verb: str) -> dict[Step, str]:
    """Those of what is offered that have the verb."""
    return {step: job_hash for step, job_hash in offered.items() if step.verb == verb}


def expected_steps(verb: str, placement: Placement | None, offered: Hashes) -> dict[Step, str]:
    """What must run before anything is taken away here, with the Jobs' hash; "" for one that is not there now.

    Those discovered, plus those whose outcome shows that they had the verb (design §6, *Expected Jobs*): one that is
    missing is not the same as one that never was. What is here and used no more is not moved, only taken away.
    Without a placement, nothing is here.
    """
    if placement is None:
        return {}
    had = (step for step, outcome in placement.outcomes.items() if verb in (*outcome.verbs, step.verb))
    remembered = dict.fromkeys((Step(Kind.JOB, verb, step.target) for step in had if step.kind is Kind.JOB), "")
    concerned = here(placement) if verb == Verb.DECOMMISSION else frozenset()
    found = {**remembered, **of_verb(offered, verb)}
    jobs = {s: hashed for s, hashed in found.items() if placement.uses(s.namespace) or s.namespace in concerned}
    return jobs | (_applications_to_go(placement) if verb == Verb.DECOMMISSION else {})


def _applications_to_go(placement: Placement) -> dict[Step, str]:
    """What takes away the applications that are, or may be, here; no Job of theirs can be missing."""
    names = {step.name for step in placement.outcomes if step.kind is Kind.APPLICATION}
    names |= {step.name for step in application_steps(placement.spec)}
    return {Step(Kind.APPLICATION, Verb.DECOMMISSION.value, (name,)): "-" for name in names}


def here(placement: Placement) -> frozenset[str]:
    """The services of which the region holds something, wanted or not."""
    return frozenset(step.namespace for step in placement.outcomes if step.kind is Kind.JOB)


def leaving_steps(declaration: Declaration, placement: Placement | None, offered: Hashes) -> dict[Step, str]:
    """How the services that the region holds and the declaration no longer wants are taken away, done or not.

    A Job that merely disappeared is not among them: its service is still wanted (design §4, *Discovery*). Neither is a
    service that has never had a Job with the verb: nothing could take it away.
    """
    if placement is None:
        return {}
    gone = {name for name in here(placement) if not declaration.uses_service(name)}
    gone |= _brought(placement) - {thing(step) for step in application_steps(declaration.spec)}
    steps = expected_steps(Verb.DECOMMISSION, placement, offered) if gone else {}
    return {step: job_hash for step, job_hash in steps.items() if thing(step) in gone}


def unwanted_steps(declaration: Declaration, placement: Placement | None, offered: Hashes) -> tuple[Step, ...]:
    """Those of the leaving steps that are left to do."""
    return tuple(sorted(pending_steps(leaving_steps(declaration, placement, offered), placement, "")))


def _brought(placement: Placement) -> frozenset[str]:
    """The applications of which the region may hold something."""
    return frozenset(thing(step) for step in placement.outcomes if step.kind is Kind.APPLICATION)


def removed_services(spec: Mapping[str, Any], placement: Placement, offered: Hashes) -> frozenset[str]:
    """Services and applications no longer wanted here whose every decommission is done: their outcomes may go."""
    gone = {name for name in begun_to_go(placement) if not is_wanted(spec, name)}
    steps = expected_steps(Verb.DECOMMISSION, placement, offered) if gone else {}
    left = {thing(step) for step in pending_steps(steps, placement, "")}
    return frozenset(gone - left)


def is_wanted(spec: Mapping[str, Any], name: str) -> bool:
    """Whether a specification uses the service, or declares the application, that `thing` names."""
    if name.startswith(f"{Kind.APPLICATION}/"):
        return any(thing(step) == name for step in application_steps(spec))
    return uses_service(spec, name)


def missing(steps: Hashes, placement: Placement | None) -> tuple[Step, ...]:
    """Those of the expected steps whose Job is not there, and of which a bridge has waited for it in vain."""
    waited = (step for step, job_hash in steps.items() if not job_hash and _was_missed(step, placement))
    return tuple(sorted(waited))


def _was_missed(step: Step, placement: Placement | None) -> bool:
    outcome = placement.outcomes.get(step) if placement else None
    return outcome is not None and outcome.failed and outcome.reason == MISSING


def asymmetries(source: Site, target: Site, spec: Mapping[str, Any]) -> Iterator[str]:
    """Why the services' Jobs do not let the environment move: one clause for each service (design §6, *Migrate*).

    A service that is here and not declared any more would be taken away without a guard, so that comes first or later;
    one that was to go, and is declared again, would leave its data behind; one that is only declared from now on begins
    at the target, with nothing.
    """
    outs = _by_service(expected_steps(Verb.MIGRATE_OUT, source.placement, source.offered))
    ins = _by_service(of_verb(target.offered, Verb.MIGRATE_IN))
    held = here(source.placement) if source.placement else frozenset()
    leaving = {service for service in held if source.placement and not source.placement.uses(service)}
    for service in sorted(held):
        if not uses_service(spec, service):
            yield f"service {service} is here and not declared any more: remove it in a commit before or after the move"
        elif service in leaving:
            yield f"service {service} is here and was to go: declare it in a commit before the move, or let it go first"
    for service in sorted((outs.keys() | (ins.keys() & held)) - leaving):
        if uses_service(spec, service):
            yield from _asymmetry(service, outs.get(service, []), ins.get(service, []))


def importers(spec: Mapping[str, Any], archives: Collection[str], offered: Hashes) -> dict[Step, str]:
    """The Jobs that import what was exported: those of the services that are still wanted."""
    found = of_verb(offered, Verb.MIGRATE_IN).items()
    return {
        step: job_hash for step, job_hash in found if step.namespace in archives and uses_service(spec, step.namespace)
    }


def not_imported(spec: Mapping[str, Any], archives: Collection[str], offered: Hashes) -> tuple[str, ...]:
    """The services whose archive nothing can import now, or more than one Job would."""
    jobs = [step.namespace for step in importers(spec, archives, offered)]
    return tuple(sorted(name for name in archives if uses_service(spec, name) and jobs.count(name) != 1))


def _asymmetry(service: str, outs: list[str], ins: list[str]) -> Iterator[str]:
    for verb, jobs in ((Verb.MIGRATE_OUT, outs), (Verb.MIGRATE_IN, ins)):
        if len(jobs) > 1:
            yield f"service {service} has {len(jobs)} Jobs with {verb} ({', '.join(jobs)}); it may have one"
    if outs and not ins:
        yield f"service {service} has {Verb.MIGRATE_OUT} ({outs[0]}), but no {Verb.MIGRATE_IN} at the target"
    if ins and not outs:
        yield f"service {service} has {Verb.MIGRATE_IN} at the target ({ins[0]}), but no {Verb.MIGRATE_OUT} here"


def _by_service(steps: Iterable[Step]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for step in sorted(steps):
        found.setdefault(step.namespace, []).append(step.name)
    return found


def surviving(placement: Placement) -> dict[Step, Outcome]:
    """The outcomes that still say something in a new epoch: what the region holds, if it was not taken away."""
    found = placement.outcomes.items()
    taken = {thing(step) for step, outcome in found if _decommission(step) and not outcome.failed}
    return {step: each for step, each in found if step.verb == Verb.UPSERT and thing(step) not in taken}
