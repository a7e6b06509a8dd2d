"""The real controller, but it kills itself right after certain writes of moves, each once.

`python -m tests.e2e.killing FOLDER run …`: FOLDER has a file per environment, named after its key with a dot, that says
at which point to die; the file is deleted first, so the next process goes past it.
"""

import os
import signal
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from reconciler.adapters.kube.state import Records, RegionState
from reconciler.cli import main
from reconciler.core import labels
from reconciler.core.move import Phase
from reconciler.core.record import Record
from reconciler.core.step import Verb

Point = Callable[[Any], bool]
ONE_AT_A_TIME = threading.Lock()  # or a write would be done, and its point passed by, when another one's kill comes


def _phase(phase: Phase) -> Point:
    return lambda what: isinstance(what, Record) and what.claim is None and what.move and what.move.phase is phase


def _claim(verb: Verb, noted: bool) -> Point:
    return lambda what: (
        isinstance(what, Record) and what.claim and (what.claim.verb, what.claim.noted) == (verb.value, noted)
    )


def _state(state: str) -> Point:
    return lambda what: isinstance(what, list) and any(step.get("value") == state for step in what)


def _run(verb: Verb) -> Point:
    return lambda what: isinstance(what, dict) and what["metadata"]["labels"][labels.VERB] == verb


def _placed(what: Any) -> bool:
    return type(what).__name__ == "Placement" and what.epoch > 1


def _cleaned(what: Any) -> bool:
    return isinstance(what, Record) and what.move is None and bool(what.history) and what.history[-1].event == "Cleaned"


OUT, IN, LEAVE = Verb.MIGRATE_OUT, Verb.MIGRATE_IN, Verb.DECOMMISSION
POINTS: dict[str, Point] = {
    "exporting": _phase(Phase.EXPORTING),
    "frozen": _state("Frozen"),
    "out-claimed": _claim(OUT, noted=False),
    "out-posted": _run(OUT),
    "out-noted": _claim(OUT, noted=True),
    "importing": _phase(Phase.IMPORTING),
    "target-placed": _placed,
    "in-claimed": _claim(IN, noted=False),
    "in-posted": _run(IN),
    "in-noted": _claim(IN, noted=True),
    "committed": _phase(Phase.CLEANING),
    "released": _state("Released"),
    "leave-claimed": _claim(LEAVE, noted=False),
    "leave-posted": _run(LEAVE),
    "leave-noted": _claim(LEAVE, noted=True),
    "cleaned": _cleaned,
}


def watch(folder: Path) -> None:
    """Wrap every write of the adapters."""
    for owner, names in ((Records, ("create", "replace")), (RegionState, ("create_placement", "launch"))):
        for name in names:
            _wrap(owner, name, folder, lambda arguments: (_key(arguments[0]), arguments[0]))
    _wrap(RegionState, "patch_placement", folder, lambda arguments: (arguments[0].dotted, arguments[1]))


def _wrap(owner: type, name: str, folder: Path, read: Callable[[tuple[Any, ...]], tuple[str, Any]]) -> None:
    real = getattr(owner, name)

    def wrapped(self: Any, *arguments: Any) -> Any:
        key, what = read(arguments)
        file = folder / key
        with ONE_AT_A_TIME:
            answer = real(self, *arguments)
            if file.exists() and POINTS[file.read_text()](what):
                file.unlink()
                os.kill(os.getpid(), signal.SIGKILL)
        return answer

    setattr(owner, name, wrapped)


def _key(what: Any) -> str:
    if not isinstance(what, dict):
        return str(what.key.dotted)
    found = what["metadata"]["labels"]
    return f"{found[labels.TENANT]}.{found[labels.ENVIRONMENT]}"


if __name__ == "__main__":
    place, *rest = sys.argv[1:]
    watch(Path(place))
    sys.exit(main.run(rest))
