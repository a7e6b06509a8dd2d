"""Admin processes: one-off tasks that a person asks for, run by the same lifecycle Jobs as everything else.

A request is a lever of the record (`admin`). The reconciler answers each one once: with a claim, or with a refusal in
the history. It is no part of what is declared, so it touches neither attempts nor conditions, and is never repeated.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any

from reconciler.core import plain_json
from reconciler.core.claim import Claim, run_name
from reconciler.core.fleet import Suspension
from reconciler.core.lever import is_new, with_levers, written
from reconciler.core.mark import Mark
from reconciler.core.move import Phase
from reconciler.core.names import is_name
from reconciler.core.observed import Run, Site
from reconciler.core.outcome import Outcome, Result
from reconciler.core.parameters import checked
from reconciler.core.placement import Placement, State
from reconciler.core.record import Entry, Record
from reconciler.core.step import ADMIN, Kind, Step
from reconciler.core.text import cut
from reconciler.core.times import parse_rfc3339, rfc3339, seconds_between

LEVER = "admin"
WAITS = "admin-waits"
VALID_SECONDS = 24 * 3600.0  # nobody expects a task of last week to begin now
MESSAGE_MAX = 500
NAMES_MAX = 300
ID = re.compile(r"[a-z0-9]{1,40}")


class Event(StrEnum):
    """The lines that an admin process leaves in the history."""

    STARTED = "AdminStarted"
    WAITS = "AdminWaits"
    REFUSED = "AdminRefused"
    SUCCEEDED = "Succeeded"
    FAILED = "Failed"


@dataclass(frozen=True, slots=True)
class AdminRequest:
    """What somebody asked for. `name` is without `admin.`; `at` is RFC 3339 and exact, so that no two are the same."""

    id: str
    name: str
    parameters: Mapping[str, Any] = field(default_factory=dict)
    by: str = ""
    at: str = ""
    reason: str = ""

    def __str__(self) -> str:
        """`admin.reindex (request 5f3a) with since by ada at 2027-01-15T08:00:00Z: index is damaged`."""
        names = f" with {cut(', '.join(self.parameters), NAMES_MAX)}" if self.parameters else ""
        return f"{self.verb} {self.reference}{names} {Mark(self.by, self.at, self.reason)}"

    @property
    def verb(self) -> str:
        """The verb of its steps."""
        return ADMIN + self.name

    @property
    def reference(self) -> str:
        """By which its lines in the history are known."""
        return f"(request {self.id})"

    @property
    def ends(self) -> float:
        """When it is too old to begin, in seconds since the epoch."""
        return parse_rfc3339(self.at) + VALID_SECONDS

    def dump(self) -> str:
        """The text that is kept on the record."""
        said = {name: getattr(self, name) for name in self.__slots__ if getattr(self, name)}
        return json.dumps(said, separators=(",", ":"), ensure_ascii=False)

    @classmethod
    def load(cls, text: str) -> "AdminRequest":
        """Read what `dump` wrote. Raises ValueError, saying what is wrong, when it is something else."""
        try:
            request = plain_json.typed(cls(**plain_json.loads(text)))
            parse_rfc3339(request.at)
        except (TypeError, AttributeError) as error:
            raise ValueError(f"it is no request: {error}") from error
        if not ID.fullmatch(request.id) or not is_name(request.name):
            raise ValueError("id or name is missing or malformed")
        checked(request.parameters)
        return request


def request_of(record: Record) -> AdminRequest | None:
    """What is asked for and not answered yet. Raises ValueError when it cannot be read."""
    return AdminRequest.load(record.admin) if record.admin and is_new(record, LEVER, record.admin) else None


@dataclass(frozen=True, slots=True)
class Answer:
    """What becomes of a request now: the record to write, with a claim to launch, or with a refusal in the history.

    `waits`: why neither is done yet; before `until` (seconds since the epoch) time alone changes nothing.
    """

    record: Record
    waits: str = ""
    until: float | None = None


def answer(record: Record, site: Site | None, pauses: Sequence[Suspension], now: float) -> Answer | None:
    """The answer to the request of an environment without a claim; None when there is nothing to answer.

    `site`: what its region holds of it and offers; None when the region does not answer. `pauses`: those in force.
    """
    try:
        request = request_of(record)
    except ValueError as error:
        return Answer(_refused(record, f"key admin of the record holds no request: {error}", now))
    if request is None:
        return None
    final = _final(record, request, now)
    if final:
        return Answer(_refused(record, f"{final}; asked for: {request}", now))
    reason = _standing(record, site, pauses)
    if reason:
        return Answer(_waiting(record, request, reason, now), reason, _until(request, pauses))
    if site is None or site.active:
        return Answer(record, _passing(record, site), request.ends)
    return Answer(_begun(record, request, site, now))


def _final(record: Record, request: AdminRequest, now: float) -> str:
    """Why it will never begin."""
    if record.gone:
        return f"{record.key} was decommissioned at {record.gone}"
    return "it could not begin within a day" if now >= request.ends else ""


def _standing(record: Record, site: Site | None, pauses: Sequence[Suspension]) -> str:
    """Why it cannot begin until something else is done, so that the history says it."""
    if pauses:
        return "; ".join(map(str, pauses))
    if record.move and record.move.phase is not Phase.CLEANING:
        return f"it is on its way from {record.move.source} to {record.move.to} ({record.move.phase})"
    placement = site.placement if site else None
    if site and placement is None:
        return f"nothing of it is placed in {record.region} yet"
    if placement and placement.state is not State.ACTIVE:
        return f"its placement in {record.region} is {placement.state}"
    if placement and placement.epoch != record.epoch:
        return f"the record is at epoch {record.epoch}, the placement in {record.region} at {placement.epoch}"
    return ""


def _passing(record: Record, site: Site | None) -> str:
    return f"run {site.active[0]} is in progress" if site else f"region {record.region} does not answer"


def _until(request: AdminRequest, pauses: Sequence[Suspension]) -> float:
    """The next moment at which it may begin by itself, or is too old."""
    return min([request.ends, *(parse_rfc3339(pause.mark.until) for pause in pauses if pause.mark.until)])


def _waiting(record: Record, request: AdminRequest, reason: str, now: float) -> Record:
    """The record with a line that says why it waits, once for each reason."""
    text = f"{request.id}: {reason}"
    if not is_new(record, WAITS, text):
        return record
    entry = Entry(rfc3339(now), Event.WAITS, f"{reason}; asked for: {request}")
    return written(with_levers(record, now), WAITS, text, entry)


def _refused(record: Record, message: str, now: float) -> Record:
    return written(with_levers(record, now), LEVER, record.admin, Entry(rfc3339(now), Event.REFUSED, message))


def _begun(record: Record, request: AdminRequest, site: Site, now: float) -> Record:
    """The record with the claim, or with a refusal where no Job can do it."""
    assert site.placement is not None
    steps = steps_of_request(request, site.placement, site.offered)
    if not steps:
        why = f"no lifecycle Job that {record.key} uses in {record.region} has {request.verb}"
        return _refused(record, f"{why}{_instead(site)}; asked for: {request}", now)
    claim = claim_of_request(record, request, site.placement, steps, now)
    entry = Entry(rfc3339(now), Event.STARTED, str(request), claim.run, claim.region, claim.revision)
    return written(replace(with_levers(record, now), claim=claim, seq=claim.seq), LEVER, record.admin, entry)


def _instead(site: Site) -> str:
    assert site.placement is not None
    names = sorted({step.verb for step in site.offered if is_admin(step.verb) and site.placement.uses(step.namespace)})
    return f"; there are {', '.join(names)}" if names else ""


def steps_of_request(request: AdminRequest, placement: Placement, offered: Mapping[Step, str]) -> tuple[Step, ...]:
    """The steps of every lifecycle Job that has the verb and whose service the environment uses."""
    return tuple(
        sorted(
            step
            for step in offered
            if step.kind is Kind.JOB and step.verb == request.verb and placement.uses(step.namespace)
        )
    )


def claim_of_request(
    record: Record, request: AdminRequest, placement: Placement, steps: tuple[Step, ...], now: float
) -> Claim:
    """The next claim of the record, for what the region holds now."""
    seq = record.seq + 1
    return Claim(
        seq=seq,
        verb=request.verb,
        region=record.region,
        epoch=placement.epoch,
        digest=placement.digest,
        revision=placement.revision,
        steps=steps,
        attempt=1,
        run=run_name(record.key, request.verb, record.uid, seq),
        at=rfc3339(now),
        parameters=request.parameters,
    )


def is_admin(verb: str) -> bool:
    """Whether the verb is that of an admin process."""
    return verb.startswith(ADMIN)


# -- the end -----------------------------------------------------------------------------------------------------------


def conclude_admin(record: Record, claim: Claim, placement: Placement | None, run: Run | None, now: float) -> Record:
    """The record after the run of an admin process is over: no claim, and a line of history; nothing else changes.

    Judged by the outcomes of this very run: the success of another one is another request's.
    """
    outcomes = placement.outcomes if placement else {}
    own = [outcomes[step] for step in claim.steps if step in outcomes and outcomes[step].run == claim.run]
    done = [outcome for outcome in own if outcome.result is Result.SUCCEEDED]
    all_done = len(done) == len(claim.steps)
    message = f"{claim.verb}: {len(done)} of {len(claim.steps)} steps done"
    message += "" if all_done else f"; {_why(claim, run, [outcome for outcome in own if outcome.failed])}"
    entry = Entry(
        at=rfc3339(now),
        event=Event.SUCCEEDED if all_done else Event.FAILED,
        message=message[:MESSAGE_MAX],
        run=claim.run,
        region=claim.region,
        revision=claim.revision,
        seconds=seconds_between(claim.at, now),
    )
    return replace(with_levers(record, now), claim=None).with_entry(entry)


def _why(claim: Claim, run: Run | None, failed: Sequence[Outcome]) -> str:
    if run is None:
        return f"run {claim.run} was deleted"
    if run.shutdown:
        return f"run {claim.run} was stopped"
    if failed:
        return "; ".join(outcome.complaint for outcome in failed)
    return f"run {claim.run} ended without an outcome of every step: {run.message or run.phase}"
