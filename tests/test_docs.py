"""What the documentation says is true: its commands run or parse, its tables are complete, its links lead somewhere.

A `console` block is run, without a cluster, in a fresh repository with the sample fleet: each `$ ` line must print what
follows it, where `…` stands for anything, and end with the exit code that a line `(exit code N)` names, else 0. Every
other `tenantctl` command in a block or in backticks must exist, and so must its options.
"""

import contextlib
import inspect
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from reconciler.cli import main
from reconciler.controller import writer
from reconciler.controller.metrics import Metrics
from reconciler.core import conclude, errors, status
from reconciler.core.action import HoldReason
from reconciler.core.condition import EXPIRED
from reconciler.core.move import Phase
from tests.gitenv import git_environment

ROOT = Path(__file__).parents[1]
DOCUMENTS = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("tests/examples/**/*.md")])
SAMPLE = ("tenants", "providers", "schemas", "tests/examples/services")
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
PROJECT = "https://github.com/example/tenantctl"
EXIT_CODE = re.compile(r"\(exit code (\d+)\)")
PLACEHOLDERS = {"TENANT/ENVIRONMENT": "acme/production"}


def _name(document: Path) -> str:
    return str(document.relative_to(ROOT))


def _blocks(document: Path, language: str) -> list[str]:
    return [text for found, text in BLOCK.findall(document.read_text()) if found == language]


FOLLOWED = ROOT / "docs/pull-requests.md"  # from its first line to its last, in one repository
CONSOLE = [
    pytest.param(text, id=f"{_name(d)}-{n}")
    for d in DOCUMENTS
    if d != FOLLOWED
    for n, text in enumerate(_blocks(d, "console"))
]


# -- examples that are run -----------------------------------------------------------------------------------------


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A repository with the sample fleet in one commit."""
    for path in SAMPLE:
        shutil.copytree(ROOT / path, tmp_path / path)
    for words in (("init", "--quiet"), ("add", "--all"), ("commit", "--quiet", "--message", "Fleet")):
        subprocess.run(["git", *words], cwd=tmp_path, env=git_environment(), check=True)
    return tmp_path


@pytest.mark.parametrize("text", CONSOLE)
def test_a_console_example_prints_what_it_shows(text: str, repository: Path) -> None:
    _follow(text, repository, _environment())


def test_a_page_is_followed_in_a_fresh_repository(tmp_path: Path, project: Path, pre_commit_home: Path) -> None:
    """Its files are written as it shows them; where it names this project's home, git takes our own clone."""
    instead = {"GIT_CONFIG_COUNT": "1", "GIT_CONFIG_KEY_0": f"url.{project}.insteadOf", "GIT_CONFIG_VALUE_0": PROJECT}
    environment = _environment() | instead | {"PRE_COMMIT_HOME": str(pre_commit_home), "NO_COLOR": "1"}
    for language, text in BLOCK.findall(FOLLOWED.read_text()):
        if language == "yaml":
            file = tmp_path / text.partition("\n")[0].removeprefix("# ")
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text)
        elif language == "console":
            _follow(text, tmp_path, environment)


