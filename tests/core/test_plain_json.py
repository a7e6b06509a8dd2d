"""JSON that others wrote: whatever is wrong with it is a ValueError, and damage stays with the one it is in."""

from dataclasses import dataclass
from typing import Any

import pytest

from reconciler.core import placement, record
from reconciler.core.errors import Damaged
from reconciler.core.fleet import read_fleet
from reconciler.core.mark import Mark
from reconciler.core.outcome import Outcome
from reconciler.core.plain_json import DEPTH_MAX, loads, typed
from reconciler.core.termination import read_termination
from tests.core.fleet import BILLING, KEY, all_done, declaration
from tests.core.fleet import record as applied

DEEP = "[" * 50_000
BAD = [DEEP, "[" * 50_000 + "]" * 50_000, "1e999", "-1e999", "NaN", "Infinity", '{"a": 1e999}', "{", ""]


@pytest.mark.parametrize("text", BAD, ids=lambda text: text[:12] or "empty")
def test_what_is_wrong_is_a_value_error(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        loads(text)


def test_the_depth_is_bounded_and_what_is_within_is_read() -> None:
    def nested(levels: int) -> str:
        return "[" * levels + "]" * levels

    assert loads(nested(DEPTH_MAX))
    with pytest.raises(ValueError, match="levels deep"):
        loads(nested(DEPTH_MAX + 2))
    assert loads('{"a": [1, 2.5, true, null]}') == {"a": [1, 2.5, True, None]}


@dataclass(frozen=True)
class Sample:
    text: str = ""
    count: int = 0
    ratio: float = 0
    truth: bool = False


@pytest.mark.parametrize("fields", [{"text": 1}, {"count": "1"}, {"count": True}, {"ratio": "x"}, {"truth": 1}])
def test_a_field_of_the_wrong_type_is_named(fields: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(fields))):
        typed(Sample(**fields))


def test_fields_of_the_right_types_pass() -> None:
    assert typed(Sample("a", 1, 2, True)) == Sample("a", 1, 2, True)


@pytest.mark.parametrize(
    ("key", "text"),
    [
        ("policy", DEEP),
        ("policy", '{"ring": "x"}'),
        ("attempts", '{"next_at": "soon"}'),
        ("history", '[{"at": 5, "event": "x", "message": "y"}]'),
        ("claim", '{"seq":"x","verb":5,"region":"eu-west","epoch":"x","digest":"d","revision":"r","steps":[],'
                  '"attempt":"x","run":"r","at":5,"noted":true}'),
    ],
)  # fmt: skip
def test_a_record_that_somebody_edited_is_damaged_and_raises_nothing_else(key: str, text: str) -> None:
    raw = record.config_map_of(applied(declaration()), "tenantctl")
    raw["data"][key] = text
    with pytest.raises(Damaged, match=r"record acme\.production"):
        record.read_record(raw)


@pytest.mark.parametrize("text", [DEEP, '{"step": "job/upsert/a/b", "digest": "d", "epoch": 1e999, "run": "r"}'])
def test_a_placement_that_somebody_edited_is_damaged_and_raises_nothing_else(text: str) -> None:
    raw = placement.config_map_of(all_done(declaration()), "w")
    raw["data"][BILLING.data_key] = text
    with pytest.raises(Damaged, match=r"placement acme\.production"):
        placement.read_placement(raw)


def test_an_outcomes_fields_have_their_types() -> None:
    good = all_done(declaration()).outcomes[BILLING].dump()
    assert Outcome.load(good).step == BILLING
    with pytest.raises(ValueError, match="message"):
        Outcome.load(good[:-1] + ',"message":{}}')


def test_any_text_there_is_a_suspension() -> None:
    assert Mark.load(DEEP).reason == DEEP
    raw = {"metadata": {"name": "fleet", "namespace": "tenantctl"}, "data": {"pause.all": DEEP, "history": DEEP}}
    assert read_fleet(raw).over(KEY, ["eu-west"])


@pytest.mark.parametrize("said", ['{"retryAfter":1e999,"class":"transient"}', '{"outputs":{"a":1e999}}'])
def test_a_number_that_is_none_makes_a_termination_message_plain_text(said: str) -> None:
    found = read_termination(said, "File")
    assert (found.failure, found.retry_after, found.outputs) == (None, 0, {})


def test_outputs_are_nested_as_deep_as_a_placement_can_be_read_and_no_deeper() -> None:
    deep = '{"outputs":{"a":' + "[" * 30 + "]" * 30 + "}}"
    assert read_termination(deep, "File").outputs == {}
