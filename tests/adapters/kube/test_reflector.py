"""Reflectors against a scripted server: bookmarks, 410, broken streams and refusals."""

import threading
from collections.abc import Callable
from typing import Any

import pytest

from reconciler.adapters.kube import NoCluster
from reconciler.adapters.kube import reflector as module
from reconciler.adapters.kube.reflector import Reflector
from reconciler.adapters.kube.resources import CONFIG_MAPS
from reconciler.adapters.kube.store import Store
from tests.adapters.kube.api_server import api_server


def item(name: str, version: int) -> dict[str, Any]:
    return {"metadata": {"name": name, "resourceVersion": str(version)}}


def listing(version: int, *items: dict[str, Any]) -> tuple[int, Any]:
    return 200, {"metadata": {"resourceVersion": str(version)}, "items": list(items)}


def event(kind: str, body: dict[str, Any]) -> dict[str, Any]:
    return {"type": kind, "object": body}


def reflect(
    script: list[Any], until: Callable[[Store[str], Reflector], bool]
) -> tuple[list[str], list[str], list[str]]:
    """Run a reflector on the script until something holds; gives what is stored, asked and told."""
    told: list[str] = []
    heard = threading.Event()

    def tell(trouble: str) -> None:
        told.append(trouble)
        heard.set()

    store: Store[str] = Store(lambda raw: raw["metadata"]["name"], lambda name: None, lambda old, new: heard.set())
    with api_server(script) as (kube, asked):
        reflector = Reflector(kube, CONFIG_MAPS, store, "n", "", tell)
        thread = threading.Thread(target=reflector.run, daemon=True)
        thread.start()
        while not until(store, reflector):
            assert heard.wait(60), f"nothing more happened: stored {store.values()}, told {told}, asked {asked}"
            heard.clear()
        reflector.stop()
        thread.join(10)
    return sorted(store.values()), asked, told


def test_it_lists_then_watches_from_there() -> None:
    script = [listing(3, item("a", 1)), (200, [event("ADDED", item("b", 4)), event("DELETED", item("a", 5))])]
    stored, asked, told = reflect(script, lambda store, _: store.values() == ["b"])
    assert stored == ["b"]
    assert "resourceVersion=3" in asked[1]
    assert told[0] == ""


def test_a_bookmark_moves_the_version(monkeypatch: Any) -> None:
    monkeypatch.setattr(module, "WAIT_FIRST", 0.01)
    bookmark = event("BOOKMARK", item("", 90))
    script = [listing(3), (200, [bookmark]), (200, [event("ADDED", item("b", 91))])]
    _, asked, _ = reflect(script, lambda store, _: store.values() == ["b"])
    assert "resourceVersion=90" in asked[2]


def test_a_version_that_is_too_old_leads_to_a_new_listing(monkeypatch: Any) -> None:
    monkeypatch.setattr(module, "WAIT_FIRST", 0.01)
    gone = event("ERROR", {"code": 410, "message": "too old resource version"})
    script = [listing(3, item("a", 1)), (200, [gone]), listing(9, item("b", 8))]
    stored, asked, _ = reflect(script, lambda store, _: store.values() == ["b"])
    assert stored == ["b"]
    assert "watch" not in asked[2]


def test_a_refusal_is_told_and_forgets_nothing(monkeypatch: Any) -> None:
    monkeypatch.setattr(module, "WAIT_FIRST", 0.01)
    refused = (403, {"reason": "Forbidden", "message": "configmaps is forbidden"})
    script = [listing(3, item("a", 1)), *[refused] * 1000]  # for as long as it takes to see it
    stored, _, told = reflect(script, lambda _, reflector: "forbidden" in reflector.trouble)
    assert stored == ["a"], "unknown is not absent"
    assert "configmaps is forbidden" in told[-1] or "the end" in told[-1]


def test_trouble_is_over_when_the_server_answers_again(monkeypatch: Any) -> None:
    monkeypatch.setattr(module, "WAIT_FIRST", 0.01)
    script = [(503, {"reason": "x", "message": "down"}), listing(3, item("a", 1)), *[(200, [])] * 1000]
    _, _, told = reflect(script, lambda store, reflector: bool(store.values()) and not reflector.trouble)
    assert "down" in told[0]
    assert told[1] == ""


def test_a_listing_that_broke_off_is_made_again_from_its_beginning(monkeypatch: Any) -> None:
    monkeypatch.setattr(module, "WAIT_FIRST", 0.01)
    first = (200, {"metadata": {"resourceVersion": "3", "continue": "more"}, "items": [item("a", 1)]})
    script = [first, (503, {"reason": "x", "message": "down"}), listing(4, item("a", 1), item("b", 2))]
    stored, asked, told = reflect(script, lambda store, _: len(store.values()) == 2)
    assert stored == ["a", "b"]
    assert "watch" not in asked[2]
    assert "down" in told[0], "half a listing is not the answer"


def test_something_unforeseen_is_told_and_the_thread_goes_on(monkeypatch: Any) -> None:
    monkeypatch.setattr(module, "WAIT_FIRST", 0.01)
    script = [listing(3), (200, [event("ADDED", {"metadata": {"resourceVersion": "4"}})]), listing(5, item("b", 5))]
    stored, _, told = reflect(script, lambda store, _: store.values() == ["b"])
    assert stored == ["b"]
    assert any("unexpected KeyError" in each for each in told)


@pytest.mark.parametrize("error", [OSError(9, "Bad file descriptor"), ValueError(), RuntimeError("released already")])
def test_a_watch_that_ends_while_it_is_stopped_is_no_fault(error: Exception) -> None:
    class Closed:
        def shutdown(self) -> None:
            raise error

    store: Store[str] = Store(str, lambda name: None, lambda old, new: None)
    reflector = Reflector(NoCluster("memory"), CONFIG_MAPS, store, "n", "", lambda trouble: None)
    reflector._response = Closed()
    reflector.stop()
    reflector.run()
