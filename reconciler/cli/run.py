"""`tenantctl run`: the controller."""

import signal
import threading
from typing import TYPE_CHECKING

import click

from reconciler.cli.options import cluster_options, repository_options
from reconciler.cli.output import note

if TYPE_CHECKING:
    from reconciler.cli.engine import Engine
    from reconciler.controller.health import HealthServer
    from reconciler.controller.webhook import Receiver, WebhookServer


@click.command()
@repository_options
@cluster_options
@click.option("--once", is_flag=True, help="Look at every environment once, launch what is due, and exit.")
@click.option("--interval", default=60.0, show_default=True, metavar="SECONDS", help="How often a remote is fetched.")
@click.option(
    "--resync", default=600.0, show_default=True, metavar="SECONDS", help="How often everything is looked at."
)
@click.option(
    "--applications-interval", default=30.0, show_default=True, metavar="SECONDS", type=click.FloatRange(min=0.1),
    help="How often Argo CD is asked how the applications of environments stand.",
)  # fmt: skip
@click.option("--workers", default=4, show_default=True, type=click.IntRange(1, 64), help="Environments at a time.")
@click.option("--retry-wait", default=10.0, show_default=True, metavar="SECONDS", help="The wait before attempt 2.")
@click.option("--listen", default="127.0.0.1:8080", show_default=True, metavar="HOST:PORT", help="Health and metrics.")
@click.option("--webhook", default="", metavar="HOST:PORT", help="Listen for webhooks; none by default.")
@click.option("--local-region", default="", envvar="TENANTCTL_LOCAL_REGION", help="The region that is this cluster.")
@click.option("--log-format", type=click.Choice(["auto", "json", "text"]), default="auto", show_default=True)
def command(
    repository: str,
    ref: str,
    context: str | None,
    kubeconfig: str | None,
    once: bool,
    interval: float,
    resync: float,
    applications_interval: float,
    workers: int,
    retry_wait: float,
    listen: str,
    webhook: str,
    local_region: str,
    log_format: str,
) -> int:
    """Reconcile continuously: watch the repository and the clusters, and launch what is due.

    A local repository is watched; a remote one is fetched at an interval, and at once when a webhook tells of
    a push. The files of the folder TENANTCTL_CREDENTIALS log in at a remote, and say who may send webhooks. Everything
    that has to survive a restart is in the clusters and in git.
    """
    from reconciler.cli.engine import Engine
    from reconciler.cli.logging_setup import configure_logging
    from reconciler.cli.wiring import Place
    from reconciler.controller.settings import Settings
    from reconciler.core.conclude import Backoff

    configure_logging(log_format)
    settings = Settings(
        interval=interval, resync=resync, applications=applications_interval, workers=workers,
        backoff=Backoff(first=retry_wait),
    )  # fmt: skip
    place = Place(context, kubeconfig, local_region)
    if once:
        return _once(place, repository, ref, settings)
    with Engine.open(place, repository, ref, settings) as engine:
        _serve(engine, listen, webhook, ref)
    return 0


def _once(place: object, location: str, ref: str, settings: object) -> int:
    """One pass over every key, by the same reconciler; exit code 1 when one of them failed."""
    from reconciler.cli.wiring import read_desired, reconciler_of, synced_world
    from reconciler.core.errors import TenantctlError

    desired = read_desired(location, ref)
    world, records = synced_world(place, desired)  # type: ignore[arg-type]
    reconciler = reconciler_of(place, location, world, records, settings)  # type: ignore[arg-type]
    failed = 0
    for key in sorted(world.keys() | set(desired.environments)):
        try:
            done = reconciler.reconcile(key, desired)
            note(f"{key}: {done.event}{f' {done.run}' if done.run else ''}")
        except TenantctlError as error:
            note(f"{key}: failed: {error}")
            failed += 1
    reconciler.accounts.settle(desired)
    return 1 if failed else 0


def _serve(engine: "Engine", listen: str, webhook: str, ref: str) -> None:
    receiver = _receiver(engine, ref) if webhook else None
    addresses = [("--listen", *_address("--listen", listen))]
    addresses += [("--webhook", *_address("--webhook", webhook))] if webhook else []
    ended = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: ended.set())
    servers = [_open(engine, receiver, *address) for address in addresses]
    for server in servers:
        server.start()
    engine.loop.start()
    ended.wait()
    for server in servers:
        server.stop()


def _receiver(engine: "Engine", ref: str) -> "Receiver":
    from reconciler.adapters.credentials import Credential
    from reconciler.controller.webhook import Receiver
    from reconciler.core.errors import UsageError

    given = engine.credentials
    if not given.folder:
        name = Credential.WEBHOOK_SECRET
        raise UsageError(f"--webhook: put a {name} into a folder, and name it: TENANTCTL_CREDENTIALS")
    return Receiver(
        lambda: given.text(Credential.WEBHOOK_SECRET), ref, engine.loop.source.hint, engine.metrics.webhooks
    )


def _address(option: str, text: str) -> tuple[str, int]:
    from reconciler.core.errors import UsageError

    host, colon, port = text.rpartition(":")
    if not (colon and port.isascii() and port.isdecimal() and int(port) < 65536):
        raise UsageError(f"{option} {text}: write HOST:PORT, for example 127.0.0.1:8080")
    return host, int(port)


def _open(
    engine: "Engine", receiver: "Receiver | None", option: str, host: str, port: int
) -> "HealthServer | WebhookServer":
    from reconciler.controller.health import HealthServer
    from reconciler.controller.webhook import WebhookServer
    from reconciler.core.errors import UsageError

    try:
        if option == "--webhook" and receiver:
            return WebhookServer((host, port), receiver)
        return HealthServer((host, port), engine.loop.ready, engine.metrics.registry, engine.loop.collect)
    except OSError as error:
        raise UsageError(f"{option} {host}:{port}: {error.strerror}; choose another address or port") from error
