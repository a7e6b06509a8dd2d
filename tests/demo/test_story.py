"""The commands that the demo shows are those that somebody can type: with the context and namespace of what is done."""

from types import SimpleNamespace
from typing import Any

import pytest

from tests.demo import story as module
from tests.demo.moving import Moving
from tests.demo.screen import Screen
from tests.demo.story import Story


def test_what_is_done_in_the_second_region_is_shown_with_its_context(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    kube: Any = None
    monkeypatch.setattr(module.api, "apply", lambda *_: ["namespace/billing serverside-applied"])
    monkeypatch.setattr(module.api, "label", lambda *_: None)
    monkeypatch.setattr("tests.demo.moving.ledger.install", lambda *_, **__: None)
    place, local = SimpleNamespace(name="eu-west"), SimpleNamespace(local=True, busybox="busybox:1")
    told: Any = Story(Screen(1), place, local, kube)
    Moving(told, SimpleNamespace(context="tenantctl-us-east"), kube).services()
    said = [line.strip() for line in capfd.readouterr().out.splitlines()]
    for words in (
        "apply --server-side --filename tests/examples/services/billing",
        "label namespace billing tenantctl.io/lifecycle=enabled",
    ):
        assert f"$ kubectl --context tenantctl-us-east {words}" in said
