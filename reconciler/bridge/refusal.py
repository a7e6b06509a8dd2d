"""Steps that fail before, or beside, their copy: what the API server does not allow, and the outcome that says so."""

import re

from reconciler.bridge.exits import StepFailed
from reconciler.core.errors import NotAllowed
from reconciler.core.outcome import FailureClass, Outcome
from reconciler.core.placement import Placement
from reconciler.core.step import Step
from reconciler.core.text import cut
from reconciler.core.verdict import Verdict, failed

QUOTA = "exceeded quota"
RIGHT = " cannot "  # other 403s come from admission
# As the API server's authorizer says it; the group is left out, and no namespace is the whole cluster.
FORBIDDEN = re.compile(
    r'User "(?P<who>[^"]+)" cannot (?P<verb>\w+) resource "(?P<what>[^"]+)"(?: in API group "[^"]*")?'
    r'(?: in the namespace "(?P<where>[^"]+)"| at the (?P<cluster>cluster) scope)?'
)
CLAUSE_MAX = 200


def not_allowed(namespace: str, error: NotAllowed) -> Verdict:
    """The verdict on a 401 or 403 of the API server: a missing right, a quota, or admission."""
    text = str(error)
    if QUOTA in text:
        return failed(FailureClass.TRANSIENT, "QuotaExceeded", text)
    if RIGHT not in text:
        return failed(FailureClass.NEEDS_HUMAN, "NotAllowed", text)
    return failed(FailureClass.NEEDS_HUMAN, "NotAllowed", _missing_right(namespace, text))


def _missing_right(namespace: str, text: str) -> str:
    """Who may not do what, and what to type; a right elsewhere than in the service's namespace is not its team's."""
    found = FORBIDDEN.search(text)
    clause = f"{found['who']} may not {found['verb']} {found['what']}" if found else cut(text, CLAUSE_MAX)
    if found and (found["cluster"] or found["where"] not in (None, namespace)):
        where = f"namespace {found['where']}" if found["where"] else "the whole cluster"
        return f"{clause} in {where}: 'tenantctl install' binds it, and 'tenantctl retry' goes on afterwards"
    remedy = f"'tenantctl install --namespace {namespace} | kubectl apply -f -' makes it, and 'tenantctl retry' goes on"
    return f"namespace {namespace} lacks tenantctl's RoleBinding ({clause} there): {remedy} afterwards"


def outcome_of(error: StepFailed, placement: Placement, run: str, step: Step, at: str) -> Outcome:
    """The outcome of a step that was refused, about the placement as it is now; what its Job could do stays known."""
    verdict, before = error.verdict, placement.outcomes.get(step)
    return Outcome(
        step=step, digest=placement.digest, epoch=placement.epoch, run=run, result=verdict.result, hash=error.hash,
        failure=verdict.failure, reason=verdict.reason, message=verdict.message, owner=error.owner, at=at,
        verbs=before.verbs if before else (),
    )  # fmt: skip
