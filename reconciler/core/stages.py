"""Stages: in which of a run's fan-outs each step is done (design §6).

The reconciler stages the steps of a claim, and the bridge's `discover` those of a run that somebody started by hand.
"""

from collections.abc import Iterable, Mapping

from reconciler.core.step import Kind, Step, Verb

LISTS = {Kind.JOB: "jobs", Kind.RESOURCE: "resources", Kind.APPLICATION: "applications"}
# Of which verbs a run's Jobs are, and in which list each stage finds its own.
JOBS: Mapping[str, Mapping[str, str]] = {
    Verb.UPSERT: {Verb.UPSERT: "jobs", Verb.DECOMMISSION: "removals"},
    Verb.MIGRATE_OUT: {Verb.MIGRATE_OUT: "jobs"},
    Verb.MIGRATE_IN: {Verb.UPSERT: "jobs", Verb.MIGRATE_IN: "imports"},
    Verb.DECOMMISSION: {Verb.DECOMMISSION: "jobs"},
}


def staged(verb: str, steps: Iterable[Step]) -> dict[str, list[str]]:
    """The fan-out items of every stage of a run, sorted; what an upsert takes away comes last, of whatever kind.

    Raises ValueError for a Job's step that no stage of the run does.
    """
    jobs = JOBS.get(verb, {verb: "jobs"})
    lists: dict[str, list[str]] = {name: [] for name in (*LISTS.values(), *jobs.values())}
    for step in sorted(set(steps)):
        if step.kind is Kind.JOB and step.verb not in jobs:
            raise ValueError(f"jobs: {step.item} is no step of a {verb}; its verbs are {', '.join(jobs)}")
        name = jobs[step.verb] if step.kind is Kind.JOB else _other(verb, step)
        lists[name].append(str(step) if name == "removals" else step.item)
    return lists


def _other(verb: str, step: Step) -> str:
    """The list of a step that is no Job's."""
    if step.kind is Kind.APPLICATION and (verb, step.verb) == (Verb.UPSERT, Verb.DECOMMISSION):
        return "removals"
    return LISTS[step.kind]
