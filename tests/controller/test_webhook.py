"""The receiver over HTTP, before a source that fetches from a real git server."""

import hashlib
import hmac
import http.client
import json
import queue
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import Counter

from reconciler.adapters.credentials import Credential, Credentials
from reconciler.adapters.git import Repository
from reconciler.controller import source as source_module
from reconciler.controller import webhook
from reconciler.controller.metrics import Metrics
from reconciler.controller.source import Source
from reconciler.controller.webhook import AT_ONCE, PATH, Receiver, WebhookServer
from reconciler.core.desired import Desired
from reconciler.core.errors import TenantctlError
from reconciler.core.webhook import BODY_MAX
from tests.controller.test_source import commit, git
from tests.e2e.waiting import eventually
from tests.gitserver import GitServer, serving

SECRET = "a secret that is long enough"
WAIT = 20


class Sender:
    """Sends requests to a receiver, as a git host does."""

    def __init__(self, port: int) -> None:
        self.port = port

    def send(self, method: str = "POST", path: str = PATH, body: bytes = b"", **headers: str) -> tuple[int, str]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=WAIT)
        try:
            connection.request(method, path, body, {name.replace("_", "-"): text for name, text in headers.items()})
            answer = connection.getresponse()
            return answer.status, str(json.load(answer)["message"])
        finally:
            connection.close()

    def github(self, payload: Any, secret: str = SECRET, event: str = "push", **more: str) -> tuple[int, str]:
        body = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
        signature = "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
        said = {"X-Hub-Signature-256": signature, "X-GitHub-Event": event, "Content-Type": "application/json"}
        return self.send(body=body, **(said | more))

    def gitlab(self, payload: Any, token: str = SECRET, event: str = "Push Hook") -> tuple[int, str]:
        said = {"X-Gitlab-Token": token, "X-Gitlab-Event": event, "Content-Type": "application/json"}
        return self.send(body=json.dumps(payload).encode(), **said)


class Looks:
    """A stand-in for the source: it counts the hints."""

    def __init__(self) -> None:
        self.number = 0

    def __call__(self) -> None:
        self.number += 1


@contextmanager
def listening(
    look: Callable[[], None], secret: Callable[[], str | None] = lambda: SECRET, requests: Counter | None = None
) -> Iterator[Sender]:
    server = WebhookServer(("127.0.0.1", 0), Receiver(secret, "main", look, requests or Metrics().webhooks))
    server.start()
    try:
        yield Sender(server.port)
    finally:
        server.stop()


@pytest.fixture
def looks() -> Looks:
    return Looks()


@pytest.fixture
def sender(looks: Looks) -> Iterator[Sender]:
    with listening(looks) as made:
        yield made


PUSH = {"ref": "refs/heads/main", "after": "0" * 40}


def test_a_push_is_accepted_and_hints(sender: Sender, looks: Looks) -> None:
    assert sender.github(PUSH) == (202, "look")
    assert sender.gitlab(PUSH) == (202, "look")
    assert looks.number == 2


def test_what_is_not_for_us_is_accepted_and_hints_nothing(sender: Sender, looks: Looks) -> None:
    assert sender.github({"ref": "refs/heads/feature"}) == (202, "other reference")
    assert sender.github({"zen": "Keep it logically awesome."}, event="ping") == (202, "other event")
    assert sender.gitlab({}, event="Issue Hook") == (202, "other event")
    assert looks.number == 0


