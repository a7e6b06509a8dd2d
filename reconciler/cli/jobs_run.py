"""`tenantctl jobs run`: one lifecycle Job as production runs it, for a made-up environment.

It is the bridge that does it (`reconciler.bridge.job`), with a placement that is made here instead of one in the
cluster: no Argo, no reconciler, no record. So what a team tries out is what will happen.
"""

import secrets
import signal
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from reconciler.cli.options import annotation_option, cluster_options
from reconciler.cli.output import note
from reconciler.cli.parameters import parameter
from reconciler.cli.trial_store import TrialStore, trial_store
from reconciler.core.step import Kind, Step, Verb, is_verb, suffix

if TYPE_CHECKING:
    from reconciler.adapters.kube import Kube
    from reconciler.bridge.world import World
    from reconciler.core.declaration import Declaration
    from reconciler.core.outcome import Outcome
    from reconciler.core.placement import Placement

INTERRUPTED = 130
NO_COMMIT = "0" * 40


@click.command(
    "run",
    short_help="Run a lifecycle Job for a made-up environment.",
    epilog="Example:  tenantctl jobs run billing/billing-lifecycle --param seats=250 --twice",
)
@click.argument("job", metavar="NAMESPACE/JOB")
@click.option("--verb", default=Verb.UPSERT.value, show_default=True, help="What it is to do; one that it has.")
@click.option("--tenant", default="made-up", show_default=True, metavar="NAME", help="TENANT.")
@click.option("--environment", default="trial", show_default=True, metavar="NAME", help="TENANT_ENVIRONMENT.")
@click.option("--region", default="local", show_default=True, metavar="NAME", help="TENANT_REGION.")
@click.option("--tier", default="standard", show_default=True, metavar="NAME", help="TENANT_TIER.")
@click.option("--param", "parameters", multiple=True, metavar="NAME=VALUE", help="A parameter; can be repeated.")
@click.option("--twice", is_flag=True, help="Once more when it succeeded: it has to be idempotent.")
@click.option("--archives", metavar="URL", help="For migrate-out and migrate-in: the object store.")
@click.option("--archives-credentials", metavar="FILE", help="Its credentials, as 'tenantctl install' takes them.")
@click.option("--import", "imported", metavar="KEY@SHA256", help="For migrate-in: the archive, as migrate-out says it.")
@click.option("--keep", is_flag=True, help="Leave the copies and their pods, for a look at them.")
@annotation_option
@cluster_options
def command(
    job: str,
    verb: str,
    tenant: str,
    environment: str,
    region: str,
    tier: str,
    parameters: tuple[str, ...],
    twice: bool,
    archives: str | None,
    archives_credentials: str | None,
    imported: str | None,
    keep: bool,
    annotations: tuple[str, ...],
    context: str | None,
    kubeconfig: str | None,
) -> int:
    """Run a lifecycle Job of a cluster as production does, for a made-up environment.

    The same copy of it, with the same variables and files, its log and the verdict; exit code 1 when it failed.
    Needs your own rights in its namespace, and neither Argo nor the controller. Its code does what it does: name a
    tenant that is none.
    """
    from reconciler.adapters.kube import connect

    step = _step(job, verb)
    store = trial_store(step, archives, archives_credentials, imported)
    placement = _placement(_declaration(tenant, environment, region, tier, parameters), verb)
    kube = connect(context, kubeconfig)
    try:
        keys = _known(kube, step, annotations)
        return _times(kube, [_world(placement, keys, store) for _ in range(2 if twice else 1)], step, keep)
    finally:
        kube.close()


def _step(job: str, verb: str) -> Step:
    """The step to do. Raises UsageError."""
    from reconciler.core.errors import UsageError

    namespace, _, name = job.partition("/")
    if not namespace or not name or "/" in name:
        raise UsageError(f"'{job}' is no Job; write NAMESPACE/JOB, for example billing/billing-lifecycle")
    if not is_verb(verb):
        raise UsageError(f"--verb {verb}: known are {', '.join(Verb)} and admin.<name>")
    return Step(Kind.JOB, verb, (namespace, name))


def _declaration(tenant: str, environment: str, region: str, tier: str, parameters: Sequence[str]) -> "Declaration":
    """The made-up declaration, checked like one in git. Raises UsageError with all that is wrong."""
    import json

    from reconciler.core.declaration import Declaration, effective
    from reconciler.core.document import parse
    from reconciler.core.errors import UsageError
    from reconciler.core.explain import KNOWN_VERSION
    from reconciler.core.schema import Kind as Document

    spec = {"region": region, "tier": tier, "parameters": dict(map(parameter, parameters))}
    metadata = {"name": environment, "tenant": tenant}
    raw = {"apiVersion": KNOWN_VERSION, "kind": Document.ENVIRONMENT.title, "metadata": metadata, "spec": spec}
    document = parse(Document.ENVIRONMENT, json.dumps(raw).encode())
    if document.problems:
        raise UsageError("; ".join(problem.message for problem in document.problems))
    return Declaration.of(effective({}, document.value))


