"""What must never happen, checked at every write of a process against the truth of a life.

Nothing of it asks the code under test: what may be taken away is worked out here again, from git as the process read
it, from approvals, and from what the stores hold.
"""

from collections.abc import Sequence
from dataclasses import replace

from reconciler.core.approval import Approval
from reconciler.core.claim import Claim, claim_mark
from reconciler.core.declaration import Declaration
from reconciler.core.move import Move, Phase
from reconciler.core.names import Key
from reconciler.core.observed import read_run
from reconciler.core.outcome import Result
from reconciler.core.placement import State
from reconciler.core.record import Record, read_record
from reconciler.core.step import Verb
from reconciler.core.times import parse_rfc3339, seconds_between
from reconciler.core.wanted import begun_to_go
from tests.controller.bridges import CONTROL, wanted
from tests.controller.life import LIMIT, REGIONS, Life
from tests.controller.memory import Json
from tests.controller.process import Process
from tests.controller.stores import Place

BUDGET = 1
DAY = 24 * 3600.0


class Invariants(Life):
    """A life that is watched."""

    processes: list[Process]

    def watch(self) -> None:
        self.control.check = self.check_record
        for name in REGIONS:
            self.regions[name].check = self.check_region
        self.posted: set[str] = set()
        self.noted: set[str] = set()
        self.claimed_at: dict[Key, int] = {}
        self.ended_at: dict[Key, int] = {}
        self.overlapped = False
        self.processes = []

    def worker(self) -> Process:
        return next(each for each in self.processes if each.working)

    def declared_to(self, process: Process, key: Key) -> Declaration | None:
        """What the process has read, where that is to be there."""
        assert process.loop.desired is not None
        found = process.loop.desired.environments.get(key)
        return found if found and found.state == "Active" else None

    def record_of(self, key: Key) -> Record | None:
        raw = self.control.read("record", key.dotted)
        return self.readable(raw) if raw else None

    # -- runs ------------------------------------------------------------------------------------------------------

    def check_region(self, kind: str, before: Json | None, after: Json) -> None:
        if kind == "run":
            self.check_post(after)

    def check_post(self, workflow: Json) -> None:
        """A run is POSTed from the claim that is open now, and never once it was known to exist."""
        run = read_run(workflow)
        assert run.key is not None
        record = self.record_of(run.key)
        assert record, f"{run.name} has no record"
        assert record.claim is not None, f"{run.name} has no claim"
        assert (record.claim.run, claim_mark(record.uid, record.claim)) == (run.name, run.mark)
        assert not record.claim.noted
        assert run.name not in self.noted
        for memory in self.regions.values():
            placed = self.placed(memory, run.key)
            assert not placed or run.name not in {each.run for each in placed.outcomes.values()}

    # -- records ---------------------------------------------------------------------------------------------------

    def check_record(self, kind: str, before: Json | None, after: Json) -> None:
        """One claim at a time, its number never reset, closed only when its run is over."""
        if kind != "record":
            return
        damaged = before and (CONTROL, "record", before["metadata"]["name"]) in self.damaged
        assert not damaged, "a record that cannot be read is overwritten"
        old = read_record(before) if before else None
        new = read_record(after)
        if new.claim and new.claim.noted:
            self.noted.add(new.claim.run)
        if old:
            self.check_change(old, new)
        if new.claim and (old is None or old.claim is None):
            unknown = replace(new, claim=None, seq=new.seq - 1, attempts=replace(new.attempts, basis=""))
            self.check_claim(old or unknown, new, new.claim)

    def check_change(self, old: Record, new: Record) -> None:
        assert new.seq >= old.seq
        assert new.epoch >= old.epoch
        self.check_move(old, new)
        if old.region != new.region:
            self.check_commit(old, new)
        if new.gone and not old.gone:
            assert not self.worker().knows_all() or self.is_taken_away(new), "gone, and not taken away"
        if old.claim and (new.claim is None or new.claim.run != old.claim.run):
            assert new.claim is None, "a claim is replaced by another"
            self.check_closed(old, old.claim, new)

    def check_closed(self, old: Record, claim: Claim, record: Record) -> None:
        if self.is_abandoned(old, claim, record):
            return
        memory = self.regions[claim.region]
        raw = memory.read("run", claim.run)
        assert claim.noted
        assert raw is None or read_run(raw).completed
        assert all(copy.finished for copy in memory.copies_of_now(claim.run))
        attempts = record.move.attempts if record.move and claim.verb != Verb.UPSERT else record.attempts
        if attempts.stalled in ("RunStopped", "RunDeleted"):
            self.ended_at[record.key] = self.claimed_at.get(record.key, -1)

    def is_abandoned(self, old: Record, claim: Claim, new: Record) -> bool:
        """The two runs that a move goes on without: an import that is turned around, a source that is given up."""
        if old.move is None or new.move is None:
            return False
        if claim.verb == Verb.MIGRATE_IN and old.move.phase is Phase.IMPORTING and new.move == old.move:
            declared = self.declared_to(self.worker(), new.key)
            return declared is None or declared.region != old.move.to
        return claim.verb == Verb.MIGRATE_OUT and new.move.without_source and not old.move.without_source

    # -- moves -----------------------------------------------------------------------------------------------------

    def check_move(self, old: Record, new: Record) -> None:
        """Phases follow each other as they must, and nothing is left behind unsaid."""
        before, after = old.move, new.move
        if before is None or after is None:
            assert before is None or before.phase is Phase.CLEANING, "a move ends with Cleaning"
            assert after is None or after.phase is Phase.EXPORTING or after.without_source
        elif before.phase is not after.phase:
            assert (before.phase, after.phase) in FOLLOWS
        if after and after.without_source and not (before and before.without_source):
            self.check_given_up(new, after)
        if after and before and (before.phase, after.phase) == (Phase.EXPORTING, Phase.IMPORTING):
            self.check_exported(new, after)
        if before and after is None:
            self.check_cleaned(new, before)

    def check_given_up(self, record: Record, move: Move) -> None:
        approval = self.approval(record, "MIGRATE", move.source)
        assert approval, "nobody gave its data up"
        assert approval.without_source
        assert not self.past.untrusted or (record.move and record.move.phase is not Phase.EXPORTING)
        self.give_up_at(move.source, record.key)

    def check_exported(self, record: Record, move: Move) -> None:
        """What is not among the archives will not arrive: then somebody has said that it need not."""
        if move.without_source:
            return
        held = self.stores.of(move.source, record.key)
        if held.get("billing") and "billing" not in move.archives:
            placed = self.placed(self.regions[move.source], record.key)
            used = placed is None or placed.uses("billing")
            assert not used or self.approval(record, "MIGRATE", move.source), "data is left behind"
            self.give_up_at(move.source, record.key)

    def check_commit(self, old: Record, new: Record) -> None:
        """The region changes where nothing is yet, or at the one commit point, when all of it is there."""
        moving = old.move is not None and old.move.phase is Phase.IMPORTING
        if not moving:
            claimed = old.claim is not None or old.applied_digest
            placed = self.placed(self.regions[old.region], old.key) if self.worker().knows_all() else None
            assert old.gone or not (claimed or placed), f"the record leaves what it has in {old.region}"
            return
        assert old.move is not None
        assert new.move is not None
        assert (new.region, new.epoch, new.move.phase) == (old.move.to, old.move.epoch, Phase.CLEANING)
        self.check_arrived(new, old.move)

    def check_arrived(self, record: Record, move: Move) -> None:
        there, here = self.stores.of(move.to, record.key), self.stores.of(move.source, record.key)
        for service, archive in move.archives.items():
            exported = self.stores.archives[archive["key"]]
            used = Declaration.of(move.declaration).uses_service(service)
            assert not used or there.get(service) == exported, f"{service} is not what was exported"
        place = Place(move.source, record.key, "billing")
        lost = here.get("billing", frozenset()) - there.get("billing", frozenset())
        assert not lost or place in self.stores.given_up or move.without_source, f"{lost} stays behind"

    def check_cleaned(self, record: Record, move: Move) -> None:
        left = Place(move.cleans, record.key, "billing")
        if left in self.stores.content and left not in self.stores.orphans:
            assert self.approval(record, "MIGRATE", move.source), f"{left} is left behind"
            self.stores.orphan(left)

    def is_taken_away(self, record: Record) -> bool:
        left = Place(record.region, record.key, "billing")
        if left not in self.stores.content or left in self.stores.orphans:
            return True
        self.stores.orphan(left)
        return self.approval(record, "DECOMMISSION", record.region) is not None

    # -- claims ----------------------------------------------------------------------------------------------------

    def check_claim(self, old: Record, new: Record, claim: Claim) -> None:
        process = self.worker()
        assert claim.seq == old.seq + 1
        assert claim.run not in self.posted
        self.posted.add(claim.run)
        self.check_kind(process, new, claim)
        tried = old.move.attempts if old.move and claim.verb != Verb.UPSERT else old.attempts
        assert not (tried.stalled and tried.basis == claim.basis), tried
        if len(self.processes) > 1:
            self.changes += 1
        assert self.ended_at.get(new.key, -1) < self.changes, "a run that a person ended is launched again"
        self.claimed_at[new.key] = self.changes
        if process.knows_all():
            assert not self.in_progress(new.key, claim.region), "another run is in progress"
        self.check_limit(new, claim)

    def check_limit(self, new: Record, claim: Claim) -> None:
        limit = LIMIT * len(self.processes)
        open_claims = [
            each for raw in self.control.all("record") if (each := self.readable(raw)) and each.claim and each != new
        ]
        taken = sum(1 for each in open_claims if each.claim and each.claim.region == claim.region)
        assert taken < limit or self.overlapped, f"{taken} runs are in progress in {claim.region}"

    def check_kind(self, process: Process, record: Record, claim: Claim) -> None:
        """Every claim is for something that git, or the move, asks for."""
        move, declared = record.move, self.declared_to(process, record.key)
        if claim.verb == Verb.UPSERT and (move is None or move.phase is Phase.CLEANING):
            assert declared is not None, "nothing valid is declared"
            assert declared.resources == ()
            assert (claim.region, claim.digest) == (declared.region, declared.digest)
            self.check_removals(process, record, claim, declared)
        elif claim.verb == Verb.UPSERT:
            assert move is not None
            assert (move.phase, claim.region) == (Phase.THAWING, move.source)
            assert claim.epoch > move.epoch - 1
            assert all(step.verb == Verb.UPSERT for step in claim.steps)
        elif claim.verb == Verb.DECOMMISSION and move is None:
            self.check_decommission(process, record, claim, declared)
        else:
            assert move is not None
            self.check_step_of_move(record, move, claim, declared)

    def check_step_of_move(self, record: Record, move: Move, claim: Claim, declared: Declaration | None) -> None:
        if claim.verb == Verb.MIGRATE_OUT:
            assert (move.phase, claim.region, record.region) == (Phase.EXPORTING, move.source, move.source)
        elif claim.verb == Verb.MIGRATE_IN:
            assert (move.phase, claim.region, record.region) == (Phase.IMPORTING, move.to, move.source)
            assert claim.epoch == move.epoch > record.epoch
        else:
            assert (move.phase, claim.verb, claim.region) == (Phase.CLEANING, Verb.DECOMMISSION, move.cleans)
            self.check_cleaning(record, claim)
        if move.phase in (Phase.EXPORTING, Phase.IMPORTING):
            assert declared is not None, "it is not wanted any more"
            assert declared.region == move.to

    def check_cleaning(self, record: Record, claim: Claim) -> None:
        """Where the environment is, it lives: everything that was exported was upserted since."""
        assert claim.region != record.region
        memory = self.regions[record.region]
        placed = self.placed(memory, record.key)
        if placed is None or memory.silent or not self.worker().knows_all():
            return
        assert placed.state is State.ACTIVE, f"{record.region} is {placed.state}"
        steps = wanted(memory, Declaration.of(placed.declaration))
        dead = {
            place.service for place in self.stores.frozen if (place.region, place.key) == (record.region, record.key)
        }
        asleep = [step for step in steps if step.namespace in dead]
        assert not asleep, f"{asleep} are not alive"

    # -- what is taken away ----------------------------------------------------------------------------------------

    def check_decommission(self, process: Process, record: Record, claim: Claim, declared: Declaration | None) -> None:
        assert claim.region == record.region
        assert all(step.verb == Verb.DECOMMISSION for step in claim.steps)
        placed = self.placed(self.regions[claim.region], record.key)
        if not self.decommissions(record) and not self.went_on(record, claim):
            assert declared is None
            self.check_may_go(process, record, "DECOMMISSION", claim)
        assert placed is None or placed.state is State.RELEASED
        self.give_up_at(claim.region, record.key)

    def check_removals(self, process: Process, record: Record, claim: Claim, declared: Declaration) -> None:
        services = {step.namespace for step in claim.steps if step.verb == Verb.DECOMMISSION}
        if not services:
            return
        assert not any(declared.uses_service(service) for service in services)
        placed = self.placed(self.regions[claim.region], record.key)
        if not services <= begun_to_go(placed):
            self.check_may_go(process, record, "UPSERT", claim)
        self.give_up_at(claim.region, record.key, tuple(services))

    def decommissions(self, record: Record) -> bool:
        """Whether taking away had begun before, with a claim that was allowed to."""
        placed = self.placed(self.regions[record.region], record.key)
        return any(place.key == record.key for place in self.stores.given_up) and bool(begun_to_go(placed))

    def went_on(self, record: Record, claim: Claim) -> bool:
        """Whether it was decommissioned here before: an attempt after the first."""
        return claim.attempt > 1

    def check_may_go(self, process: Process, record: Record, kind: str, claim: Claim) -> None:
        """Unprotected or approved, by a trusted source, reviewed, and not too much at once."""
        assert process.loop.desired is not None
        declared = process.loop.desired.environments.get(record.key)
        assert record.key not in process.loop.desired.held, "its file cannot be read"
        approved = self.approval(record, kind, claim.region)
        policy = declared.policy if declared else record.policy
        assert not policy.deletion_protection or (approved and declared is None), "it is protected"
        assert not self.past.untrusted, "the source is not trusted"
        assert record.key not in self.past.not_shown or approved, "nobody reviewed it"
        assert record.key not in self.past.twins or approved, "it looks renamed"
        self.check_budget(process, record, approved)

    def check_budget(self, process: Process, record: Record, approved: Approval | None) -> None:
        others = [each for raw in self.control.all("record") if (each := self.readable(raw)) and each.key != record.key]
        claimed = [each for each in others if each.destructive and seconds_between(each.destructive, self.now) < 3600]
        if process.knows_all() and len(self.processes) == 1:
            assert len(claimed) < BUDGET or approved, "more than the budget"

    def approval(self, record: Record, kind: str, region: str) -> Approval | None:
        """The approval that is on the record now, if it is for this."""
        raw = self.control.read("record", record.key.dotted)
        approval = Approval.load(raw["data"].get("approval", "")) if raw else None
        if approval is None or (approval.action, approval.region) != (kind, region):
            return None
        return approval if self.now < parse_rfc3339(approval.at) + DAY else None

    def give_up_at(self, region: str, key: Key, services: Sequence[str] = ("billing", "search")) -> None:
        self.stores.given_up |= {Place(region, key, service) for service in services}

    # -- what is said ----------------------------------------------------------------------------------------------

    def is_done(self, key: Key, record: Record) -> bool:
        """Whether what Ready says is so."""
        of = self.desired.environments.get(key)
        if of is None or of.state != "Active":
            return bool(record.gone)
        memory = self.regions[of.region]
        if memory.silent:
            return True
        placed = self.placed(memory, key)
        steps = wanted(memory, of)
        outcomes = placed.outcomes if placed else {}
        epoch = placed.epoch if placed else 0
        said = {step: (each.result, each.digest, each.hash, each.epoch) for step, each in outcomes.items()}
        proven = all(said.get(s) == (Result.SUCCEEDED, of.digest, job.hash, epoch) for s, job in steps.items())
        there = placed is not None and placed.state is State.ACTIVE and record.region == of.region
        return there and proven and record.applied_digest == of.digest


FOLLOWS = {
    (Phase.EXPORTING, Phase.IMPORTING),
    (Phase.EXPORTING, Phase.THAWING),
    (Phase.IMPORTING, Phase.CLEANING),
    (Phase.IMPORTING, Phase.THAWING),
    (Phase.THAWING, Phase.CLEANING),
}