def _follow(text: str, folder: Path, environment: dict[str, str]) -> None:
    for command, expected, code in _examples(text):
        done = subprocess.run(
            ["bash", "-c", command],
            cwd=folder,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        assert done.returncode == code, f"$ {command}\n{done.stdout}"
        pattern = ".*".join(re.escape(part) for part in expected.split("…"))
        assert re.fullmatch(pattern, done.stdout, re.DOTALL) or not expected, f"$ {command}\n{done.stdout}"


def test_the_declaration_that_the_readme_shows_is_valid(repository: Path) -> None:
    text = next(text for text in _blocks(ROOT / "README.md", "yaml") if "TenantEnvironment" in text)
    (repository / "tenants/acme/production.yaml").write_text(text)
    command = [sys.executable, "-m", "reconciler", "validate", "tenants/acme/production.yaml"]
    done = subprocess.run(command, cwd=repository, env=_environment(), text=True, capture_output=True, check=False)
    assert done.returncode == 0, done.stdout


def _environment() -> dict[str, str]:
    environment = git_environment()
    environment = {name: value for name, value in environment.items() if not name.startswith(("TENANTCTL", "KUBE"))}
    return environment | {"PATH": f"{Path(sys.executable).parent}:{environment['PATH']}"}


def _examples(text: str) -> Iterator[tuple[str, str, int]]:
    """Each command of a console block, what it shows, and its exit code."""
    for part in re.split(r"^\$ ", text, flags=re.MULTILINE)[1:]:
        command, _, shown = part.partition("\n")
        code = EXIT_CODE.search(shown)
        yield (
            command,
            EXIT_CODE.sub("", shown).rstrip("\n") + "\n" if shown.strip() else "",
            int(code[1]) if code else 0,
        )


# -- commands that are only looked at ------------------------------------------------------------------------------


def _mentioned(document: Path) -> Iterator[str]:
    """Every `tenantctl …` of a document that is meant to be typed."""
    text = document.read_text().replace("\\\n", " ")  # a command may go on in the next line
    lines = [line for block in BLOCK.findall(text) for line in block[1].splitlines()]
    prose = BLOCK.sub("", text)
    lines += [line[4:] for line in prose.splitlines() if line.startswith("    ")]
    lines += re.findall(r"`(tenantctl [^`]+)`", prose)
    for line in lines:
        command = line.removeprefix("$ ").partition("  #")[0].partition(" > ")[0].strip()
        if command.startswith("tenantctl ") and "…" not in command and "COMMAND" not in command:
            yield command


COMMANDS = [pytest.param(c, id=f"{_name(d)}: {c}") for d in DOCUMENTS for c in dict.fromkeys(_mentioned(d))]


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_that_is_mentioned_exists_with_its_options(command: str) -> None:
    words = [PLACEHOLDERS.get(word, word) for word in shlex.split(command)[1:]]
    with contextlib.suppress(click.exceptions.MissingParameter, click.exceptions.Exit):  # only named; --help
        _parse(words)


def _parse(words: list[str]) -> None:
    found: click.Command = main.root
    context = click.Context(found, info_name="tenantctl")
    while isinstance(found, click.Group) and words and not words[0].startswith("-"):
        name, *words = words
        inner = found.get_command(context, name)
        assert inner is not None, f"there is no command {name}"
        found = inner
    if not isinstance(found, click.Group):
        found.make_context(found.name, words, parent=context)


# -- tables that are complete --------------------------------------------------------------------------------------


def _table(document: str, heading: str) -> dict[str, str]:
    """Rows of the first table under a heading: each name in backticks of the first column, and its line."""
    section = (ROOT / document).read_text().partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    rows = [line for line in section.splitlines() if line.startswith("|")][2:]
    return {name: row for row in rows for name in re.findall(r"`([^`]+)`", row.split("|")[1]) or [row.split("|")[1]]}


def _reasons() -> set[str]:
    """Every reason that a condition or a hold can have."""
    sources = [
        (conclude, r'stalled="(\w+)"'),
        (status, r'_triple\(\w+, "(\w+)"'),
        (status, r'NOT_HEALTHY = "(\w+)"'),
        (status, r'if record.move else "(\w+)"'),
        (writer, r'NotAllowed: "(\w+)"'),
        (writer, r'known.get\(type\(error\), "(\w+)"\)'),
    ]
    found = [re.findall(pattern, inspect.getsource(module)) for module, pattern in sources]
    assert all(found), "a pattern finds nothing: the code says its reasons in another way now"
    fixed = {reason.value for reason in HoldReason} | {phase.value for phase in Phase} | {EXPIRED}
    return fixed | {name for names in found for name in names}


def test_the_runbook_has_every_reason_and_no_other() -> None:
    assert set(_table("docs/operations.md", "When something is stuck")) == _reasons()


def test_the_runbook_says_which_holds_stall() -> None:
    table = _table("docs/operations.md", "When something is stuck")
    said = {reason: table[reason].split("|")[2].strip() == "yes" for reason in HoldReason}
    assert said == {reason: reason.stalls for reason in HoldReason}


def test_every_guard_has_its_section_with_what_to_do() -> None:
    table = _table("docs/operations.md", "When something is stuck")
    sections = _sections("docs/operations.md", "Guards and approvals")
    assert set(sections) == {name for name, row in table.items() if f"](#{name.lower()})" in row}
    assert {reason for reason in HoldReason if reason.approvable} | {HoldReason.SOURCE_NOT_TRUSTED} <= set(sections)
    for reason, text in sections.items():
        assert re.findall(r"^\*\*(\w+):\*\*", text, re.MULTILINE) == ["Means", "Do"], reason
        approve = HoldReason(reason).approvable or reason == HoldReason.SOURCE_NOT_TRUSTED
        assert ("tenantctl approve" in text) is approve, reason


def _sections(document: str, heading: str) -> dict[str, str]:
    """The text under each heading of the third level of a section."""
    section = (ROOT / document).read_text().partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    found = re.split(r"^### (.*)$", section, flags=re.MULTILINE)[1:]
    return dict(zip(found[0::2], found[1::2], strict=True))


def test_the_table_of_metrics_is_what_is_exported() -> None:
    families = Metrics().registry.collect()
    names = {f"{family.name}_total" if family.type == "counter" else family.name: family.type for family in families}
    table = _table("docs/operations.md", "Metrics")
    assert {name: row.split("|")[2].strip() for name, row in table.items()} == names


def test_the_readme_lists_every_command() -> None:
    assert [name.split()[1] for name in _table("README.md", "Commands")] == list(main.COMMANDS)


def test_the_exit_codes_are_those_of_the_errors() -> None:
    classes = (error for error in vars(errors).values() if isinstance(error, type))
    raised = {error.exit_code for error in classes if issubclass(error, errors.TenantctlError)}
    assert {int(code) for code in _table("docs/cli.md", "Exit codes")} == raised | {0, 2, main.INTERRUPTED}


def test_every_variable_of_an_option_is_documented() -> None:
    context = click.Context(main.root)
    commands = list(_commands(main.root, context))
    variables = {option.envvar for command in commands for option in command.params if option.envvar}
    assert "KUBECONFIG" in variables
    assert variables <= set(_table("docs/cli.md", "Environment variables"))


def _commands(group: click.Group, context: click.Context) -> Iterator[click.Command]:
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        yield from _commands(command, context) if isinstance(command, click.Group) else [command]


def test_the_architecture_lists_every_package() -> None:
    packages = {f"reconciler/{folder.parent.name}" for folder in ROOT.glob("reconciler/*/__init__.py")}
    assert set(_table("docs/architecture.md", "Modules")) == packages


def test_the_index_lists_every_document() -> None:
    index = (ROOT / "docs/README.md").read_text()
    documents = [path.relative_to(ROOT / "docs") for path in ROOT.glob("docs/**/*.md") if path.name != "README.md"]
    assert [str(path) for path in documents if f"({path})" not in index] == []


# -- links ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("document", DOCUMENTS, ids=_name)
def test_links_lead_somewhere(document: Path) -> None:
    text = BLOCK.sub("", document.read_text())
    broken = [link for link in re.findall(r"\]\(([^)\s]+)\)", text) if not _leads(document, link)]
    assert broken == []


def _leads(document: Path, link: str) -> bool:
    if link.startswith("https://"):
        return True
    path, _, anchor = link.partition("#")
    target = (document.parent / path) if path else document
    return target.exists() and (not anchor or anchor in _anchors(target))


def _anchors(document: Path) -> set[str]:
    titles = re.findall(r"^#+ (.*)$", document.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}
