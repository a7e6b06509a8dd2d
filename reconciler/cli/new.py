"""`tenantctl new`: write the declaration of a tenant or an environment, or the files of a new repository."""

import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import click

from reconciler.cli.options import KEY, region_option
from reconciler.cli.output import data, note
from reconciler.cli.parameters import parameter

if TYPE_CHECKING:
    from reconciler.core.desired import Desired
    from reconciler.core.names import Key

SCHEMAS = "schemas"
T = TypeVar("T")


@click.group()
def command() -> None:
    """Write the declaration of a tenant or an environment; nothing that is there is ever overwritten.

    On a terminal the rest is asked for. What would be invalid is not written.
    """


@command.command(
    "fleet",
    short_help="Make this repository one of declarations.",
    epilog="Example:  tenantctl new fleet --region eu-west --region us-east=my-context",
)
@click.option(
    "--region",
    "regions",
    multiple=True,
    required=True,
    metavar="NAME[=CONTEXT]",
    help="A region and the kubeconfig context of its cluster (none: the control plane's); can be repeated.",
)
def fleet(regions: tuple[str, ...]) -> int:
    """Make this repository one of declarations: the regions, the schemas, settings for editors."""
    from reconciler.cli.output import as_json
    from reconciler.cli.schema import texts
    from reconciler.core.editor import EXTENSIONS, settings
    from reconciler.core.skeleton import NewFleet

    root = _new_root()
    named = _each_once([(name, context) for name, _, context in (text.partition("=") for text in regions)], "--region")
    files = {
        "providers/regions.yaml": NewFleet(named).text,
        **{f"{SCHEMAS}/{name}": text for name, text in texts().items()},
        ".vscode/settings.json": as_json(settings()) + "\n",
        ".vscode/extensions.json": as_json(EXTENSIONS) + "\n",
        "tenants/.gitkeep": "",
    }
    _same_regions(root, named)
    return _write(root, files, ["providers/regions.yaml"], note_there=True)


def _new_root() -> Path:
    """Here. Raises Refused inside of a repository of declarations: what is written there would be one of its own."""
    from reconciler.cli.fleet_root import fleet_root, has_declarations
    from reconciler.core.errors import Refused

    here, root = Path.cwd(), fleet_root()
    if root != here and has_declarations(root):
        raise Refused(f"the declarations of {root} are here already; do it there")
    return here


def _same_regions(root: Path, named: Mapping[str, str]) -> None:
    """Raises Refused where the regions are written down already, and not all that are named."""
    from reconciler.adapters.files import desired
    from reconciler.core.errors import Refused
    from reconciler.core.skeleton import NewFleet
    from reconciler.core.tree import REGIONS_FILE

    if not (root / REGIONS_FILE).is_file():
        return
    there = desired(root, [])
    missing = {name: context for name, context in named.items() if name not in there.regions}
    if missing and not any(found.path == REGIONS_FILE for found in there.findings):
        lines = NewFleet(missing).entries
        raise Refused("\n".join([f"{REGIONS_FILE} is there already; add to its regions:", *lines]))


@command.command("tenant", epilog="Example:  tenantctl new tenant acme --owner team-acme@example.com --region eu-west")
@click.argument("name")
@click.option("--display-name", default="", help="The name that people read.")
@click.option("--owner", "owners", multiple=True, help="Who reviews it: an e-mail address, @user or @org/team.")
@click.option("--ring", type=click.IntRange(0, 9), help="Lower rings get changed lifecycle Jobs first.")
@region_option("The region of environments that name none.", default="")
def tenant(name: str, display_name: str, owners: tuple[str, ...], ring: int | None, region: str) -> int:
    """Write tenants/NAME/tenant.yaml."""
    from reconciler.adapters.files import desired
    from reconciler.cli.fleet_root import fleet_root
    from reconciler.core.names import TENANT_MAX, is_name
    from reconciler.core.skeleton import NewTenant

    if not is_name(name, TENANT_MAX):
        message = f"'{name}' is no name of a tenant; at most {TENANT_MAX} small letters, digits and hyphens"
        raise click.BadParameter(message, param_hint="NAME")
    root = fleet_root()
    _absent(root, f"tenants/{name}/tenant.yaml")
    if _asks():
        display_name = display_name or click.prompt("Name that people read", default="", show_default=False, err=True)
        owners = owners or tuple(_words("Owners, who review it (e-mail, @user, @org/team)"))
        region = region or _region(desired(root, []), "Region of its environments", "each says its own")
    made = NewTenant(name, display_name, owners, ring, region)
    path = f"tenants/{name}/tenant.yaml"
    return _write(root, {path: made.text}, [path])


