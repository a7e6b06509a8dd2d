"""`tenantctl admin run`: ask for an admin process in one environment or in many, and follow what becomes of it."""

import secrets
from collections import Counter
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import click

from reconciler.cli.options import KEY, cluster_options, region_option, tenant_option
from reconciler.cli.output import count, note
from reconciler.core.step import ADMIN

if TYPE_CHECKING:
    from reconciler.adapters.kube import Kube
    from reconciler.cli.admin_follow import Follower
    from reconciler.core.admin import AdminRequest
    from reconciler.core.names import Key
    from reconciler.core.record import Record

INTERRUPTED = 130
EXAMPLES = """Examples:  tenantctl admin run acme/production reindex --wait  ·
tenantctl admin run reindex --tenant acme --param since=2027-01-01 --reason 'ticket 7' --wait"""


@click.command("run", epilog=EXAMPLES)
@click.argument("words", metavar="NAME [TENANT/ENVIRONMENT]...", nargs=-1)
@tenant_option("In all environments of this tenant.")
@region_option("In all environments that are in this region.")
@click.option("--ring", type=int, metavar="RING", help="In all environments of this ring.")
@click.option("--all", "everything", is_flag=True, help="In all environments.")
@click.option("--param", "parameters", multiple=True, metavar="NAME=VALUE", help="A parameter; can be repeated.")
@click.option("--reason", default="", help="Why, for those who read it later.")
@click.option(
    "--in-flight",
    type=click.IntRange(min=1),
    default=5,
    show_default=True,
    metavar="N",
    help="Ask for the next one only when fewer than N of this command are unfinished.",
)
@click.option("--wait", is_flag=True, help="Wait until all are over; exit code 1 when one failed.")
@click.option(
    "--timeout",
    type=float,
    default=3600,
    show_default=True,
    metavar="SECONDS",
    help="Give up when none came to its end for so long.",
)
@click.option("-y", "--yes", is_flag=True, help="Do not ask; several environments need it where nobody can be asked.")
@cluster_options
def command(
    words: tuple[str, ...],
    tenant: str | None,
    region: str | None,
    ring: int | None,
    everything: bool,
    parameters: tuple[str, ...],
    reason: str,
    in_flight: int,
    wait: bool,
    timeout: float,
    yes: bool,
    context: str | None,
    kubeconfig: str | None,
) -> int:
    """Run an admin process: the lifecycle Jobs that have admin.NAME, of the services that an environment uses.

    Name environments, before or after NAME, or select them by --tenant, --region and --ring, which narrow each other,
    or --all. The same command again runs it again. While one waits to begin in an environment, a second one is refused
    (exit code 6). Parameters are never secret: they are stored and shown.
    """
    from reconciler.adapters.kube import connect
    from reconciler.cli.admin_follow import Follower

    name, keys = _read(words)
    chosen = _selector(keys, tenant, region, ring, everything)
    given = _parameters(parameters)
    kube = connect(context, kubeconfig)
    targets = [record.key for record in chosen(kube)]
    if len(targets) > 1:
        _confirm(name, targets, in_flight, yes)
    follower = Follower(kube, targets, _asking(kube, name, given, reason), in_flight)
    return _followed(follower, wait=wait, timeout=timeout)


def _read(words: Sequence[str]) -> "tuple[str, list[Key]]":
    """The name, and the environments, which have a slash. Raises UsageError."""
    from reconciler.core.errors import UsageError
    from reconciler.core.names import is_name

    keys = [KEY.convert(word, None, None) for word in words if "/" in word]
    names = [word.removeprefix(ADMIN) for word in words if "/" not in word]
    if len(names) != 1:
        found = f"not {' and '.join(names)}" if names else "'tenantctl admin list' shows those that there are"
        raise UsageError(f"name one admin process, like reindex for what Jobs call admin.reindex; {found}")
    if not is_name(names[0]):
        raise UsageError(f"'{names[0]}' is no name of an admin process: lower-case letters, digits and hyphens")
    return names[0], list(dict.fromkeys(keys))


def _selector(
    keys: "list[Key]", tenant: str | None, region: str | None, ring: int | None, everything: bool
) -> "Callable[[Kube], list[Record]]":
    """How the records are found. Raises UsageError unless it was said in exactly one way."""
    from reconciler.core.errors import UsageError

    narrowed = any(option is not None for option in (tenant, region, ring))
    if [bool(keys), narrowed, everything].count(True) != 1:
        raise UsageError("say where: environments, or --tenant, --region and --ring, or --all")
    return lambda kube: _named(kube, keys) if keys else _matching(kube, tenant, region, ring)


def _named(kube: "Kube", keys: "list[Key]") -> "list[Record]":
    from reconciler.cli.records import record_of

    return [record_of(kube, key) for key in keys]


def _matching(kube: "Kube", tenant: str | None, region: str | None, ring: int | None) -> "list[Record]":
    """Those that are not decommissioned. Raises NotFound when there are none."""
    from reconciler.cli.records import all_records
    from reconciler.core.errors import NotFound

    found = [
        record
        for record in all_records(kube)
        if not record.gone
        and tenant in (None, record.key.tenant)
        and region in (None, record.region)
        and ring in (None, record.policy.ring)
    ]
    if not found:
        raise NotFound("no environment matches; 'tenantctl get environments -o wide' shows tenants, regions and rings")
    return found


def _parameters(texts: Sequence[str]) -> dict[str, Any]:
    """What is given by --param. Raises UsageError."""
    from reconciler.cli.parameters import parameter
    from reconciler.core.errors import UsageError
    from reconciler.core.parameters import checked

    pairs = [parameter(text) for text in texts]
    twice = [name for name, number in Counter(name for name, _ in pairs).items() if number > 1]
    if twice:
        raise UsageError(f"--param {twice[0]}: given twice")
    try:
        return dict(checked(dict(pairs)))
    except ValueError as error:
        raise UsageError(f"--param {error}") from error


def _confirm(name: str, targets: "list[Key]", limit: int, yes: bool) -> None:
    from reconciler.cli.selection import confirm

    tenants = count(len({key.tenant for key in targets}), "tenant")
    confirm(f"Run {ADMIN}{name} in {len(targets)} environments of {tenants}, at most {limit} at once?", yes)


def _asking(kube: "Kube", name: str, parameters: dict[str, Any], reason: str) -> "Callable[[], AdminRequest]":
    """How the request of one environment is made; each is another one, also of the same command."""
    from reconciler.cli.asker import mark_by, who
    from reconciler.core.admin import AdminRequest

    by = who(kube)

    def request() -> AdminRequest:
        mark = mark_by(by, reason)
        return AdminRequest(secrets.token_hex(4), name, parameters, mark.by, mark.at, mark.reason)

    return request


def _followed(follower: "Follower", *, wait: bool, timeout: float) -> int:
    """The exit code at the end; whatever ends it early, it is said what goes on."""
    from reconciler.cli.admin_show import screen

    try:
        with screen(follower) as show:
            follower.run(show, wait=wait, timeout=timeout)
    except KeyboardInterrupt:
        note(f"interrupted: {follower.left()}")
        return INTERRUPTED
    except Exception:
        if follower.asked:
            note(follower.left())
        raise
    if said := follower.summary(wait=wait):
        note(said)
    return follower.exit_code
