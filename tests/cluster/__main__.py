"""The command line: `python -m tests.cluster up|down|status|image|build|objectstore`, which the Makefile calls."""

from __future__ import annotations

import argparse
import functools
import sys

from . import argocd, argoevents, cluster, existing, image, lifecycle, objectstore, owner, postgres, requirements
from .binaries import argo_cd, argo_events, build, object_store
from .failure import ClusterError
from .owner import OwnedError
from .progress import Progress

EXTRA = {"postgres": postgres.provide}
OPTIONS = {"argocd": argocd.provide, "argoevents": argoevents.provide}
say = functools.partial(print, file=sys.stderr, flush=True)


def main() -> int:
    arguments = _parser().parse_args()
    try:
        return arguments.act(arguments)
    except ClusterError as error:
        say(f"error: {error}")
        return 1
    except KeyboardInterrupt:
        say("interrupted; what was started is cleaned up by the next up or down")
        return 130


def _up(arguments: argparse.Namespace) -> int:
    if arguments.context:
        found = existing.use(arguments.name, arguments.context, arguments.image, say)
    else:
        found = lifecycle.up(arguments.name, say, with_image=not arguments.no_image)
        for option in arguments.options:
            OPTIONS[option](arguments.name, say)
    print(found.kubeconfig)
    return 0


def _down(arguments: argparse.Namespace) -> int:
    if arguments.name:
        lifecycle.down(arguments.name, say, force=arguments.force)
    elif arguments.force:
        raise ClusterError("--force ends clusters of other users", remedy="name the cluster with --name")
    else:
        _down_all()
    return 0


def _down_all() -> None:
    for name in lifecycle.known():
        try:
            lifecycle.down(name, say)
        except OwnedError as error:
            say(f"skipped: {error.what}")


def _status(arguments: argparse.Namespace) -> int:
    names = [arguments.name] if arguments.name else lifecycle.known()
    for name in names:
        found = cluster.find(name)
        owners = ", ".join(map(str, owner.of(name)))
        print(f"{name}\t{_condition(name)}\t{found.kubeconfig if found else '-'}\t{owners or '-'}")
    return 0 if names and all(cluster.find(name) for name in names) else 1


def _condition(name: str) -> str:
    if cluster.find(name):
        return "up"
    return "half dead: make cluster-up starts it anew" if name in lifecycle.known() else "down"


def _image(arguments: argparse.Namespace) -> int:
    running = cluster.find(arguments.name)
    if running is None or not running.local:
        raise ClusterError(f"no local cluster {arguments.name} runs", remedy="make cluster-up")
    if arguments.extra:
        print(EXTRA[arguments.extra](arguments.name, say))
    else:
        print(lifecycle.up(arguments.name, say).image)
    return 0


def _build(_: argparse.Namespace) -> int:
    """Everything that tests and demo need, in the order in which they need it; no time where it was built before."""
    requirements.check()
    requirements.install((*requirements.RUN, *requirements.IMAGE, *requirements.ARGO_CD), tell := Progress(say))
    built = build(tell)
    image.archive(tell)
    others = [make(tell) for make in (object_store, argo_cd, argo_events)]
    print(built.kubernetes, built.argo, *others, postgres.archive(tell), sep="\n")
    return 0


def _object_store(arguments: argparse.Namespace) -> int:
    if arguments.do == "up":
        objectstore.up(say)
    elif arguments.do == "down":
        objectstore.down(say, force=arguments.force)
        return 0
    found, users = objectstore.find(), ", ".join(map(str, objectstore.users()))
    print(f"{found.endpoint}/{found.bucket}\t{objectstore.note()}\t{users or '-'}" if found else "down")
    return 0 if found else 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.cluster", description=__doc__)
    actions = parser.add_subparsers(required=True, metavar="up|down|status|image|build|objectstore")
    start = actions.add_parser("up", help="start a cluster, or bring our image in a running one up to date")
    start.add_argument("--context", help="use the cluster of this kubeconfig context; build and start nothing")
    start.add_argument("--image", default="", help="with --context: our image as that cluster can pull it")
    start.add_argument("--no-image", action="store_true", help="leave our own image out")
    start.add_argument(
        "--with", dest="options", action="append", default=[], choices=OPTIONS, help="start this too; can be repeated"
    )
    stop = actions.add_parser("down", help="stop a cluster, or all that no one else owns; leaves nothing behind")
    stop.add_argument("--force", action="store_true", help="with --name: stop it even if someone else owns it")
    status = actions.add_parser("status", help="which clusters run, and who owns them; exit code 1 unless all run")
    refresh = actions.add_parser("image", help="build our image and import it if the sources changed")
    refresh.add_argument("--with", dest="extra", choices=EXTRA, help="instead: an image that only some services need")
    only_build = actions.add_parser("build", help="build what clusters, tests and demo run, and start nothing")
    store = actions.add_parser(
        "objectstore", help="S3 for all clusters of this machine; the last user's down removes it"
    )
    store.add_argument("--force", action="store_true", help="with down: stop it even if someone else uses it")
    store.add_argument("do", choices=("up", "down", "status"))
    store.set_defaults(act=_object_store)
    for action, act, name in (
        (start, _up, "eu-west"),
        (stop, _down, None),
        (status, _status, None),
        (refresh, _image, "eu-west"),
        (only_build, _build, "eu-west"),
    ):
        action.add_argument("--name", default=name, help=f"which cluster (default: {name or 'all'})")
        action.set_defaults(act=act)
    return parser


if __name__ == "__main__":
    sys.exit(main())
