"""The loop against clusters in memory: whatever happens in whatever order, what must never happen does not.

Hypothesis chooses what commits, Jobs, runs, people and failures do, and when each watch delivers; the loop, the
reconciler, the world and their stores are the real ones, only without threads. Once faults end, everything valid must
become Ready, and then nothing may be written any more. TENANTCTL_MODEL_EXAMPLES searches longer, at random.
"""

import os
import sys
from dataclasses import replace
from typing import Any
from unittest import mock

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from reconciler.controller import loop as loop_module
from reconciler.core.claim import Claim, claim_mark
from reconciler.core.condition import READY
from reconciler.core.names import Key
from reconciler.core.observed import read_run
from reconciler.core.outcome import FailureClass
from reconciler.core.record import Record, condition, read_record
from tests.controller.bridges import CONTROL, wanted
from tests.controller.life import HELD, KEYS, LIMIT, REGIONS, SERVICES, Life
from tests.controller.memory import Died, Json
from tests.controller.process import IN_CONTROL, IN_REGIONS, Process

EXAMPLES = int(os.environ.get("TENANTCTL_MODEL_EXAMPLES", "0"))

pick = st.integers(0, 11)
keys = st.sampled_from(KEYS)
regions = st.sampled_from((*REGIONS[:1] * 4, REGIONS[1]))
services = st.sampled_from(SERVICES)
specs = st.fixed_dictionaries(
    {"seats": st.integers(1, 2), "region": regions},
    optional={"services": st.sampled_from(([], ["billing"], ["search"])), "ring": st.integers(0, 1)},
)
failures = st.sampled_from(("", "", "plain", *FailureClass))
odd_specs = st.sampled_from((None, HELD, {"state": "Decommissioned"}, {"resources": [{"provider": "p", "name": "r"}]}))