@command.command(
    "environment", epilog="Example:  tenantctl new environment acme/production --region eu-west --parameter seats=250"
)
@click.argument("key", type=KEY)
@region_option("A region of providers/regions.yaml; needed unless the tenant has one.", default="")
@click.option("--tier", default="", help="A name that services know.")
@click.option("--service", "services", multiple=True, help="Only this service (its namespace); can be repeated.")
@click.option("--parameter", "parameters", multiple=True, metavar="NAME=VALUE", help="A setting; can be repeated.")
@click.option("--protected/--not-protected", default=None, help="Whether nothing may be taken away.  [default: yes]")
@click.option("--expires-at", default="", metavar="TIME", help="Like 2027-01-31T00:00:00Z.")
def environment(
    key: "Key",
    region: str,
    tier: str,
    services: tuple[str, ...],
    parameters: tuple[str, ...],
    protected: bool | None,
    expires_at: str,
) -> int:
    """Write tenants/TENANT/ENVIRONMENT.yaml. The tenant must be there (tenantctl new tenant)."""
    from reconciler.adapters.files import desired
    from reconciler.cli.fleet_root import fleet_root
    from reconciler.core.declaration import path_of
    from reconciler.core.errors import UsageError
    from reconciler.core.skeleton import NewEnvironment

    root, path = fleet_root(), path_of(key)
    _absent(root, path)
    if not (root / f"tenants/{key.tenant}/tenant.yaml").is_file():
        raise UsageError(f"there is no tenant {key.tenant}; first: tenantctl new tenant {key.tenant}")
    read = [parameter(text, "--parameter") for text in parameters]
    settings = tuple(_each_once(read, "--parameter").items())
    if _asks():
        region = region or _region(desired(root, [key.tenant]), "Region", "the tenant's default")
        tier = tier or click.prompt("Tier (empty: the tenant's default)", default="", show_default=False, err=True)
        services = services or tuple(_words("Services (empty: all that take part)"))
    made = NewEnvironment(key, region, tier, services, settings, protected, expires_at)
    return _write(root, {path: made.text}, [path])


def _asks() -> bool:
    return sys.stdin.isatty() and sys.stderr.isatty()


def _words(question: str) -> list[str]:
    answer: str = click.prompt(question, default="", show_default=False, err=True)
    return answer.replace(",", " ").split()


def _region(desired: "Desired", question: str, empty: str) -> str:
    names = sorted(desired.regions)
    if len(names) == 1:
        return str(click.prompt(question, default=names[0], err=True))
    return str(
        click.prompt(f"{question} ({', '.join(names)}; empty: {empty})", default="", show_default=False, err=True)
    )


def _each_once(pairs: Sequence[tuple[str, T]], option: str) -> dict[str, T]:
    """The pairs by name. Raises BadParameter for a name that is said twice: which of them was meant is not known."""
    names = [name for name, _ in pairs]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise click.BadParameter(f"'{twice}' is said twice; say it once", param_hint=option)
    return dict(pairs)


def _absent(root: Path, path: str) -> None:
    from reconciler.core.errors import Refused

    if (root / path).exists():
        raise Refused(f"{path} is there already; edit it")


def _made(target: Path, text: str) -> bool:
    """Write a new file, all of it or none; False where there is one already. Raises UsageError for what is no text."""
    from reconciler.core.errors import UsageError

    try:
        content = text.encode()
    except UnicodeEncodeError as error:
        raise UsageError("nothing was written: a word of the command line is not UTF-8") from error
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        file = target.open("xb")
    except FileExistsError:
        return False
    try:
        with file:
            file.write(content)
    except BaseException:
        target.unlink(missing_ok=True)
        raise
    return True


def _write(root: Path, files: Mapping[str, str], judged: Iterable[str], *, note_there: bool = False) -> int:
    """Write what is not there. What the rules then refuse is taken away again, and said."""
    from reconciler.adapters.files import desired
    from reconciler.cli.fleet_root import unlinked
    from reconciler.core.errors import Invalid, Refused

    written = []
    for path, text in files.items():
        if _made(unlinked(root, path), text):
            written.append(path)
        elif note_there:
            note(f"{path} is there already: left as it is")
        else:
            raise Refused(f"{path} is there already; edit it")
    tenants = [path.split("/")[1] for path in judged if path.startswith("tenants/")]
    findings = [found for found in desired(root, tenants).findings if found.path in written]
    if findings:
        for path in written:
            (root / path).unlink()
        raise Invalid("nothing was written: " + "; ".join(f"{found.message}" for found in findings))
    for path in written:
        data(path)
    if judged and not (root / SCHEMAS).is_dir():
        note(f"editors complete and explain it once the schemas are there: tenantctl schema --export {SCHEMAS}")
    return 0
