"""When an application counts as done: each piece of its status is believed only when it is about our operation."""

import pytest

from reconciler.core.application_status import Stage, ailment, deletion, in_progress, judge, standing, succeeded

SOURCE = {"repoURL": "https://git.example.com/portal.git", "path": "portal", "targetRevision": "HEAD"}
OURS, OTHER = (
    {"info": [{"name": "tenantctl", "value": "run-1 step"}]},
    {"info": [{"name": "tenantctl", "value": "run-0"}]},
)


AUTOMATED = {"initiatedBy": {"automated": True}, "retry": {"limit": 5}}
REFUSED = {"kind": "ConfigMap", "name": "x", "status": "SyncFailed", "message": "is not permitted"}


def live(operation=None, last=None, **status):
    made = {"metadata": {}, "spec": {"source": SOURCE}, "status": status}
    if last is not None:
        made["status"]["operationState"] = last
    return made | ({"operation": operation} if operation is not None else {})


def ended(phase="Succeeded", operation=OURS, **more):
    return {
        "phase": phase,
        "operation": operation,
        "finishedAt": "2027-01-01T00:00:10Z",
        "syncResult": {"revision": "abc"},
    } | more


GOOD = {
    "sync": {"status": "Synced", "revision": "abc", "comparedTo": {"source": SOURCE}},
    "health": {"status": "Healthy"},
    "reconciledAt": "2027-01-01T00:00:11Z",
}


@pytest.mark.parametrize(
    ("application", "stage", "words"),
    [
        (live(), Stage.ASK, ""),
        (live(last=ended(operation=OTHER), **GOOD), Stage.ASK, ""),
        (live(last=ended(operation={}), **GOOD), Stage.ASK, ""),
        (live(operation=OURS), Stage.WAIT, "Argo CD syncs it"),
        (live(operation=OURS, last=ended("Running", message="waiting for hooks")), Stage.WAIT, "waiting for hooks"),
        (live(operation=OTHER), Stage.WAIT, "another operation"),
        (live(last=ended("Running", OTHER)), Stage.WAIT, "another operation"),
        (live(last=ended("Terminating", OTHER)), Stage.WAIT, "another operation"),
        (live(operation=AUTOMATED, last=ended("Running", AUTOMATED)), Stage.WAIT, "another operation"),
        (
            live(
                operation=AUTOMATED,
                last=ended("Running", AUTOMATED, retryCount=1, message="failed", syncResult={"resources": [REFUSED]}),
            ),
            Stage.END,
            "another operation on it: failed: ConfigMap x: is not permitted",
        ),
        (
            live(operation=AUTOMATED, last=ended("Terminating", AUTOMATED, retryCount=1)),
            Stage.WAIT,
            "another operation",
        ),
        (live(operation=OTHER, last=ended("Running", OTHER, retryCount=1)), Stage.WAIT, "another operation"),
        (live(last=ended("Failed", message="one or more objects failed")), Stage.FAILED, "one or more objects failed"),
        (live(last=ended("Error", message="no such path")), Stage.FAILED, "no such path"),
        (live(last=ended("Failed", OTHER, message="theirs")), Stage.ASK, ""),
        (live(last=ended(), **GOOD), Stage.DONE, "Synced, Healthy"),
        (live(last=ended()), Stage.WAIT, "not compared it yet"),
        (live(last=ended(), **GOOD | {"reconciledAt": "2027-01-01T00:00:09Z"}), Stage.WAIT, "not compared it yet"),
        (
            live(
                last=ended(),
                **GOOD | {"reconciledAt": "2027-01-01T00:00:10Z", "sync": GOOD["sync"] | {"revision": "older"}},
            ),
            Stage.WAIT,
            "not compared it yet",
        ),
        (live(last=ended(), **GOOD | {"reconciledAt": "2027-01-01T00:00:10Z"}), Stage.DONE, ""),
        (
            live(
                last=ended(), **GOOD | {"sync": GOOD["sync"] | {"comparedTo": {"source": SOURCE | {"path": "other"}}}}
            ),
            Stage.WAIT,
            "not compared it yet",
        ),
        (
            live(
                last=ended(),
                **GOOD | {"sync": GOOD["sync"] | {"status": "OutOfSync"}},
                resources=[{"kind": "ConfigMap", "name": "a", "status": "OutOfSync"}],
            ),
            Stage.WAIT,
            "OutOfSync: ConfigMap a: OutOfSync",
        ),
        (
            live(
                last=ended(),
                **GOOD | {"health": {"status": "Degraded"}},
                resources=[
                    {"kind": "Deployment", "name": "web", "health": {"status": "Degraded", "message": "no image"}}
                ],
            ),
            Stage.WAIT,
            "Degraded: Deployment web: no image",
        ),
        (
            live(
                last=ended(),
                **GOOD | {"sync": GOOD["sync"] | {"status": "Unknown"}},
                conditions=[{"type": "ComparisonError", "message": "repository not found"}],
            ),
            Stage.WAIT,
            "Unknown: ComparisonError: repository not found",
        ),
    ],
)
def test_where_an_application_stands(application, stage, words):
    found = judge(application, "run-1 step")
    assert found.stage is stage
    assert words in found.message