class Model(Life, RuleBasedStateMachine):
    """The rules: what happens to the clusters (`Life`), to one or two processes, to watches and to time."""

    def __init__(self) -> None:
        RuleBasedStateMachine.__init__(self)
        Life.__init__(self)
        self.quiet_log = mock.patch.object(loop_module, "log", mock.Mock())
        self.quiet_log.start()
        self.control.check = self.check_record
        for name in REGIONS:
            self.regions[name].check = self.check_region
        self.posted: set[str] = set()
        self.noted: set[str] = set()
        self.claimed_at: dict[Key, int] = {}
        self.ended_at: dict[Key, int] = {}
        self.overlapped = False
        self.processes: list[Process] = []

    change = rule(key=keys, spec=specs)(Life.change)
    change_oddly = rule(key=keys, spec=odd_specs)(Life.change_oddly)
    release = rule(region=regions, service=services, version=st.integers(1, 2))(Life.release)
    remove_job = rule(region=regions, service=services, again=st.booleans())(Life.remove_job)
    toggle_namespace = rule(region=regions, service=services)(Life.toggle_namespace)
    bridges_start = rule(which=pick, only_first=st.booleans())(Life.bridges_start)
    job_ends = rule(
        which=pick, failure=st.sampled_from(("", "", "plain", *FailureClass)), lost=st.sampled_from((False, True))
    )(Life.job_ends)
    pods_end = rule(which=pick)(Life.pods_end)
    workflow_ends = rule(which=pick, bridges_lost=st.booleans())(Life.workflow_ends)
    stop_run = rule(which=pick, word=st.sampled_from(("Stop", "Terminate")), bridges_lost=st.booleans())(Life.stop_run)
    delete_run = rule(which=pick, completed=st.booleans())(Life.delete_run)
    run_by_hand = rule(key=keys, region=regions)(Life.run_by_hand)
    retry = rule(key=keys)(Life.retry)
    delete_record = rule(key=keys)(Life.delete_record)
    delete_placement = rule(key=keys, region=regions)(Life.delete_placement)
    damage = rule(key=keys, where=st.sampled_from(((CONTROL, "record"), ("eu-west", "placement"))))(Life.damage)
    repair = rule()(Life.repair)

    @initialize(seats=st.integers(1, 2), declared=st.integers(1, 3))
    def begin(self, seats: int, declared: int) -> None:
        self.settle_in(declared, seats)
        self.processes = [Process(self)]

    @rule(which=pick)
    def read_git(self, which: int) -> None:
        self.process(which).loop.take(self.desired)

    # -- processes, watches, time ----------------------------------------------------------------------------------

    def process(self, which: int) -> Process:
        return self.processes[which % len(self.processes)]

    @rule(which=pick, where=st.sampled_from((CONTROL, *REGIONS)), count=st.integers(1, 4), data=st.data())
    def deliver(self, which: int, where: str, count: int, data: Any) -> None:
        kinds = IN_CONTROL if where == CONTROL else IN_REGIONS
        kind = data.draw(st.sampled_from(kinds))
        self.changes += kind in ("job", "namespace")
        self.process(which).deliver(where, kind, count)

    @rule(which=pick)
    def deliver_all(self, which: int) -> None:
        self.changes += 1
        self.process(which).deliver_all()

    @rule(which=pick, most=st.integers(1, 4))
    def work(self, which: int, most: int) -> None:
        self.run_process(self.process(which), most)

    @rule(which=pick, after=st.integers(0, 11))
    def work_until_death(self, which: int, after: int) -> None:
        self.fuse.die_at = self.fuse.writes + after
        self.run_process(self.process(which), 6)
        self.fuse.die_at = -1

    @rule(which=pick, most=st.integers(0, 6), succeed=st.booleans())
    def life_goes_on(self, which: int, most: int, succeed: bool) -> None:
        """What mostly happens, so that the rest happens at many moments: watches deliver, and runs come to an end."""
        self.changes += 1
        process = self.process(which)
        process.up_to_date()
        self.run_process(process, most)
        if succeed:
            self.everything_succeeds()

    @rule(which=pick, how=st.sampled_from(("Stop", "Terminate", "delete")), bridges_lost=st.booleans())
    def a_person_ends_what_runs(self, which: int, how: str, bridges_lost: bool) -> None:
        self.life_goes_on(which, 6, succeed=False)
        self.bridges_start(which, only_first=False)
        if how == "delete":
            self.delete_run(which, completed=False)
        else:
            self.stop_run(which, how, bridges_lost)
        self.life_goes_on(which, 6, succeed=False)

    still, again, as_ever = life_goes_on, life_goes_on, life_goes_on  # chosen more often

    def run_process(self, process: Process, most: int) -> None:
        try:
            process.work(most)
        except Died:
            self.fuse.die_at = -1
            self.processes.remove(process)
            if not self.processes:
                self.restart()

    @rule()
    def restart(self) -> None:
        self.changes += 1
        self.processes = [Process(self)]

    @precondition(lambda self: len(self.processes) < 2)
    @rule()
    def overlap(self) -> None:
        self.overlapped = True
        self.processes.append(Process(self))

    @precondition(lambda self: len(self.processes) > 1)
    @rule(which=pick)
    def end_of_overlap(self, which: int) -> None:
        self.changes += 1
        self.processes.remove(self.process(which))

    @rule(region=regions, noticed=st.booleans())
    def silence(self, region: str, noticed: bool) -> None:
        self.regions[region].silent = True
        for process in self.processes if noticed else ():
            process.notice()

    @rule(region=regions, noticed=st.booleans())
    def answers(self, region: str, noticed: bool) -> None:
        self.regions[region].silent = False
        for process in self.processes if noticed else ():
            process.notice()

    @rule(seconds=st.sampled_from((1.0, 15.0, 700.0, 90000.0)))
    def time_passes(self, seconds: float) -> None:
        self.now += seconds
        self.mono += seconds

    # -- what must never happen ------------------------------------------------------------------------------------

    def check_region(self, kind: str, before: Json | None, after: Json) -> None:
        if kind == "run":
            self.check_post(after)

    def check_post(self, workflow: Json) -> None:
        """A run is POSTed from the claim that is open now, and never once it was known to exist."""
        run = read_run(workflow)
        assert run.key is not None
        raw = self.control.read("record", run.key.dotted)
        assert raw, f"{run.name} has no record"
        record = read_record(raw)
        assert record.claim is not None, f"{run.name} has no claim"
        assert (record.claim.run, claim_mark(record.uid, record.claim)) == (run.name, run.mark)
        assert not record.claim.noted
        assert run.name not in self.noted
        for memory in self.regions.values():
            placed = self.placed(memory, run.key)
            assert not placed or run.name not in {each.run for each in placed.outcomes.values()}

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
            assert new.seq >= old.seq
            if old.claim and (new.claim is None or new.claim.run != old.claim.run):
                assert new.claim is None, "a claim is replaced by another"
                self.check_closed(old.claim, new)
        if new.claim and (old is None or old.claim is None):
            self.check_claim(old or replace(new, attempts=replace(new.attempts, basis="")), new, new.claim)

    def check_closed(self, claim: Claim, record: Record) -> None:
        memory = self.regions[claim.region]
        raw = memory.read("run", claim.run)
        assert claim.noted
        assert raw is None or read_run(raw).completed
        assert all(copy.finished for copy in memory.copies_of_now(claim.run))
        if record.attempts.stalled in ("RunStopped", "RunDeleted"):
            self.ended_at[record.key] = self.claimed_at.get(record.key, -1)

    def check_claim(self, old: Record, new: Record, claim: Claim) -> None:
        process = next(each for each in self.processes if each.working)
        assert process.loop.desired is not None
        declared = process.loop.desired.environments.get(new.key)
        assert declared is not None, "nothing valid is declared"
        assert (declared.state, declared.resources) == ("Active", ())
        assert (claim.region, claim.digest) == (declared.region, declared.digest)
        assert claim.seq == old.seq + 1
        assert claim.run not in self.posted
        self.posted.add(claim.run)
        assert not (old.attempts.stalled and old.attempts.basis == claim.basis), old.attempts
        if len(self.processes) > 1:
            self.changes += 1
        assert self.ended_at.get(new.key, -1) < self.changes, "a run that a person ended is launched again"
        self.claimed_at[new.key] = self.changes
        if process.knows_all():
            assert not self.in_progress(new.key, declared.region), "another run is in progress"
        limit = LIMIT * len(self.processes)
        open_claims = [
            each for raw in self.control.all("record") if (each := self.readable(raw)) and each.claim and each != new
        ]
        taken = sum(1 for each in open_claims if each.claim and each.claim.region == claim.region)
        assert taken < limit or self.overlapped, f"{taken} runs are in progress in {claim.region}"

    @rule(which=pick)
    def quiet(self, which: int) -> None:
        """Nothing happens for a while: everything is delivered and worked off. Then another look writes nothing."""
        self.changes += 1
        process = self.process(which)
        process.settle()
        self.look_again(process)
        for key in KEYS:
            self.check_status(key)
        self.check_copies()

    def look_again(self, process: Process) -> None:
        process.deliver_all()
        writes = self.fuse.writes
        for key in KEYS:
            process.look(key)
            assert self.fuse.writes == writes, f"{key} had something left to do, and nobody was told"

    def check_status(self, key: Key) -> None:
        raw = self.control.read("record", key.dotted)
        record = self.readable(raw) if raw else None
        if record is None:
            unreadable = any(name == key.dotted for _, _, name in self.damaged)
            assert key not in self.desired.environments or unreadable
            return
        ready = condition(record, READY)
        assert ready is not None, record
        if ready.status:
            assert self.is_done(key, record), record

    def is_done(self, key: Key, record: Record) -> bool:
        of = self.desired.environments.get(key)
        if of is None:
            return False
        memory = self.regions[of.region]
        if memory.silent:
            return True
        placed = self.placed(memory, key)
        steps = wanted(memory, of)
        outcomes = placed.outcomes if placed else {}
        epoch = placed.epoch if placed else 0
        said = {step: (each.result, each.digest, each.hash, each.epoch) for step, each in outcomes.items()}
        proven = all(said.get(s) == ("Succeeded", of.digest, job.hash, epoch) for s, job in steps.items())
        return placed is not None and proven and record.applied_digest == of.digest

    def check_copies(self) -> None:
        for memory in self.regions.values():
            for copy in memory.copies() if not memory.silent else ():
                raw = memory.read("run", copy.run)
                run = read_run(raw) if raw else None
                if run is None or (run.completed and run.shutdown):
                    assert copy.finished or copy.stopped, copy

    # -- what must happen in the end -------------------------------------------------------------------------------

    def teardown(self) -> None:
        try:
            if self.processes and sys.exc_info()[0] is None:
                self.recover()
        finally:
            self.quiet_log.stop()

    def recover(self) -> None:
        """Faults end, runs succeed, people mend and retry: everything that can be Ready is, in bounded time."""
        self.repair()
        for memory in self.regions.values():
            memory.silent = False
        process = self.processes[0]
        self.processes = [process]
        process.settle()
        for key in KEYS:
            self.retry(key)
        for _ in range(12):
            process.settle()
            for _ in range(len(self.runs()) + 1):
                self.everything_succeeds()
            self.changes += 1
            self.now += 700
        process.settle()
        self.look_again(process)
        for key in self.desired.environments:
            self.check_ready(key)

    def check_ready(self, key: Key) -> None:
        of = self.desired.environments[key]
        record = read_record(self.control.objects["record", key.dotted])
        moves = record.region != of.region and (record.applied_digest or self.placed(self.regions[record.region], key))
        if of.state != "Active" or of.resources or moves:
            return
        ready = condition(record, READY)
        placed = self.placed(self.regions[of.region], key)
        removals = placed and any(not of.uses_service(step.namespace) for step in placed.outcomes)
        assert ready is not None
        assert ready.status or removals, ready
        assert self.is_done(key, record), record


Model.TestCase.settings = settings(
    max_examples=EXAMPLES or 150,
    stateful_step_count=60 if EXAMPLES else 50,
    derandomize=not EXAMPLES,
    phases=(Phase.generate,) if EXAMPLES else tuple(Phase),
    deadline=None,
    database=None,
    suppress_health_check=list(HealthCheck),
)
TestModel = Model.TestCase
