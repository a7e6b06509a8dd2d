"""What a release says: the section of CHANGELOG.md. Refuses a tag that is not the version of the source."""

import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def main(tag: str) -> int:
    """Print the notes of the version that the tag names."""
    found = re.search(r'^__version__ = "(.+)"$', (ROOT / "reconciler/__init__.py").read_text(), re.MULTILINE)
    version = found[1] if found else ""
    if tag != f"v{version}":
        print(f"the tag is {tag}, the source is {version}: change reconciler/__init__.py first", file=sys.stderr)
        return 1
    sections = re.split(r"^## ", (ROOT / "CHANGELOG.md").read_text(), flags=re.MULTILINE)
    section = next((each for each in sections if each.startswith(f"[{version}]")), "")
    _, _, notes = section.partition("\n")
    if not notes.strip():
        print(f"CHANGELOG.md has no section [{version}]", file=sys.stderr)
        return 1
    print(notes.strip())
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