def _placement(declaration: "Declaration", verb: str) -> "Placement":
    """Its first placement, in the state that admits the verb."""
    from reconciler.core.placement import Placement, State

    state = next(state for state in State if state.admits(verb))
    return Placement(declaration.key, declaration.effective, declaration.digest, NO_COMMIT, 1, state)


def _known(kube: "Kube", step: Step, annotations: Sequence[str]) -> tuple[str, ...]:
    """The annotations that mark lifecycle Jobs. Raises NotFound, Refused, when it is none that has the verb."""
    from reconciler.adapters.kube.resources import JOBS
    from reconciler.core import labels
    from reconciler.core.discovery import survey
    from reconciler.core.errors import NotFound, Refused

    keys, where = (labels.VERBS_ANNOTATION, *annotations), f"Job {step.namespace}/{step.name}"
    raw = kube.find(JOBS, step.namespace, step.name)
    if raw is None:
        raise NotFound(f"{where} does not exist here; 'tenantctl jobs list' shows those that do")
    found = survey([raw], {step.namespace}, keys)
    if not found:
        raise Refused(f"{where} is no lifecycle Job: it has no annotation {', '.join(keys)}")
    if found[0].trouble:
        raise Refused(f"{where} would not be run: {'; '.join(found[0].trouble)}")
    if not found[0].job.has(step.verb):
        raise Refused(f"{where} does not have the verb {step.verb}; it has {', '.join(found[0].job.verbs)}")
    return keys


def _world(placement: "Placement", annotations: tuple[str, ...], store: TrialStore) -> "World":
    """What the bridge is told: a run of its own that nothing else has the name of."""
    from reconciler.bridge.world import Trial, World

    run = f"trial-{suffix(secrets.token_hex(16))}"
    return World(
        placement.key, run, "", {}, annotations=annotations, trial=Trial(placement, store.imports),
        archives=store.url, archives_credentials=store.credentials,
    )  # fmt: skip


def _times(kube: "Kube", worlds: "list[World]", step: Step, keep: bool) -> int:
    """Do it once for each; stop at the first that fails."""
    outcomes: list[Outcome] = []
    for number, world in enumerate(worlds, 1):
        if number > 1:
            note("--- the second time")
        code = _once(kube, world, step, keep)
        if code:
            return code
        assert world.trial is not None
        outcomes.append(world.trial.outcomes[-1])
    if len(outcomes) == 2:
        same = outcomes[0].outputs == outcomes[1].outputs
        note("succeeded both times" + (", with the same outputs" if same else "; its outputs were others"))
    return 0


def _once(kube: "Kube", world: "World", step: Step, keep: bool) -> int:
    """The bridge's own way from the copy to its outcome; afterwards the copy is deleted."""
    from reconciler.bridge.exits import DONE
    from reconciler.bridge.job import run_job

    with _own_sigterm(), _cleaned(kube, world, step, keep):
        try:
            code = run_job(kube, world, step)
        except KeyboardInterrupt:
            return _interrupted(kube, world, step)
        _show(world)
        return 0 if code == DONE else 1


def _show(world: "World") -> None:
    """What the outcome holds beside the verdict, which the bridge has said."""
    import json

    from reconciler.bridge.say import say

    assert world.trial is not None
    for outcome in world.trial.outcomes[-1:]:
        for name, value in outcome.outputs.items():
            say(f"output {name}: {json.dumps(value)}")
        if outcome.archive:
            say(f"archive: {outcome.archive.key}@{outcome.archive.sha256}")


def _interrupted(kube: "Kube", world: "World", step: Step) -> int:
    from reconciler.bridge.shutdown import shut_down

    note(f"interrupted: suspending {_copy(world, step)}, and waiting for its pods to end")
    shut_down(kube, world, step)
    return INTERRUPTED


def _copy(world: "World", step: Step) -> str:
    from reconciler.core.job_copy import copy_name

    return f"{step.namespace}/{copy_name(step.name, world.run, step)}"


@contextmanager
def _own_sigterm() -> Iterator[None]:
    """The bridge takes SIGTERM over, for good as far as it knows."""
    before = signal.getsignal(signal.SIGTERM)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before or signal.SIG_DFL)


@contextmanager
def _cleaned(kube: "Kube", world: "World", step: Step, keep: bool) -> Iterator[None]:
    """Delete the copy at the end, with its pods and its ConfigMap, unless it is to be kept."""
    from reconciler.adapters.kube.resources import JOBS
    from reconciler.core import labels

    try:
        yield
    finally:
        namespace, name = _copy(world, step).split("/")
        if keep:
            note(f"kept: kubectl --namespace {namespace} get jobs,pods --selector {labels.RUN}={world.run}")
        elif kube.delete(JOBS, namespace, name):
            note(f"copy {namespace}/{name} is deleted")
