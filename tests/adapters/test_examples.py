"""Every example is a test, read from files and from git alike: drop a folder in, and it is checked.

An invalid example is laid over `valid/smallest`; `expected.txt` holds its findings, one a line.
"""

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from reconciler.adapters import files
from reconciler.adapters.git import Repository
from reconciler.core.desired import Desired

EXAMPLES = Path(__file__).parent.parent / "examples"
SMALLEST = EXAMPLES / "valid/smallest"
VALID = sorted(path for path in (EXAMPLES / "valid").iterdir())
INVALID = sorted(path for path in (EXAMPLES / "invalid").iterdir())


def from_files(root: Path) -> Desired:
    return files.desired(root)


def from_git(root: Path) -> Desired:
    subprocess.run(["git", "init", "--quiet", root], check=True)
    subprocess.run(["git", "-C", root, "add", "--all"], check=True)
    author = ["-c", "user.name=test", "-c", "user.email=test@example.com"]
    subprocess.run(["git", "-C", root, *author, "commit", "--quiet", "-m", "example"], check=True)
    with Repository.open(str(root)) as repository:
        return repository.desired(repository.resolve("HEAD"))


def lay_over(root: Path, case: Path) -> None:
    """Copy a case onto a fleet; a link or file replaces what has its path."""
    for source in sorted(case.rglob("*")):
        target = root / source.relative_to(case)
        if source.name == "expected.txt" or (source.is_dir() and not source.is_symlink()):
            continue
        target.parent.mkdir(parents=True, exist_ok=True)
        target.unlink(missing_ok=True)
        shutil.copy2(source, target, follow_symlinks=False)


readers = pytest.mark.parametrize("read", [from_files, from_git])


@readers
@pytest.mark.parametrize("case", VALID, ids=lambda case: case.name)
def test_valid_examples_have_no_findings(case: Path, read: Callable[[Path], Desired], tmp_path: Path) -> None:
    lay_over(tmp_path, case)
    assert read(tmp_path).findings == ()


@readers
@pytest.mark.parametrize("case", INVALID, ids=lambda case: case.name)
def test_invalid_examples_are_refused_with_exactly_their_findings(
    case: Path, read: Callable[[Path], Desired], tmp_path: Path
) -> None:
    lay_over(tmp_path, SMALLEST)
    lay_over(tmp_path, case)
    assert "".join(f"{finding}\n" for finding in read(tmp_path).findings) == (case / "expected.txt").read_text()
