"""A wire between the reconciler and a cluster's API server that can be cut: a TCP relay on loopback."""

import socket
import threading
from contextlib import suppress
from pathlib import Path
from urllib.parse import urlsplit

import yaml

CHUNK = 65536


class Wire:
    """Relays connections to the server until it is cut; then it refuses new ones and drops those that are open."""

    def __init__(self, server: str) -> None:
        parts = urlsplit(server)
        assert parts.hostname
        assert parts.port
        self._target = (parts.hostname, parts.port)
        self._open: set[socket.socket] = set()
        self._cut = threading.Event()
        self._listener = socket.create_server(("127.0.0.1", 0))
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def url(self) -> str:
        """Where the server is reached through the wire."""
        return f"https://127.0.0.1:{self._listener.getsockname()[1]}"

    def cut(self) -> None:
        """Nothing gets through any more."""
        self._cut.set()
        for each in list(self._open):
            _close(each)

    def mend(self) -> None:
        """It is as it was."""
        self._cut.clear()

    def close(self) -> None:
        """End it."""
        self.cut()
        self._listener.close()

    def _accept(self) -> None:
        with suppress(OSError):  # the listener was closed
            while True:
                client, _ = self._listener.accept()
                if self._cut.is_set():
                    _close(client)
                else:
                    self._relay(client)

    def _relay(self, client: socket.socket) -> None:
        try:
            server = socket.create_connection(self._target, timeout=10)
        except OSError:
            _close(client)
            return
        server.settimeout(None)
        self._open |= {client, server}
        for source, target in ((client, server), (server, client)):
            threading.Thread(target=self._pump, args=(source, target), daemon=True).start()

    def _pump(self, source: socket.socket, target: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(CHUNK):
                target.sendall(data)
        for each in (source, target):
            self._open.discard(each)
            _close(each)


def _close(one: socket.socket) -> None:
    with suppress(OSError):
        one.shutdown(socket.SHUT_RDWR)
    one.close()


def through_wires(kubeconfig: Path, contexts: set[str]) -> dict[str, Wire]:
    """Rewrite a kubeconfig so that its contexts' servers are reached through wires, which are returned by context."""
    content = yaml.safe_load(kubeconfig.read_text())
    clusters = {item["name"]: item["cluster"] for item in content["clusters"]}
    wires = {}
    for item in content["contexts"]:
        if item["name"] in contexts:
            cluster = clusters[item["context"]["cluster"]]
            wires[item["name"]] = Wire(cluster["server"])
            cluster["server"] = wires[item["name"]].url
    kubeconfig.write_text(yaml.safe_dump(content))
    return wires
