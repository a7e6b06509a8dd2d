"""The store: the newest version wins, groups follow, and listeners hear of what really changed."""

import threading
from typing import Any

from reconciler.adapters.kube.store import Store


def raw(name: str, version: int, color: str | None = "red") -> dict[str, Any]:
    return {"metadata": {"namespace": "n", "name": name, "resourceVersion": str(version)}, "color": color}


def make() -> tuple[Store[str], list[tuple[str | None, str | None]]]:
    told: list[tuple[str | None, str | None]] = []
    store: Store[str] = Store(lambda item: item["color"], lambda color: color, lambda old, new: told.append((old, new)))
    return store, told


def test_an_older_version_does_not_replace_a_newer_one() -> None:
    store, told = make()
    store.put(raw("a", 5, "blue"))
    store.put(raw("a", 4, "red"))
    assert store.get("n", "a") == "blue"
    assert told == [(None, "blue")]


def test_listeners_hear_of_changes_only() -> None:
    store, told = make()
    for version, color in ((1, "red"), (2, "red"), (3, "blue"), (4, None)):
        store.put(raw("a", version, color))
    assert told == [(None, "red"), ("red", "blue"), ("blue", None)]


def test_groups_follow_the_values() -> None:
    store, _ = make()
    store.put(raw("a", 1, "red"))
    store.put(raw("b", 2, "red"))
    store.put(raw("a", 3, "blue"))
    assert (store.grouped("red"), store.grouped("blue"), sorted(map(str, store.groups()))) == (
        ["red"], ["blue"], ["blue", "red"],
    )  # fmt: skip
    store.drop(raw("b", 4))
    assert store.groups() == ["blue"]


def test_a_listing_forgets_what_is_not_in_it() -> None:
    store, told = make()
    store.put(raw("a", 1))
    store.put(raw("b", 2))
    store.replace_all([raw("b", 2)])
    assert store.values() == ["red"]
    assert told[-1] == ("red", None)


def test_an_object_of_no_interest_is_not_kept() -> None:
    store, told = make()
    store.put(raw("a", 1, None))
    assert store.values() == []
    assert told == []


def test_news_of_an_end_that_is_old_leaves_what_was_made_since() -> None:
    store, _ = make()
    store.put(raw("a", 5, "blue"))
    store.drop(raw("a", 4))
    assert store.get("n", "a") == "blue"


def test_an_answer_that_comes_after_the_news_of_the_end_brings_nothing_back() -> None:
    store, _ = make()
    store.put(raw("a", 5))
    store.drop(raw("a", 6))
    store.put(raw("a", 5))
    assert store.values() == []
    store.put(raw("a", 7))
    assert store.values() == ["red"]


def test_a_value_that_is_replaced_is_there_all_the_while() -> None:
    seen: list[str | None] = []

    def look_meanwhile(color: str) -> str:
        if looking:
            thread = threading.Thread(target=lambda: seen.append(store.get("n", "a")))
            thread.start()
            thread.join(0.05)
            threads.append(thread)
        return color

    looking: list[bool] = []
    threads: list[threading.Thread] = []
    store: Store[str] = Store(lambda item: item["color"], look_meanwhile, lambda old, new: None)
    store.put(raw("a", 1, "red"))
    looking.append(True)
    store.put(raw("a", 2, "blue"))
    for thread in threads:
        thread.join(5)
    assert None not in seen