def test_forged_requests_are_refused_before_they_are_looked_into(
    sender: Sender, looks: Looks, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(webhook, "hint", lambda *_: 1 / 0)
    assert sender.github(PUSH, secret="another secret, a wrong one")[0] == 401
    assert sender.gitlab(PUSH, token="another secret, a wrong one")[0] == 401
    assert sender.github(PUSH, **{"X-Hub-Signature-256": "sha256=" + "0" * 64, "X-Gitlab-Token": SECRET})[0] == 401
    status, said = sender.send(body=b"{}")
    assert status == 401
    assert "X-Hub-Signature-256" in said
    assert SECRET not in said
    assert looks.number == 0


def test_malformed_requests_are_refused(sender: Sender, looks: Looks) -> None:
    assert sender.github(b"{")[0] == 400
    assert sender.github(b"[" * 900_000)[0] == 400
    assert sender.send("GET", "/")[0] == 404
    assert sender.send("POST", "/webhook/../healthz")[0] == 404
    assert sender.send("DELETE") == (501, "Not Implemented")
    assert sender.send(**{"X-Long": "x" * 70_000}) == (431, "Request Header Fields Too Large")
    assert sender.send(body=b"x", Content_Length="-1")[0] == 411
    assert sender.send(body=b"x", Content_Length="1e3")[0] == 411
    assert looks.number == 0


def test_a_body_in_chunks_is_refused(sender: Sender) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", sender.port, timeout=WAIT)
    connection.request("POST", PATH, iter([b"{}"]), {"Transfer-Encoding": "chunked"}, encode_chunked=True)
    assert connection.getresponse().status == 411
    connection.close()


def test_a_body_of_the_most_is_read_and_one_more_is_not(sender: Sender, looks: Looks) -> None:
    body = json.dumps(PUSH).encode()
    assert sender.github(body + b" " * (BODY_MAX - len(body)))[0] == 202
    assert sender.github(body + b" " * (BODY_MAX - len(body) + 1))[0] == 413
    assert sender.github(body + b" " * (3 * BODY_MAX))[0] == 413
    assert sender.send(Content_Length="9" * 500)[0] == 413
    assert looks.number == 1


def test_a_replayed_request_is_a_hint_like_any_other(sender: Sender, looks: Looks) -> None:
    assert [sender.github(PUSH)[0] for _ in range(3)] == [202] * 3
    assert looks.number == 3


def test_without_a_usable_secret_nobody_is_let_in(tmp_path: Path, looks: Looks) -> None:
    credentials = Credentials(tmp_path)
    file = tmp_path / Credential.WEBHOOK_SECRET.value
    with listening(looks, lambda: credentials.text(Credential.WEBHOOK_SECRET)) as sender:
        assert sender.github(PUSH, secret="") == (503, "there is no webhook-secret")
        for content, said in (("", "is empty"), ("\n", "is empty"), ("short\n", "less than 16 characters")):
            file.write_text(content)
            for status, answer in (
                sender.github(PUSH, secret=content.strip()),
                sender.gitlab(PUSH),
                sender.send("GET"),
            ):
                assert (status, said in answer) == (503, True)
        file.write_text(f"{SECRET}\n")
        assert sender.send("GET") == (200, "tenantctl listens here for webhooks: POST")
        assert sender.github(PUSH)[0] == 202
        file.write_text("a rotated secret, as long\n")
        assert sender.github(PUSH)[0] == 401
    assert looks.number == 1


def test_who_sends_nothing_is_cut_off_and_takes_nobodys_place_for_long(
    looks: Looks, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(webhook, "SECONDS", 0.5)
    with listening(looks) as sender:
        idle = [socket.create_connection(("127.0.0.1", sender.port), WAIT) for _ in range(AT_ONCE)]
        idle[0].sendall(b"POST /webhook HTTP/1.1\r\nContent-Length: 1000\r\n\r\n{")
        assert [connection.recv(1000) for connection in idle] == [b""] * AT_ONCE
        for connection in idle:
            connection.close()
        monkeypatch.setattr(webhook, "SECONDS", float(WAIT))
        assert eventually(lambda: sender.github(PUSH)[0], "one of the places to be free", WAIT) == 202


def test_more_at_once_than_there_are_places_are_sent_away(looks: Looks) -> None:
    metrics = Metrics()
    with listening(looks, requests=metrics.webhooks) as sender:
        idle = [socket.create_connection(("127.0.0.1", sender.port), WAIT) for _ in range(AT_ONCE)]
        with socket.create_connection(("127.0.0.1", sender.port), WAIT) as late:
            assert late.recv(1000) == b""
        for connection in idle:
            connection.close()
    assert metrics.registry.get_sample_value("tenantctl_webhook_requests_total", {"result": "too many"}) == 1


def test_what_came_is_counted_and_logged_without_secrets(looks: Looks, capsys: pytest.CaptureFixture[str]) -> None:
    metrics = Metrics()
    with listening(looks, requests=metrics.webhooks) as sender:
        sender.github(PUSH)
        for _ in range(5):
            sender.gitlab(PUSH, token="a wrong guess of it")
    value = metrics.registry.get_sample_value
    assert value("tenantctl_webhook_requests_total", {"result": "look"}) == 1
    assert value("tenantctl_webhook_requests_total", {"result": "refused"}) == 5
    said = "".join(capsys.readouterr())
    assert said.count("webhook refused") == 1  # strangers do not decide how long the log gets
    assert SECRET not in said
    assert "a wrong guess" not in said


# -- with a source and a git server -----------------------------------------------------------------------------------


@pytest.fixture
def remote(tmp_path: Path) -> Iterator[GitServer]:
    folder = tmp_path / "remote/fleet"
    folder.mkdir(parents=True)
    git(folder, "init", "-qb", "main")
    commit(folder, "first")
    with serving(tmp_path / "remote") as server:
        yield server


@contextmanager
def following(remote: GitServer, cache: Path) -> Iterator[tuple[Sender, "queue.Queue[Desired | TenantctlError]"]]:
    """A source that looks once an hour by itself, and a receiver before it; what it told."""
    told: queue.Queue[Desired | TenantctlError] = queue.Queue()
    with Repository.open(remote.url("fleet"), cache=cache) as repository:
        source = Source(repository, "main", 3600, None, told.put, told.put)
        thread = threading.Thread(target=source.run, daemon=True)
        thread.start()
        try:
            with listening(source.hint) as sender:
                yield sender, told
        finally:
            source.stop()
            thread.join(WAIT)


def revision(told: "queue.Queue[Desired | TenantctlError]") -> str:
    found = told.get(timeout=WAIT)
    assert isinstance(found, Desired), found
    return found.revision


def test_a_push_is_read_at_once_and_its_content_is_not_believed(remote: GitServer, tmp_path: Path) -> None:
    folder = remote.root / "fleet"
    with following(remote, tmp_path / "cache") as (sender, told):
        first = revision(told)
        second = commit(folder, "second")
        assert sender.github(PUSH | {"after": first, "repository": {"clone_url": "ext::sh -c true"}})[0] == 202
        assert revision(told) == second


def test_of_a_flood_one_fetch_is_under_way_and_one_follows(
    remote: GitServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(source_module, "REST_SECONDS", 0.0)
    folder, gate, fetching = remote.root / "fleet", threading.Event(), threading.Event()
    real = Repository.fetch
    fetches = []
    done = threading.Semaphore(0)

    def slow(self: Repository) -> None:
        fetches.append(time.monotonic())
        if len(fetches) == 2:
            fetching.set()
            assert gate.wait(WAIT)
        real(self)
        done.release()

    monkeypatch.setattr(Repository, "fetch", slow)
    with following(remote, tmp_path / "cache") as (sender, told):
        revision(told)
        sender.github(PUSH)
        assert fetching.wait(WAIT)
        second = commit(folder, "second")
        assert {sender.github(PUSH)[0] for _ in range(50)} == {202}
        assert len(fetches) == 2
        gate.set()
        assert revision(told) == second
        third = commit(folder, "third")
        sender.github(PUSH)
        assert revision(told) == third
        while done.acquire(timeout=1):  # what the last hint asked for may be fetched after its commit was read
            pass
    assert len(fetches) <= 4


def test_endless_hints_are_a_look_a_second(remote: GitServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(source_module, "REST_SECONDS", 3600.0)
    fetched = threading.Semaphore(0)
    real = Repository.fetch
    monkeypatch.setattr(Repository, "fetch", lambda self: (real(self), fetched.release()))
    with following(remote, tmp_path / "cache") as (sender, told):
        revision(told)
        assert fetched.acquire(timeout=WAIT)
        for _ in range(20):
            sender.github(PUSH)
        assert not fetched.acquire(timeout=1)
