"""The same life as in `test_model`, in which people also ask for admin processes: each request is at most one run.

Whatever else happens in whatever order; and once faults end, every request of an environment that is Ready is answered.
"""

from collections.abc import Sequence
from typing import Any

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import initialize, rule

from reconciler.core.admin import AdminRequest, Event, is_admin, request_of
from reconciler.core.claim import Claim
from reconciler.core.condition import READY
from reconciler.core.names import Key
from reconciler.core.placement import State
from reconciler.core.record import Record, condition, read_record
from reconciler.core.times import rfc3339
from tests.controller.life import ALL, CONTROL, KEYS, LIMIT
from tests.controller.memory import merged
from tests.controller.process import Process
from tests.controller.test_model import EXAMPLES, Model, keys, pick


class AdminModel(Model):
    """One rule more: somebody asks; and what must never become of it."""

    def __init__(self) -> None:
        super().__init__()
        self.started: dict[str, str] = {}

    def put_job(self, region: str, service: str, version: int, verbs: Sequence[str] = ALL) -> None:
        super().put_job(region, service, version, (*verbs, "admin.reindex"))

    @initialize(seats=st.integers(1, 2), declared=st.integers(1, 3))
    def begin(self, seats: int, declared: int) -> None:
        """Everything is Ready, else nothing could be asked for most of the time."""
        self.settle_in(declared, seats)
        self.processes = [Process(self)]
        for _ in range(3):
            self.processes[0].settle()
            self.everything_succeeds()
        self.processes[0].settle()

    @rule(key=keys)
    def ask(self, key: Key) -> None:
        raw = self.control.read("record", key.dotted)
        record = self.readable(raw) if raw else None
        if raw is None or record is None or request_of(record):
            return
        self.changes += 1
        self.versions += 1
        request = AdminRequest(f"n{self.versions}", "reindex", by="ada", at=rfc3339(self.now))
        self.control.put("record", key.dotted, merged(raw, {"data": {"admin": request.dump()}}))

    @rule(key=keys, which=pick, most=st.integers(0, 6), after=st.integers(0, 20))
    def ask_and_look(self, key: Key, which: int, most: int, after: int) -> None:
        """What mostly happens; and now and then the process dies over it."""
        self.ask(key)
        self.fuse.die_at = self.fuse.writes + after
        self.life_goes_on(which, most, succeed=False)
        self.fuse.die_at = -1

    looks_again, and_again = ask_and_look, ask_and_look  # chosen more often

    def check_claim(self, old: Record, new: Record, claim: Claim) -> None:
        if is_admin(claim.verb):
            self.check_admin(old, new, claim)
        else:
            super().check_claim(old, new, claim)

    def check_admin(self, old: Record, new: Record, claim: Claim) -> None:
        process = next(each for each in self.processes if each.working)
        request = request_of(old)
        assert request is not None, "it was answered already"
        assert request.id not in self.started, f"{request.id} was run as {self.started[request.id]}"
        self.started[request.id] = claim.run
        assert request_of(new) is None
        assert (new.history[-1].event, new.history[-1].run) == (Event.STARTED, claim.run)
        assert request.reference in new.history[-1].message
        assert claim.seq == old.seq + 1
        assert claim.run not in self.posted
        self.posted.add(claim.run)
        assert claim.steps
        assert (new.attempts, new.attempted_revision) == (old.attempts, old.attempted_revision)
        if process.knows_all():
            placed = self.placed(self.regions[claim.region], new.key)
            assert placed is not None
            assert (placed.state, placed.epoch) == (State.ACTIVE, claim.epoch)
            assert not self.in_progress(new.key, claim.region), "another run is in progress"
        others = [each for raw in self.control.all("record") if (each := self.readable(raw)) and each.key != new.key]
        taken = sum(1 for each in others if each.claim and each.claim.region == claim.region)
        assert taken < LIMIT * len(self.processes) or self.overlapped, f"{taken} runs are in progress"

    def recover(self) -> None:
        super().recover()
        for key in KEYS:
            self.check_answered(key)

    def check_answered(self, key: Key) -> None:
        raw = self.control.read("record", key.dotted)
        record: Any = self.readable(raw) if raw else None
        ready = condition(record, READY) if record else None
        if ready and ready.status:
            assert request_of(read_record(self.place(CONTROL).objects["record", key.dotted])) is None, record


AdminModel.TestCase.settings = settings(
    max_examples=EXAMPLES or 100,
    stateful_step_count=60 if EXAMPLES else 50,
    derandomize=not EXAMPLES,
    phases=(Phase.generate,) if EXAMPLES else tuple(Phase),
    deadline=None,
    database=None,
    suppress_health_check=list(HealthCheck),
)
TestAdminModel = AdminModel.TestCase
