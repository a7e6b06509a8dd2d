"""Approvals: a person lets one held action go on, for a day (design §7).

An approval names exactly what was seen: action, digest and region, and the versions of Jobs whose rollout is halted.
When the plan is another one by then, it lifts nothing. `tenantctl approve` patches it onto the record, under a key of
its own.
"""

import json
from dataclasses import asdict, dataclass

from reconciler.core import plain_json
from reconciler.core.action import Action, Hold, HoldReason
from reconciler.core.mark import Mark
from reconciler.core.times import parse_rfc3339

VALID_SECONDS = 24 * 3600.0
HINT = "'tenantctl plan' shows the id that 'tenantctl approve' takes"
SUBJECT = frozenset({"action", "digest", "region"})  # said though empty: nothing may be applied yet


@dataclass(frozen=True, slots=True)
class Approval:
    """Who let which action go on, when and why. `without_source`: a move goes on without the data of a dead region.

    `jobs`: the versions of Jobs (`Hold.jobs`) that go on although their rollout is halted.
    """

    action: str
    digest: str
    region: str
    by: str = ""
    at: str = ""
    reason: str = ""
    without_source: bool = False
    jobs: str = ""

    def __str__(self) -> str:
        without = " without its source" if self.without_source else ""
        said = f"{self.action}{without} in {self.region} by {self.by or 'somebody'} at {self.mark.since}"
        return f"{said}: {self.reason}" if self.reason else said

    @property
    def mark(self) -> Mark:
        """Who, when and why, as every lever says it."""
        return Mark(self.by, self.at, self.reason)

    def valid(self, now: float) -> bool:
        """Whether its day is not over at `now` (seconds since the epoch)."""
        try:
            made = parse_rfc3339(self.at)
        except ValueError:
            return False
        return made <= now + 60 and now < made + VALID_SECONDS

    def lifts(self, action: Action, now: float) -> bool:
        """Whether it is for this action, as it is planned now."""
        return self.valid(now) and (self.action, self.digest, self.region) == subject_of(action)

    def dump(self) -> str:
        """The text that is kept on the record."""
        said = {name: value for name, value in asdict(self).items() if value or name in SUBJECT}
        return json.dumps(said, separators=(",", ":"))

    @classmethod
    def load(cls, text: str) -> "Approval | None":
        """Read what `dump` wrote; None for anything else: what cannot be read approves nothing."""
        try:
            return plain_json.typed(cls(**plain_json.loads(text)))
        except (ValueError, TypeError, AttributeError):
            return None


def subject_of(action: Action) -> tuple[str, str, str]:
    """What an approval of the action names: the action, the digest, and the region where something is taken away."""
    return (action.kind.value, action.digest, action.source or action.target)


def approval_for(action: Action, mark: Mark, *, without_source: bool = False, jobs: str = "") -> Approval:
    """The approval of a planned action by whoever made the mark. `jobs`: those of the hold that it lifts."""
    return Approval(*subject_of(action), mark.by, mark.at, mark.reason, without_source, jobs)


def refusal(hold: Hold, *, declared: bool) -> str:
    """Why an approval does not lift a hold, and what does; empty where it lifts it. `declared`: its file is there."""
    reason = hold.reason
    if hold.action is None or not reason.approvable:
        return f"no approval lifts {reason.value}; {_remedy(reason)}"
    if reason is HoldReason.PROTECTED and declared:
        return "it is protected and its file is there: commit deletionProtection: false"
    if reason is HoldReason.SOURCE_UNREACHABLE:
        return f"'tenantctl approve {hold.key} --without-source' goes on without its data"
    return ""


def _remedy(reason: HoldReason) -> str:
    if reason is HoldReason.SOURCE_NOT_TRUSTED:
        return "'tenantctl approve --source COMMIT' accepts the commit"
    return "it passes by itself" if not reason.stalls else "docs/operations.md says what does"