def test_what_succeeded_is_not_asked_for_again():
    """Argo CD's own sync, of a newer commit or to heal something, takes the place of ours in the status."""
    after = live(last=ended(operation={}), **GOOD)
    assert judge(after, "run-1 step", synced=True).stage is Stage.DONE
    assert judge(live(last=ended("Running", {}), **GOOD), "run-1 step", synced=True).stage is Stage.WAIT
    repeated = live(operation=AUTOMATED, last=ended("Running", AUTOMATED, retryCount=3), **GOOD)
    assert judge(repeated, "run-1 step", synced=True).stage is Stage.WAIT, "that is Argo CD's own affair"


def test_a_failure_names_what_could_not_be_applied():
    results = [
        {"kind": "Namespace", "name": "kube-system", "status": "SyncFailed", "message": "is not permitted"},
        {"kind": "ConfigMap", "name": "fine", "status": "Synced", "message": "created"},
        {"kind": "Job", "name": "hook", "hookPhase": "Failed", "message": "back-off"},
    ]
    last = ended("Failed", message="failed", syncResult={"resources": results})
    message = judge(live(last=last), "run-1 step").message
    assert message == "failed: Namespace kube-system: is not permitted; Job hook: back-off"


def test_whose_operation_it_is():
    assert in_progress(live(operation=OURS), "run-1 step")
    assert not in_progress(live(operation=OTHER), "run-1 step")
    assert not in_progress(live(last=ended()), "run-1 step")
    assert succeeded(live(last=ended()), "run-1 step")
    assert not succeeded(live(last=ended("Failed")), "run-1 step")
    assert not succeeded(live(last=ended(operation=OTHER)), "run-1 step")


@pytest.mark.parametrize(
    ("application", "said"),
    [
        (live(), "not compared yet, of unknown health"),
        (live(**GOOD), "Synced, Healthy"),
        (
            live(
                **GOOD | {"health": {"status": "Degraded"}},
                resources=[{"kind": "Deployment", "name": "web", "health": {"status": "Degraded", "message": "down"}}],
            ),
            "Synced, Degraded: Deployment web: down",
        ),
        (
            live(**GOOD, conditions=[{"type": "ComparisonError", "message": "no such path"}]),
            "Synced, Healthy: ComparisonError: no such path",
        ),
        (live(**GOOD) | {"metadata": {"deletionTimestamp": "2027-01-01T00:00:00Z"}}, "Argo CD deletes it"),
    ],
)
def test_what_is_said_of_it_whoever_synced_it(application, said):
    assert standing(application) == said


@pytest.mark.parametrize("health", ["Healthy", "Progressing", "Suspended", "Missing"])
def test_what_is_on_its_way_is_not_ill(health):
    moving = live(**GOOD | {"sync": GOOD["sync"] | {"status": "OutOfSync"}, "health": {"status": health}})
    assert ailment(moving) == ""


@pytest.mark.parametrize(
    ("application", "said"),
    [
        (None, "not in Argo CD"),
        (live(**GOOD | {"health": {"status": "Degraded"}}), "Synced, Degraded"),
        (live(**GOOD | {"health": {"status": "Unknown"}}), "Synced, Unknown"),
        (live(**GOOD, conditions=[{"type": "SyncError", "message": "no"}]), "Synced, Healthy: SyncError: no"),
        (live(**GOOD) | {"metadata": {"deletionTimestamp": "2027-01-01T00:00:00Z"}}, "Argo CD deletes it"),
    ],
)
def test_what_is_ill(application, said):
    assert ailment(application) == said


def test_how_far_a_deletion_is():
    assert deletion(live(resources=[{}, {}])).endswith("2 resources are left")
    said = deletion(live(conditions=[{"type": "DeletionError", "message": "cluster is gone"}], resources=[{}]))
    assert said.endswith("DeletionError: cluster is gone")
