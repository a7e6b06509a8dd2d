"""Archives: small images written by hand as docker archives, since there is no registry to pull from."""

from __future__ import annotations

import hashlib
import io
import json
import shutil
import subprocess
import tarfile
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from . import containerd, versions
from .binaries import ARGO_MODULE, Binaries
from .folders import cache, locked

ARGOEXEC = f"tenantctl.local/argoexec:{versions.version('argo', ARGO_MODULE)}"
BUSYBOX = "tenantctl.local/busybox:1"
ARGOEXEC_USER = 8737  # as in Argo's own image
PASSWD = "root:x:0:0:root:/root:/bin/sh\nargo:x:8737:8737::/tmp:/bin/sh\nnobody:x:65534:65534::/tmp:/bin/sh\n"
Fill = Callable[[tarfile.TarFile], None]


def write(binaries: Binaries) -> list[Path]:
    """The archives of the sandbox, of busybox and of Argo's executor, written once each."""
    busybox = Path(shutil.which("busybox") or "/bin/busybox")
    argoexec = binaries.argo / "argoexec"
    return [
        _once(containerd.PAUSE, [busybox], _busybox(busybox), Cmd=["/bin/busybox", "sleep", "2147483647"]),
        _once(BUSYBOX, [busybox], _busybox(busybox), Cmd=["/bin/sh"]),
        _once(
            ARGOEXEC,
            [argoexec],
            _program(argoexec, "bin/argoexec"),
            Entrypoint=["argoexec"],
            User=str(ARGOEXEC_USER),
        ),
    ]


def of_program(image: str, program: Path, **settings: object) -> Path:
    """The archive of an image of one static program, found by its name; written once."""
    return _once(image, [program], _program(program, f"bin/{program.name}"), **settings)


def _busybox(program: Path) -> Fill:
    """busybox with a link for every program that it can be."""
    applets = subprocess.run([program, "--list"], capture_output=True, text=True, check=True).stdout.split()

    def fill(layer: tarfile.TarFile) -> None:
        _program(program, "bin/busybox")(layer)
        for applet in applets:
            if applet != "busybox":
                link = tarfile.TarInfo(f"bin/{applet}")
                link.type, link.linkname = tarfile.SYMTYPE, "busybox"
                layer.addfile(link)

    return fill


def _program(program: Path, path: str) -> Fill:
    """A file system with one static program, users and a place for temporary files."""

    def fill(layer: tarfile.TarFile) -> None:
        for folder, mode in (("bin", 0o755), ("etc", 0o755), ("root", 0o700), ("tmp", 0o1777)):
            info = tarfile.TarInfo(folder)
            info.type, info.mode = tarfile.DIRTYPE, mode
            layer.addfile(info)
        _file(layer, "etc/passwd", PASSWD.encode(), 0o644)
        _file(layer, "etc/group", b"root:x:0:\nargo:x:8737:\nnogroup:x:65534:\n", 0o644)
        _file(layer, "etc/nsswitch.conf", b"hosts: files dns\n", 0o644)
        _file(layer, path, program.read_bytes(), 0o755)

    return fill


def _file(archive: tarfile.TarFile, name: str, content: bytes, mode: int = 0o644) -> None:
    info = tarfile.TarInfo(name)
    info.size, info.mode = len(content), mode
    archive.addfile(info, io.BytesIO(content))


def _once(image: str, sources: Iterable[Path], fill: Fill, **settings: object) -> Path:
    identity = [f"{source} {source.stat().st_size} {source.stat().st_mtime_ns}" for source in sources]
    label = image.rpartition("/")[2].replace(":", "-")
    archive = cache() / "images" / f"{label}-{versions.digest([], image, PASSWD, *identity)}.tar"
    with locked(archive.with_suffix(".lock")):  # clusters are started at the same time
        if not archive.exists():
            unfinished = archive.with_suffix(".unfinished")
            unfinished.write_bytes(_image(image, fill, settings))
            unfinished.rename(archive)
    return archive


def _image(image: str, fill: Fill, settings: dict[str, object]) -> bytes:
    """A docker archive of one layer."""
    layer = _tar(fill)

    def pack(archive: tarfile.TarFile) -> None:
        _file(archive, "layer.tar", layer)
        _describe(archive, [image], hashlib.sha256(layer).hexdigest(), {"Env": ["PATH=/bin"], **settings})

    return _tar(pack)


def of_tree(tree: Path, images: Sequence[str], file: Path, **settings: object) -> None:
    """Writes `file`, a docker archive under all the names `images`, of the file system in the tar `tree`."""
    with tree.open("rb") as layer, tarfile.open(file, "w") as archive:
        digest = hashlib.file_digest(layer, "sha256").hexdigest()
        archive.add(tree, "layer.tar")
        _describe(archive, images, digest, settings)


def _describe(archive: tarfile.TarFile, images: Sequence[str], layer: str, settings: dict[str, object]) -> None:
    """The two files that make `layer.tar`, with its sha256, an image."""
    config = {
        "architecture": "amd64",
        "os": "linux",
        "config": settings,
        "rootfs": {"type": "layers", "diff_ids": [f"sha256:{layer}"]},
    }
    manifest = [{"Config": "config.json", "RepoTags": list(images), "Layers": ["layer.tar"]}]
    _file(archive, "config.json", json.dumps(config).encode())
    _file(archive, "manifest.json", json.dumps(manifest).encode())


def _tar(fill: Fill) -> bytes:
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        fill(archive)
    return content.getvalue()
