"""A stand-in for the calls of GitHub's API that the comment action makes: pull requests and their comments."""

import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

BOT = {"login": "github-actions[bot]", "type": "Bot"}


class GitHub(ThreadingHTTPServer):
    """One repository, `example/fleet`; `failures` are answered before anything else, one each."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.heads: dict[int, str] = {}
        self.comments: list[dict[str, Any]] = []
        self.calls: list[str] = []
        self.tokens: set[str] = set()
        self.failures: list[int] = []

    @property
    def url(self) -> str:
        """What GITHUB_API_URL is."""
        return f"http://127.0.0.1:{self.server_port}"

    def add(self, body: str, user: dict[str, str], number: int = 7) -> dict[str, Any]:
        """A comment that somebody made."""
        made = {"id": len(self.comments) + 1, "issue": number, "body": body, "user": user}
        self.comments.append(made)
        return made


class Handler(BaseHTTPRequestHandler):
    server: GitHub

    def log_message(self, *_: Any) -> None:
        """Say nothing."""

    def do_GET(self) -> None:
        self._answer("GET")

    def do_POST(self) -> None:
        self._answer("POST")

    def do_PATCH(self) -> None:
        self._answer("PATCH")

    def _answer(self, method: str) -> None:
        body = json.loads(self.rfile.read(int(self.headers.get("Content-Length", 0))) or "null")
        self.server.calls.append(f"{method} {self.path}")
        self.server.tokens.add(self.headers["Authorization"])
        code, said = (
            (self.server.failures.pop(0), {"message": "no"}) if self.server.failures else self._say(method, body)
        )
        data = json.dumps(said).encode()
        self.send_response(code)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def _say(self, method: str, body: Any) -> tuple[int, Any]:
        parts = urlsplit(self.path)
        path = parts.path.removeprefix("/repos/example/fleet")
        if method == "GET" and (found := re.fullmatch(r"/pulls/(\d+)", path)) and int(found[1]) in self.server.heads:
            return 200, {"head": {"sha": self.server.heads[int(found[1])]}}
        if found := re.fullmatch(r"/issues/(\d+)/comments", path):
            number = int(found[1])
            if method == "POST":
                return 201, self.server.add(body["body"], BOT, number)
            query = parse_qs(parts.query)
            size, page = (int(query[name][0]) for name in ("per_page", "page"))
            said = [each for each in self.server.comments if each["issue"] == number]
            return 200, said[size * (page - 1) : size * page]
        if method == "PATCH" and (found := re.fullmatch(r"/issues/comments/(\d+)", path)):
            comment = self.server.comments[int(found[1]) - 1]
            comment["body"] = body["body"]
            return 200, comment
        return 404, {"message": "Not Found"}


@contextmanager
def serving() -> Iterator[GitHub]:
    """The stand-in, for the time of the block."""
    with GitHub() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()
