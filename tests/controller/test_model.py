"""The loop against clusters in memory: whatever happens in whatever order, what must never happen does not.

Hypothesis chooses what commits, Jobs, runs, people and failures do, and when each watch delivers; the loop, the
reconciler, the world and their stores are the real ones, only without threads. Once faults end, everything valid must
become Ready, and then nothing may be written any more. TENANTCTL_MODEL_EXAMPLES searches longer, at random.
"""

import os
import sys
from typing import Any
from unittest import mock

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from reconciler.controller import loop as loop_module
from reconciler.controller import safety as safety_module
from reconciler.core.action import HoldReason
from reconciler.core.condition import READY
from reconciler.core.declaration import Declaration
from reconciler.core.labels import FLEET
from reconciler.core.names import Key
from reconciler.core.observed import read_run
from reconciler.core.outcome import FailureClass
from reconciler.core.record import Record, condition, read_record
from reconciler.core.step import Verb
from tests.controller.bridges import CONTROL, HALF
from tests.controller.invariants import BUDGET, Invariants
from tests.controller.life import ALL, HELD, KEYS, REGIONS, SERVICES, Life
from tests.controller.memory import Died
from tests.controller.process import IN_CONTROL, IN_REGIONS, Process
from tests.controller.stores import Place

EXAMPLES = int(os.environ.get("TENANTCTL_MODEL_EXAMPLES", "0"))

pick = st.integers(0, 11)
keys = st.sampled_from(KEYS)
regions = st.sampled_from((*REGIONS[:1] * 2, REGIONS[1]))
services = st.sampled_from(SERVICES)
specs = st.fixed_dictionaries(
    {"seats": st.integers(1, 2), "region": regions},
    optional={
        "services": st.sampled_from(([], ["billing"], ["search"])),
        "ring": st.integers(0, 1),
        "deletionProtection": st.sampled_from((False, False, True)),
    },
)
failures = st.sampled_from(("", "", "plain", HALF, *FailureClass))
odd_specs = st.sampled_from(
    (
        *(None, None, HELD, {"resources": [{"provider": "p", "name": "r"}]}),
        *({"state": "Decommissioned"}, {"state": "Decommissioned", "deletionProtection": False}),
    )
)
# billing has data, so it exports it; what search can do changes.
billing = st.sampled_from((ALL, ALL, ALL, ALL[:2] + ALL[3:]))
search = st.sampled_from((ALL[:1], (Verb.UPSERT, Verb.DECOMMISSION), ALL))
hand_verbs = st.sampled_from((Verb.UPSERT, *Verb))


