"""The planner, guard by guard: what is seen, what is held, and that each hold falls without its guard."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.core.action import ActionKind, Hold, HoldReason, Plan, plan_id
from reconciler.core.attempts import Attempts
from reconciler.core.claim import Claim
from reconciler.core.decide import decide
from reconciler.core.finding import Finding
from reconciler.core.fleet import EVERYTHING, Fleet, Reach, Scope
from reconciler.core.gap import basis_of
from reconciler.core.guard import ATTEMPTS_MAX
from reconciler.core.mark import Mark
from reconciler.core.outcome import FailureClass, Result
from reconciler.core.step import Step
from reconciler.core.times import rfc3339
from reconciler.core.wanted import wanted_steps
from tests.core.fleet import (
    BILLING,
    KEY,
    NOW,
    SEARCH,
    UPSERTS,
    all_done,
    declaration,
    desired,
    observed,
    outcome,
    placed,
    record,
)


def decided(of: Any, seen: Any, **options: Any) -> Any:
    return decide(KEY, desired(*([of] if of else []), **options), seen, NOW)


def reasons(decision: Any) -> list[str]:
    return [str(reason) for reason in decision.action.reasons]


def test_a_new_environment_is_upserted_with_every_discovered_job() -> None:
    decision = decided(declaration(), observed())
    assert decision.action.kind is ActionKind.UPSERT
    assert decision.action.steps == (BILLING, SEARCH)
    assert reasons(decision) == ["new environment"]


def test_only_the_services_that_it_names_are_wanted() -> None:
    assert decided(declaration(services=["search"]), observed()).action.steps == (SEARCH,)


def test_a_service_that_offers_nothing_is_said_and_holds_nothing() -> None:
    of = declaration(services=["billing", "serch"])
    first = decided(of, observed())
    assert first.action.steps == (BILLING,)
    assert reasons(first) == ["new environment", "serch: no lifecycle Job is there"]
    then = decided(of, observed(of))
    assert then.settled
    assert then.notice == "no lifecycle Job of service serch is there"
    assert decided(of, observed(of, silent={"eu-west": "no route"})).notice is None


def test_a_lost_placement_is_made_again_also_where_nothing_runs() -> None:
    of = declaration(services=[])
    lost = decided(of, observed(of, placement=None))
    assert (lost.action.steps, reasons(lost)) == ((), ["the region holds no placement of it"])
    assert decided(of, observed(of, placement=None, silent={"eu-west": "no route"})).settled


def test_nothing_changed_is_nothing_to_do() -> None:
    of = declaration()
    assert decided(of, observed(of)).settled


def test_a_changed_parameter_reruns_everything_and_says_which_field() -> None:
    before, after = declaration(), declaration(parameters={"seats": 6})
    decision = decided(after, observed(before))
    assert decision.action.steps == (BILLING, SEARCH)
    assert reasons(decision) == ["parameters.seats: 5 → 6"]


@pytest.mark.parametrize("policy", [{"ring": 2}, {"owners": ["a@example.com"]}, {"deletionProtection": False}])
def test_policy_launches_nothing(policy: dict[str, Any]) -> None:
    assert decided(declaration(**policy), observed(declaration())).settled


def test_a_new_job_is_run_alone_and_not_asked_for_by_the_declaration() -> None:
    of = declaration()
    new = Step.parse("job/upsert/mail/mail-lifecycle")
    decision = decided(of, observed(of, upserts=UPSERTS | {new: "m1"}))
    assert decision.action.steps == (new,)
    assert not decision.action.asked
    assert reasons(decision) == ["mail/mail-lifecycle: not run here yet"]


def test_a_changed_job_is_run_alone() -> None:
    of = declaration()
    decision = decided(of, observed(of, upserts=UPSERTS | {SEARCH: "s2"}))
    assert decision.action.steps == (SEARCH,)
    assert reasons(decision) == ["search/search-lifecycle: the Job changed"]


def test_a_job_that_disappears_causes_no_action() -> None:
    of = declaration()
    assert decided(of, observed(of, upserts={BILLING: "b1"})).settled


@pytest.mark.parametrize(
    "fields",
    [{"result": Result.RUNNING}, {"result": Result.FAILED}, {"digest": "other"}, {"hash": "other"}, {"epoch": 2}],
    ids=lambda fields: next(iter(fields)),
)
def test_done_needs_success_digest_hash_and_epoch(fields: dict[str, Any]) -> None:
    of = declaration()
    seen = observed(of, placement=placed(of, outcome(BILLING, of, "b1"), outcome(SEARCH, of, "s1", **fields)))
    assert decided(of, seen).action.steps == (SEARCH,)


def test_an_invalid_file_holds_its_key_and_is_never_a_removal() -> None:
    of = declaration()
    finding = Finding("tenants/acme/production.yaml", 1, 1, "syntax", "broken")
    decision = decided(None, observed(of), findings=(finding,))
    assert [hold.reason for hold in decision.holds] == [HoldReason.INVALID_DECLARATION]
    assert decision.holds[0].action is None
    assert decision.action is None


def test_a_finding_of_another_tenant_holds_nothing() -> None:
    of = declaration()
    finding = Finding("tenants/globex/production.yaml", 1, 1, "syntax", "broken")
    assert decided(of, observed(of), findings=(finding,)).settled


def holds_of(of: Any, seen: Any, **options: Any) -> list[tuple[HoldReason, ActionKind | None]]:
    decision = decided(of, seen, **options)
    assert decision.action is None
    return [(hold.reason, hold.action.kind if hold.action else None) for hold in decision.holds]


CLAIM = Claim(1, "upsert", "eu-west", 1, "d", "c", (BILLING,), 1, "run-1", "2027-01-01T00:00:00Z")


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"silent": {"eu-west": "no route"}}, HoldReason.REGION_NOT_ANSWERING),
        ({"damaged": "record: key 'seq' is missing"}, HoldReason.STATE_DAMAGED),
        ({"placement": replace(all_done(declaration()), epoch=2)}, HoldReason.STATE_DAMAGED),
        ({"record": replace(record(declaration()), claim=CLAIM)}, HoldReason.RUN_IN_PROGRESS),
        ({"active": ("by-hand",)}, HoldReason.RUN_IN_PROGRESS),
    ],
    ids=["silent", "damaged", "epoch", "claim", "by hand"],
)
def test_guards_hold_an_upsert(changes: dict[str, Any], reason: HoldReason) -> None:
    seen = observed(declaration())
    wanted = declaration(parameters={"seats": 6})
    assert decided(wanted, seen).action, "without the guard's cause it is made"
    assert holds_of(wanted, replace(seen, **changes)) == [(reason, ActionKind.UPSERT)]


PAUSE = Mark("ada", "2027-01-15T07:00:00.123456Z", "upgrade")


def fleet(scope: Scope, mark: Mark = PAUSE) -> Fleet:
    return Fleet({scope: mark})


@pytest.mark.parametrize(
    ("changes", "what"),
    [
        ({"record": replace(record(declaration()), pause=PAUSE.dump())}, "acme/production"),
        ({"record": replace(record(declaration()), pause="by hand")}, "acme/production"),
        ({"fleet": fleet(EVERYTHING)}, "everything"),
        ({"fleet": fleet(Scope(Reach.TENANT, "acme"))}, "tenant acme"),
        ({"fleet": fleet(Scope(Reach.REGION, "eu-west"))}, "region eu-west"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_suspension_holds_what_is_seen_and_says_who_why_and_how_it_ends(changes: dict[str, Any], what: str) -> None:
    wanted, seen = declaration(parameters={"seats": 6}), replace(observed(declaration()), **changes)
    assert holds_of(wanted, seen) == [(HoldReason.PAUSED, ActionKind.UPSERT)]
    (hold,) = decided(wanted, seen).holds
    assert hold.message.startswith(f"{what} was suspended by ")
    assert "'tenantctl resume " in hold.message
    assert hold.until is None
    assert decided(declaration(), seen).settled, "nothing to do is nothing to hold"


def test_the_message_of_a_suspension() -> None:
    seen = observed(declaration(), fleet=fleet(Scope(Reach.TENANT, "acme"), replace(PAUSE, until=rfc3339(NOW + 5))))
    assert decided(declaration(parameters={"seats": 6}), seen).holds[0].message == (
        "tenant acme was suspended by ada at 2027-01-15T07:00:00Z until 2027-01-15T08:00:05Z: upgrade;"
        " 'tenantctl resume --tenant acme' lifts it"
    )


@pytest.mark.parametrize("scope", [Scope(Reach.TENANT, "globex"), Scope(Reach.REGION, "us-east")], ids=str)
def test_a_suspension_of_others_holds_nothing(scope: Scope) -> None:
    seen = observed(declaration(), fleet=fleet(scope))
    assert decided(declaration(parameters={"seats": 6}), seen).action


def test_a_suspension_of_the_region_that_it_is_to_go_to_holds() -> None:
    seen = observed(declaration(), fleet=fleet(Scope(Reach.REGION, "us-east")))
    assert holds_of(declaration(region="us-east"), seen) == [(HoldReason.PAUSED, ActionKind.MIGRATE)]


def test_a_suspension_passes_by_itself_with_the_last_end() -> None:
    ends = [replace(PAUSE, until=rfc3339(NOW + seconds)) for seconds in (60, 30)]
    own = replace(record(declaration()), pause=ends[0].dump())
    seen = observed(declaration(), record=own, fleet=fleet(EVERYTHING, ends[1]))
    wanted = declaration(parameters={"seats": 6})
    assert decided(wanted, seen).holds[0].until == NOW + 60
    assert "everything" in decided(wanted, seen).holds[0].message
    later = decide(KEY, desired(wanted), seen, NOW + 30).holds[0]
    assert (later.until, "everything" in later.message) == (NOW + 60, False)
    assert decide(KEY, desired(wanted), seen, NOW + 60).action


def test_a_lifted_suspension_holds_nothing() -> None:
    own = replace(record(declaration()), pause=replace(PAUSE, lifted=True).dump())
    assert decided(declaration(parameters={"seats": 6}), observed(declaration(), record=own)).action


def test_a_suspension_holds_no_state_that_only_has_to_be_written() -> None:
    of = declaration()
    done = observed(of, record=replace(record(of), applied_digest=""), fleet=fleet(EVERYTHING))
    assert decided(of, done).action.steps == ()


def test_a_run_in_progress_outranks_a_suspension() -> None:
    seen = observed(declaration(), active=("by-hand",), fleet=fleet(EVERYTHING))
    assert holds_of(declaration(parameters={"seats": 6}), seen) == [(HoldReason.RUN_IN_PROGRESS, ActionKind.UPSERT)]


def test_a_silent_region_holds_only_its_own_keys() -> None:
    of = declaration()
    assert decided(of, observed(silent={"us-east": "no route"})).action


def test_a_recorded_region_that_is_no_longer_listed_holds() -> None:
    of = declaration()
    gone = replace(record(of), region="mars")
    assert holds_of(of, observed(of, record=gone)) == [(HoldReason.UNKNOWN_REGION, ActionKind.MIGRATE)]


def test_removal_of_the_file_is_a_decommission_that_is_protected() -> None:
    assert holds_of(None, observed(declaration())) == [(HoldReason.PROTECTED, ActionKind.DECOMMISSION)]


def test_state_decommissioned_is_a_decommission_that_is_protected() -> None:
    seen = observed(declaration())
    expected = [(HoldReason.PROTECTED, ActionKind.DECOMMISSION)]
    assert holds_of(declaration(state="Decommissioned"), seen) == expected


def test_decommissioned_and_never_seen_is_nothing() -> None:
    assert decided(declaration(state="Decommissioned"), observed()).settled


def test_another_region_is_a_move() -> None:
    action = decided(declaration(region="us-east"), observed(declaration())).action
    assert (action.kind, action.source, action.target) == (ActionKind.MIGRATE, "eu-west", "us-east")


def test_another_region_before_anything_was_placed_is_an_upsert() -> None:
    first = replace(record(declaration()), applied_digest="", applied_revision="")
    decision = decided(declaration(region="us-east"), observed(record=first))
    assert (decision.action.kind, decision.action.target) == (ActionKind.UPSERT, "us-east")


def test_what_no_stage_does_yet_is_held() -> None:
    of = declaration(resources=[{"provider": "p", "name": "x"}])
    assert holds_of(of, observed()) == [(HoldReason.NOT_YET_SUPPORTED, ActionKind.UPSERT)]


def test_a_removal_is_held_and_the_rest_goes_on() -> None:
    before, after = declaration(), declaration(services=["billing"])
    decision = decided(after, observed(before))
    assert decision.action.steps == (BILLING,)
    assert decision.action.removals == ()
    (hold,) = decision.holds
    assert hold.reason is HoldReason.PROTECTED
    assert [str(step) for step in hold.action.removals] == ["job/decommission/search/search-lifecycle"]


def test_a_removal_alone_is_only_a_hold() -> None:
    after = declaration(services=["billing"])
    seen = observed(after, placement=placed(after, outcome(BILLING, after, "b1"), outcome(SEARCH, after, "s1")))
    assert holds_of(after, seen) == [(HoldReason.PROTECTED, ActionKind.UPSERT)]


def attempted(of: Any, **fields: Any) -> Any:
    base = record(of)
    basis = basis_of(of, wanted_steps(of, UPSERTS), base)
    return observed(
        of,
        record=replace(base, attempts=Attempts(basis=basis, **fields)),
        placement=placed(of, outcome(BILLING, of, "b1")),
    )


def test_a_failed_step_is_tried_again_with_the_next_number() -> None:
    of = declaration()
    action = decided(of, attempted(of, count=1)).action
    assert (action.attempt, action.steps) == (2, (SEARCH,))


def test_it_waits_until_the_next_attempt_is_due() -> None:
    of = declaration()
    seen = attempted(of, count=1, next_at=NOW + 30, message="boom")
    assert holds_of(of, seen) == [(HoldReason.RETRY_LATER, ActionKind.UPSERT)]
    assert decide(KEY, desired(of), seen, NOW).holds[0].until == NOW + 30
    assert decide(KEY, desired(of), seen, NOW + 31).action


@pytest.mark.parametrize(
    ("stalled", "reason"),
    [("AttemptsUsedUp", HoldReason.ATTEMPTS_USED_UP), ("RunStopped", HoldReason.STALLED)],
)
def test_a_stalled_record_waits_for_somebody(stalled: str, reason: HoldReason) -> None:
    of = declaration()
    assert holds_of(of, attempted(of, count=ATTEMPTS_MAX, stalled=stalled)) == [(reason, ActionKind.UPSERT)]


@pytest.mark.parametrize("what", ["declaration", "job", "retry"])
def test_a_change_of_declaration_job_or_a_retry_begins_anew(what: str) -> None:
    of = declaration()
    seen = attempted(of, count=5, stalled="AttemptsUsedUp")
    if what == "declaration":
        of = declaration(parameters={"seats": 9})
    elif what == "job":
        seen = replace(seen, upserts=UPSERTS | {SEARCH: "s2"})
    else:
        seen = replace(seen, record=replace(seen.record, retry="1 by me"))
    assert decided(of, seen).action.attempt == 1


def test_a_reason_of_a_failed_step_carries_its_message() -> None:
    of = declaration()
    failed = outcome(SEARCH, of, "s1", result=Result.FAILED, failure=FailureClass.TRANSIENT, message="no index")
    seen = observed(of, placement=placed(of, outcome(BILLING, of, "b1"), failed))
    assert reasons(decided(of, seen)) == ["search/search-lifecycle: failed in run r1: no index"]


def test_offline_nobody_looked_for_jobs() -> None:
    assert decided(declaration(), replace(observed(), upserts=None)).action.steps is None


def plan_of(*decisions: Any) -> Plan:
    return Plan(
        "c0ffee",
        tuple(decision.action for decision in decisions if decision.action),
        tuple(hold for decision in decisions for hold in decision.holds),
    )


def test_the_plan_id_is_of_what_declarations_ask_for_and_nothing_else() -> None:
    before, after = declaration(), declaration(parameters={"seats": 6})
    asked = decided(after, observed(before))
    held = decided(after, observed(before, active=("by-hand",)))
    backfill = decided(before, observed(before, upserts=UPSERTS | {SEARCH: "s2"}))
    assert plan_of(asked).id == plan_of(held).id, "held or not"
    assert plan_of(backfill).id == plan_of().id, "a backfill is not in it"
    assert plan_of(asked).id != plan_of().id
    assert plan_of(asked).id != plan_of(decided(declaration(parameters={"seats": 7}), observed(before))).id


def test_the_plan_id_tells_halted_versions_apart() -> None:
    halts = [Hold(KEY, HoldReason.ROLLOUT_HALTED, "halted", jobs=jobs) for jobs in ("", "v2", "v3")]
    assert len({plan_id((), (hold,)) for hold in halts}) == 3
    assert plan_id((), (halts[0],)) == plan_id((), ())


def test_the_plan_id_counts_removals_held_beside_the_rest() -> None:
    decision = decided(declaration(services=["billing"]), observed(declaration()))
    without = (replace(decision.action, removals=()),)
    assert plan_id((decision.action,), decision.holds) != plan_id(without, ())


STEPS = st.sets(st.sampled_from([BILLING, SEARCH, Step.parse("job/upsert/mail/mail-lifecycle")]))
HASHES = st.sampled_from(["1", "2"])


@given(
    wanted=st.dictionaries(st.sampled_from([BILLING, SEARCH]), HASHES),
    had=st.dictionaries(st.sampled_from([BILLING, SEARCH]), st.tuples(HASHES, st.sampled_from(list(Result)))),
    seats=st.integers(5, 6),
)
def test_applying_what_is_decided_leaves_nothing_to_decide(wanted: Any, had: Any, seats: int) -> None:
    """Convergence: whatever is there, doing exactly the planned steps ends in a settled environment."""
    before, after = declaration(), declaration(parameters={"seats": seats})
    outcomes = [outcome(step, before, job_hash, result=result) for step, (job_hash, result) in had.items()]
    seen = observed(before, upserts=wanted, placement=placed(before, *outcomes))
    decision = decided(after, seen)
    kept = {each.step: each for each in outcomes}
    for step in (decision.action.steps if decision.action else ()) or ():
        kept[step] = outcome(step, after, wanted[step])
    then = replace(seen, record=record(after), placement=placed(after, *kept.values()))
    assert decided(after, then).settled


def test_all_done_is_really_all() -> None:
    of = declaration()
    assert set(all_done(of).outcomes) == set(UPSERTS)
