"""`tenantctl logs`: what the steps of an environment's run said."""

import re
import threading
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import click

from reconciler.cli.options import KEY, cluster_options, namespace_option
from reconciler.cli.output import data, note

if TYPE_CHECKING:
    from reconciler.adapters.kube import Kube
    from reconciler.core.names import Key
    from reconciler.core.observed import Run
    from reconciler.core.record import Record

Json = dict[str, Any]
WORKFLOW = "workflows.argoproj.io/workflow"
NODE_NAME = "workflows.argoproj.io/node-name"
SILENCE_SECONDS = 3600
LOOK_SECONDS = 0.5
SLOW_SECONDS = 10.0
ARGO_REMARK = re.compile(rb'time="[^"]*" level=info .*\bargo=true\b')  # argoexec speaks in the same container


@click.command()
@click.argument("key", type=KEY)
@click.option("--run", "run_name", help="This run instead of the last one.")
@click.option("-f", "--follow", is_flag=True, help="Go on until the run, or the move, is over or waits for somebody.")
@namespace_option
@cluster_options
def command(
    key: "Key", run_name: str | None, follow: bool, namespace: str | None, context: str | None, kubeconfig: str | None
) -> int:
    """Print the logs of an environment's last run: of each step, what its Job said.

    Argo keeps the pods of a failed run for a week and those of a succeeded one for 10 minutes; its pages show the same.
    """
    from reconciler.adapters.kube import connect
    from reconciler.cli.records import last_run, record_of
    from reconciler.cli.region_clusters import Regions, region_of_run

    control = connect(context, kubeconfig)
    record: Record | None = record_of(control, key)
    regions = Regions.of(control, kubeconfig, namespace)
    while record:
        run = run_name or last_run(record)
        kube, where = regions.place(region_of_run(record, run))
        shown = _follow(kube, where, run) if follow else _print_all(kube, where, run)
        if not shown:
            _say_why_nothing(record, run, over=follow)
        if follow:
            note(f"run {run} {_outcome(kube, where, run, key)}")
        record = _next_of_move(control, key, run) if follow and not run_name else None
    return 0


def _next_of_move(control: "Kube", key: "Key", run: str) -> "Record | None":
    """The record, once it has claimed the next run of its move; None where the move is over or waits for somebody."""
    from reconciler.cli.records import find_record

    said, since = "", time.monotonic()
    while True:
        record = find_record(control, key)
        if record is None or record.move is None:
            return None
        if record.claim and record.claim.run != run:
            return record
        text, passes = _wait_of(record)
        if record.claim and time.monotonic() - since >= SLOW_SECONDS:
            text = f"run {run} is over, and the reconciler has not taken that in yet"
        if text not in ("", said):
            said = text
            note(f"{key}: {said}")
        if not passes:
            return None
        threading.Event().wait(LOOK_SECONDS)


def _wait_of(record: "Record") -> tuple[str, bool]:
    """What a move between two runs waits for, as its conditions say, and whether that passes by itself."""
    from reconciler.core.condition import READY, STALLED
    from reconciler.core.move import Phase
    from reconciler.core.record import condition

    ready, stalled = condition(record, READY), condition(record, STALLED)
    if record.claim or record.move is None or ready is None:
        return "", True
    # Cleaning alone may wait for somebody while the environment is Ready: it lives in the target.
    waits = ready.status and record.move.phase is Phase.CLEANING
    return ready.message, not (waits or (stalled and stalled.status))


def _say_why_nothing(record: "Record", run: str, *, over: bool) -> None:
    if not over and record.claim and record.claim.run == run:
        note(f"run {run} has no pods yet; 'tenantctl logs --follow {record.key}' waits for them")
        return
    note(f"run {run} has no pods: it had no step to do, or they are gone")
    note("those of a run that succeeded are kept for 10 minutes, of another for a week")
    note(f"its outcome is in 'tenantctl describe {record.key}'")


def _print_all(kube: "Kube", namespace: str, run: str) -> int:
    pods = _pods(kube, namespace, run)
    for pod in pods:
        _print(kube, pod, follow=False)
    return len(pods)


def _follow(kube: "Kube", namespace: str, run: str) -> int:
    """Follow every pod of the run in a thread of its own, also those that come later, until the run is over."""
    followed: dict[str, threading.Thread] = {}
    over = False
    while not over:
        over = _is_over(kube, namespace, run)
        for pod in _pods(kube, namespace, run):
            name = pod["metadata"]["name"]
            if name not in followed and pod["status"].get("phase") != "Pending":
                followed[name] = threading.Thread(target=_print, args=(kube, pod), kwargs={"follow": True}, daemon=True)
                followed[name].start()
        threading.Event().wait(0 if over else LOOK_SECONDS)
    for thread in followed.values():
        thread.join()
    return len(followed)


def _is_over(kube: "Kube", namespace: str, name: str) -> bool:
    run = _run(kube, namespace, name)
    return run is None or run.completed


def _run(kube: "Kube", namespace: str, name: str) -> "Run | None":
    from reconciler.adapters.kube.resources import WORKFLOWS
    from reconciler.core.observed import read_run

    raw = kube.find(WORKFLOWS, namespace, name)
    return None if raw is None else read_run(raw)


def _outcome(kube: "Kube", namespace: str, name: str, key: "Key") -> str:
    """How the run ended, as Argo tells it, and where more is said: the closing line for those who followed."""
    run = _run(kube, namespace, name)
    if run is None:
        return "is gone: it was deleted"
    if run.ended_well:
        return "succeeded"
    how = "was stopped" if run.shutdown else "failed"
    more = f"'tenantctl describe {key}' says which step, why, and whose it is"
    return f"{how}: {run.message}; {more}" if run.message else f"{how}; {more}"


def _pods(kube: "Kube", namespace: str, run: str) -> list[Json]:
    from reconciler.adapters.kube.resources import PODS

    found = kube.list(PODS, namespace, labelSelector=f"{WORKFLOW}={run}")
    return sorted(found, key=lambda pod: str(pod["metadata"]["creationTimestamp"]))


def _print(kube: "Kube", pod: Json, *, follow: bool) -> None:
    from reconciler.core.errors import TenantctlError

    prefix = f"[{_step(pod)}] "
    try:
        for line in _lines(kube, pod, follow=follow):
            if ARGO_REMARK.match(line):
                continue
            data(prefix + line.decode(errors="replace"))
    except TenantctlError as error:
        note(f"{prefix}no log: {error}")


def _lines(kube: "Kube", pod: Json, *, follow: bool) -> Iterator[bytes]:
    from reconciler.adapters.kube.reflector import lines
    from reconciler.adapters.kube.resources import PODS

    path = PODS.path(pod["metadata"]["namespace"], pod["metadata"]["name"], "log")
    with kube.stream(path, {"container": "main", "follow": str(follow).lower()}, SILENCE_SECONDS) as response:
        yield from lines(response, partial=True)


def _step(pod: Json) -> str:
    """The step out of Argo's name for the node, `RUN[2].lifecycle(0:upsert/billing/billing-lifecycle)(1)`.

    The last number counts the bridges of the step: a lost one is repeated.
    """
    node = str((pod["metadata"].get("annotations") or {}).get(NODE_NAME, pod["metadata"]["name"]))
    found = re.search(r"\(\d+:([^)]*)\)", node)
    name = found[1] if found else node.rpartition(".")[2].partition("(")[0]
    attempt = re.search(r"\((\d+)\)$", node)
    return f"{name} #{int(attempt[1]) + 1}" if attempt and attempt[1] != "0" else name
