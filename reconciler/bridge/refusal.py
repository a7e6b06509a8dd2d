"""Steps that fail before, or beside, their copy: what the API server does not allow, and the outcome that says so."""

from reconciler.bridge.exits import StepFailed
from reconciler.core.errors import NotAllowed
from reconciler.core.outcome import FailureClass, Outcome
from reconciler.core.placement import Placement
from reconciler.core.step import Step
from reconciler.core.verdict import Verdict, failed

QUOTA = "exceeded quota"
RIGHT = " cannot "  # as in: User "…" cannot create resource "jobs"; other 403s come from admission


def not_allowed(namespace: str, error: NotAllowed) -> Verdict:
    """The verdict on a 401 or 403 of the API server: a missing right, a quota, or admission."""
    text = str(error)
    if QUOTA in text:
        return failed(FailureClass.TRANSIENT, "QuotaExceeded", text)
    if RIGHT not in text:
        return failed(FailureClass.NEEDS_HUMAN, "NotAllowed", text)
    hint = f"namespace {namespace} lacks tenantctl's RoleBinding; 'tenantctl install --namespace {namespace}' makes it"
    return failed(FailureClass.NEEDS_HUMAN, "NotAllowed", f"{hint}: {text}")


def outcome_of(error: StepFailed, placement: Placement, run: str, step: Step, at: str) -> Outcome:
    """The outcome of a step that was refused, about the placement as it is now."""
    verdict = error.verdict
    return Outcome(
        step=step, digest=placement.digest, epoch=placement.epoch, run=run, result=verdict.result, hash=error.hash,
        failure=verdict.failure, reason=verdict.reason, message=verdict.message, owner=error.owner, at=at,
    )  # fmt: skip