class Model(Invariants, RuleBasedStateMachine):
    """The rules: what happens to the clusters (`Life`), to one or two processes, to watches and to time."""

    def __init__(self) -> None:
        RuleBasedStateMachine.__init__(self)
        Life.__init__(self)
        self.patches = [
            mock.patch.object(loop_module, "log", mock.Mock()),
            mock.patch.object(safety_module, "BUDGET_LEAST", BUDGET),
        ]
        for patch in self.patches:
            patch.start()
        self.watch()

    change = rule(key=keys, spec=specs)(Life.change)
    change_oddly = rule(key=keys, spec=odd_specs)(Life.change_oddly)

    @rule(region=regions, service=services, version=st.integers(1, 2), data=st.data())
    def released(self, region: str, service: str, version: int, data: Any) -> None:
        self.release(region, service, version, data.draw(billing if service == "billing" else search))

    remove_job = rule(region=regions, service=services, again=st.booleans())(Life.remove_job)
    toggle_namespace = rule(region=regions, service=services)(Life.toggle_namespace)
    bridges_start = rule(which=pick, only_first=st.booleans())(Life.bridges_start)
    job_ends = rule(which=pick, failure=failures, lost=st.booleans())(Life.job_ends)
    pods_end = rule(which=pick, late=st.booleans())(Life.pods_end)
    workflow_ends = rule(which=pick, bridges_lost=st.booleans())(Life.workflow_ends)
    stop_run = rule(which=pick, word=st.sampled_from(("Stop", "Terminate")), bridges_lost=st.booleans())(Life.stop_run)
    delete_run = rule(which=pick, completed=st.booleans())(Life.delete_run)
    run_by_hand = rule(key=keys, region=regions, verb=hand_verbs)(Life.run_by_hand)
    retry = rule(key=keys)(Life.retry)
    use = rule(key=keys)(Life.use)
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

    # -- people and git --------------------------------------------------------------------------------------------

    @rule(which=pick, key=keys, without_source=st.booleans())
    def approve(self, which: int, key: Key, without_source: bool) -> None:
        self.changes += self.process(which).approve(key, without_source)

    @rule(untrusted=st.booleans(), not_shown=st.sets(keys, max_size=1), renamed=st.booleans())
    def git_says(self, untrusted: bool, not_shown: set[Key], renamed: bool) -> None:
        self.past.untrusted = "it does not follow from what was accepted" if untrusted else ""
        self.past.not_shown = not_shown
        self.past.twins = {KEYS[0]: KEYS[1], KEYS[1]: KEYS[0]} if renamed else {}
        for process in self.processes:
            process.loop.queue.add(KEYS)  # in life it says something else when something else is declared

    @rule(key=keys, back=st.booleans())
    def moves(self, key: Key, back: bool) -> None:
        """Declared in the other region, whatever else is declared of it."""
        spec = self.specs.get(key)
        if isinstance(spec, dict):
            self.change(key, spec | {"region": REGIONS[spec["region"] == REGIONS[0]]})

    @rule(fleet=st.booleans(), records=st.booleans())
    def control_plane_is_lost(self, fleet: bool, records: bool) -> None:
        for key in KEYS if records else ():
            self.delete_record(key)
        if fleet:
            self.delete_fleet()

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

    @rule(seconds=st.sampled_from((1.0, 15.0, 700.0, 90000.0, 2700000.0)))
    def time_passes(self, seconds: float) -> None:
        self.now += seconds
        self.mono += seconds

    # -- quiet -----------------------------------------------------------------------------------------------------

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
        for _ in range(2):
            process.loop._settle_accounts(self.desired)  # the books are settled with the next pass, whosever that is
        writes = self.fuse.writes
        for key in KEYS:
            process.look(key)
            assert self.fuse.writes == writes, f"{key} had something left to do, and nobody was told"

    def check_status(self, key: Key) -> None:
        raw = self.control.read("record", key.dotted)
        record = self.readable(raw) if raw else None
        if record is None:
            unreadable = any(name == key.dotted for _, _, name in self.damaged)
            silent = any(memory.silent for memory in self.regions.values())  # whether it is new is not known then
            assert key not in self.desired.environments or unreadable or silent
            return
        ready = condition(record, READY)
        assert ready is not None, record
        if ready.status:
            assert self.is_done(key, record), record

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
            for patch in self.patches:
                patch.stop()

    def recover(self) -> None:
        """Faults end, runs succeed, people mend, retry and approve: everything comes to its end, in bounded time."""
        self.mend()
        process = self.processes[0]
        self.processes = [process]
        process.settle()
        for key in KEYS:
            self.retry(key)
        for _ in range(16):
            process.settle()
            for _ in range(len(self.runs()) + 1):
                self.everything_succeeds()
            for key in KEYS:
                self.people_help(process, key)
            self.changes += 1
            self.now += 700
        process.settle()
        self.look_again(process)
        for key in KEYS:
            self.check_end(key)

    def people_help(self, process: Process, key: Key) -> None:
        """They approve what is held, declare again what lost its placement, and move and change services apart."""
        process.deliver_all()
        process.approve(key)
        record = self.record_of(key)
        ready = condition(record, READY) if record else None
        spec = self.specs.get(key)
        if ready and ready.reason == HoldReason.VERBS_NOT_SYMMETRIC and isinstance(spec, dict) and record:
            self.change(key, {name: spec[name] for name in spec if name != "services"} | {"region": record.region})
        if record and ready and ready.reason == HoldReason.STATE_DAMAGED and spec != HELD:
            self.change(key, {"seats": 1, "region": record.region})

    def mend(self) -> None:
        self.repair()
        self.git_says(untrusted=False, not_shown=set(), renamed=False)
        for name, memory in self.regions.items():
            memory.silent = False
            for service in SERVICES:
                self.put_namespace(name, service)
                self.release(name, service, 3)
        if self.control.read("fleet", FLEET) is None:
            self.put_fleet(0)

    def check_end(self, key: Key) -> None:
        of = self.desired.environments.get(key)
        raw = self.control.read("record", key.dotted)
        record = read_record(raw) if raw else None
        if of is None and self.specs.get(key) == HELD:
            return
        if of is None:
            assert record is None or record.gone, record
        elif of.state != "Active":
            assert record is None or record.gone or of.policy.deletion_protection, record
        elif not of.resources:
            assert record
            self.check_ready(key, of, record)

    def check_ready(self, key: Key, of: Declaration, record: Record) -> None:
        ready = condition(record, READY)
        placed = self.placed(self.regions[of.region], key)
        removals = placed and any(not of.uses_service(step.namespace) for step in placed.outcomes)
        assert ready is not None
        assert ready.status or removals, ready
        assert self.is_done(key, record), record
        home = Place(of.region, key, "billing")
        others = [each for each in self.stores.content if each.key == key and each.region != of.region]
        left = [each for each in others if each.service == "billing" and each not in self.stores.orphans]
        assert not left, f"{left} are left behind, the environment is in {of.region}"
        assert home in self.stores.content or not of.uses_service("billing")


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
