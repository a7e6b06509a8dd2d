"""The work queue: nothing is lost, nothing is worked on twice at a time."""

import threading

from reconciler.controller.queue import WorkQueue
from reconciler.core.names import Key

A, B = Key("a", "x"), Key("b", "x")


def test_a_key_is_given_once_however_often_it_was_added() -> None:
    queue = WorkQueue()
    queue.add([A, A, B])
    assert [queue.get(), queue.get()] == [A, B]
    assert len(queue) == 0


def test_a_key_added_while_it_is_worked_on_comes_again_afterwards() -> None:
    queue = WorkQueue()
    queue.add([A])
    assert queue.get() == A
    queue.add([A])
    assert len(queue) == 0
    queue.done(A)
    assert queue.get() == A


def test_a_delayed_key_comes_when_it_is_due_and_the_earlier_time_counts() -> None:
    queue = WorkQueue()
    queue.add_after(A, 60)
    queue.add_after(A, 0.01)
    queue.add_after(B, 60)
    assert queue.get() == A
    assert queue.idle() is False
    queue.done(A)
    assert queue.idle()


def test_closing_wakes_everybody() -> None:
    queue = WorkQueue()
    got: list[object] = []
    waiting = threading.Thread(target=lambda: got.append(queue.get()))
    waiting.start()
    queue.close()
    waiting.join(5)
    assert got == [None]
