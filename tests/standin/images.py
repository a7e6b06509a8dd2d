"""Images: what stands for each image that the tests name, and how its containers are started."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tests.cluster.archives import BUSYBOX, PASSWD
from tests.cluster.folders import REPOSITORY
from tests.cluster.image import NAME as OURS

HOST = "tenantctl.local/host:1"  # this machine's own programs, for lifecycle code in Python
PYTHON_PATHS = (sys.base_prefix, sys.prefix, str(REPOSITORY))
OF_HOST = tuple(map(Path, ("/usr", "/etc/ssl", "/etc/ld.so.cache", *PYTHON_PATHS)))
OUR_USER = 65532  # as in our Dockerfile


@dataclass(frozen=True)
class Image:
    """`tree` is a folder of its own, else the machine's programs; `bridge`: its Python is one that we have already."""

    tree: Path | None = None
    command: tuple[str, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    user: int = 0
    folder: str = "/"
    bridge: bool = False


class Images:
    """The images of one cluster, in a folder of its state."""

    def __init__(self, folder: Path) -> None:
        self._busybox = Image(_busybox(folder / "busybox"), ("/bin/sh",), {"PATH": "/bin"})
        path = {"PATH": f"{Path(sys.executable).parent}:/usr/local/bin:/usr/bin:/bin"}
        self._host = Image(None, ("/bin/sh",), path | {"PYTHONPATH": str(REPOSITORY)})
        ours = path | {"HOME": "/tmp", "PYTHONUNBUFFERED": "1"}
        self._ours = Image(None, ("tenantctl",), ours, OUR_USER, "/tmp", bridge=True)

    def find(self, name: str) -> Image | None:
        """None for an image that could not be pulled."""
        if name == BUSYBOX:
            return self._busybox
        if name == HOST:
            return self._host
        return self._ours if name.rpartition(":")[0] == OURS else None


def _busybox(tree: Path) -> Path:
    """busybox with a link for every program that it can be; see `tests.cluster.archives`."""
    if not tree.exists():
        program = Path(shutil.which("busybox") or "/bin/busybox")
        (tree / "bin").mkdir(parents=True)
        (tree / "etc").mkdir()
        (tree / "etc" / "passwd").write_text(PASSWD)
        shutil.copy(program, tree / "bin" / "busybox")
        for applet in subprocess.run([program, "--list"], capture_output=True, text=True, check=True).stdout.split():
            if applet != "busybox":
                (tree / "bin" / applet).symlink_to("busybox")
    return tree
