"""The source's trust: whether what a commit no longer declares may be taken away (design §7, *source not trusted*).

A commit is trusted when it follows from the one that was accepted last. A rewritten branch, another repository and an
empty branch are not, until somebody approves the commit; they hold destructive actions only. `accepted_after` says what
the fleet keeps of it. `controller.history` asks git.
"""

from dataclasses import dataclass

from reconciler.core.desired import Desired
from reconciler.core.fleet import ACCEPTED, SOURCE, Fleet

SHORT = 12


@dataclass(frozen=True, slots=True)
class Lineage:
    """What git says of the commit that is read: whether it contains the accepted commit, and the approved one.

    `behind`: whether the accepted commit contains it, which is asked only where it does not follow.
    `trouble`: why git could not be asked. Without an accepted or an approved commit its answer counts for nothing.
    """

    follows: bool = False
    approved: bool = False
    behind: bool = False
    trouble: str = ""


def untrusted(desired: Desired, fleet: Fleet, live_records: int, lineage: Lineage) -> str:
    """Why the source is not trusted, and what to do; empty where it is. `live_records`: how many are no tombstones."""
    commit = desired.revision
    if commit in (fleet.accepted, fleet.source):
        return ""
    hint = f"look at it, then 'tenantctl approve --source {commit[:SHORT]}' accepts it"
    if lineage.trouble:
        return f"whether commit {commit[:SHORT]} can be trusted is not known: {lineage.trouble}"
    if fleet.accepted and not lineage.follows and not lineage.approved:
        return _strayed(commit[:SHORT], fleet.accepted[:SHORT], hint, behind=lineage.behind)
    if live_records and _is_empty(desired):
        environments = "1 environment is" if live_records == 1 else f"{live_records} environments are"
        return f"commit {commit[:SHORT]} declares nothing, and {environments} recorded; {hint}"
    return ""


def accepted_after(desired: Desired, fleet: Fleet, live_records: int, lineage: Lineage) -> dict[str, str | None]:
    """The fleet's keys to write, in one write, after a look at a commit; None takes a key away, empty: nothing.

    An approval of the source is used up by the commit that it was for, or one that follows from that. A commit that
    declares nothing is accepted only by approval, so that what was accepted once is trusted for good.
    """
    commit = desired.revision
    if untrusted(desired, fleet, live_records, lineage) or (_is_empty(desired) and fleet.source != commit):
        return {}
    values: dict[str, str | None] = {ACCEPTED: commit} if fleet.accepted != commit else {}
    if fleet.source and (fleet.source == commit or lineage.approved):
        values[SOURCE] = None
    return values


def _strayed(commit: str, accepted: str, hint: str, *, behind: bool) -> str:
    last = f"{accepted}, the last one that was accepted"
    if behind:
        return (
            f"commit {commit} is older than {last}: pull, if this clone is behind; if the branch was set back, {hint}"
        )
    why = "history was rewritten, the repository is another one, or this clone is behind: pull"
    return f"commit {commit} does not contain {last} ({why}); {hint}"


def _is_empty(desired: Desired) -> bool:
    """Whether nothing at all is declared; a file that cannot be read is no absence."""
    return not desired.environments and not desired.held
