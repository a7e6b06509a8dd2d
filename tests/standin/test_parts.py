"""Parts of the stand-in that need no cluster: names of nodes, locks, output, variables, patches."""

import pytest

from tests.standin.given import expanded
from tests.standin.locks import Locks
from tests.standin.nodes import Nodes
from tests.standin.output import Output
from tests.standin.workflows import difference


def workflow(name: str, made: str = "2027-01-01T00:00:00Z") -> dict:
    return {"metadata": {"namespace": "runs", "name": name, "creationTimestamp": made}}


def test_nodes_and_pods_are_named_as_argo_names_them():
    nodes = Nodes("run", {})
    assert nodes.id_of("run") == "run"
    assert nodes.id_of("run[0].step-0") == "run-3972186849"
    assert nodes.pod_name("run[0].step-0(0)", "step-0") == "run-step-0-11547320"


def test_a_node_is_shown_without_the_name_of_what_it_is_in():
    nodes = Nodes("run", {})
    outer = nodes.make("run", "Steps", "Running", "main", "")
    group = nodes.make("run[0]", "StepGroup", "Running", "", outer["id"])
    step = nodes.make("run[0].step(0:a/b)(1)", "Pod", "Pending", "step", outer["id"])
    assert [outer["displayName"], group["displayName"], step["displayName"]] == ["run", "[0]", "step(0:a/b)(1)"]


def test_a_lock_goes_to_the_one_that_waits_longest():
    locks, mutex = Locks(), [{"name": "acme.production"}]
    first, second, third = workflow("first"), workflow("second", "2027-01-01T00:00:01Z"), workflow("third")
    assert locks.acquire(first, mutex)[1] == ""
    assert "Waiting for runs/Mutex/acme.production lock" in locks.acquire(second, mutex)[1]
    assert locks.acquire(third, mutex)[1] != ""
    assert locks.release(("runs", "first")) == {("runs", "second"), ("runs", "third")}
    assert locks.acquire(second, mutex)[1] != "", "the third was made earlier"
    assert locks.acquire(third, mutex)[1] == ""


def test_a_lock_is_held_after_a_restart():
    before, after, mutex = Locks(), Locks(), [{"name": "m", "namespace": "elsewhere"}]
    status, _ = before.acquire(workflow("first"), mutex)
    after.learn(workflow("first") | {"status": {"synchronization": status}})
    assert after.acquire(workflow("second"), mutex)[1] != ""


def test_output_is_read_by_lines_and_the_rest_at_the_end():
    output = Output()
    output.take(b"one\ntw")
    assert [line for _, line in output.read(follow=False)] == [b"one\n"]
    output.take(b"o\nthree")
    output.take(b"")
    assert [line for _, line in output.read(follow=True)] == [b"one\n", b"two\n", b"three"]
    assert [line for _, line in output.read(follow=False, tail=1)] == [b"three"]
    assert output.end() == "one\ntwo\nthree"


@pytest.mark.parametrize(
    ("text", "result"),
    [("a $(NAME) b", "a value b"), ("$(OTHER)", "$(OTHER)"), ("$$(NAME) $5", "$(NAME) $5"), ("$(NAME", "$(NAME")],
)
def test_variables_are_expanded_as_the_kubelet_does(text, result):
    assert expanded(text, {"NAME": "value"}) == result


def test_a_patch_leads_from_one_status_to_the_next():
    before = {"phase": "Running", "message": "x", "nodes": {"a": {"phase": "Running", "children": ["b"]}}}
    after = {"phase": "Running", "nodes": {"a": {"phase": "Failed", "children": ["b"]}, "b": {}}}
    assert difference(before, after) == {"message": None, "nodes": {"a": {"phase": "Failed"}, "b": {}}}
    assert difference(after, after) == {}
