"""Where in a file a value stands: looked up only when there is something to say about it.

The source was read by `core.strict_yaml` without problems before, so composing it again is safe and cannot
fail.
"""

from collections.abc import Sequence
from functools import lru_cache

from yaml import CBaseLoader, MappingNode, Node, SequenceNode, compose

from reconciler.core.finding import Problem

Path = Sequence[str | int]
START = (1, 1)


def problem(source: bytes, path: Path, code: str, message: str, *, at_key: bool = False) -> Problem:
    """A problem of the value at `path`, placed at the value or at its key."""
    return Problem(*position(source, path, at_key=at_key), code, message)


def position(source: bytes, path: Path, *, at_key: bool = False) -> tuple[int, int]:
    """Line and column, from 1, of the value (or key) at `path`, or of the nearest thing around it that exists."""
    node = _composed(source)
    return START if node is None else place_in(node, path, at_key=at_key)


def place_in(node: Node, path: Path, *, at_key: bool = False) -> tuple[int, int]:
    """The same in a document that is composed already."""
    for index, step in enumerate(path):
        key, value = _child(node, step)
        if value is None:
            break
        node = key if at_key and key and index == len(path) - 1 else value
    return node.start_mark.line + 1, node.start_mark.column + 1


def _child(node: Node, step: str | int) -> tuple[Node | None, Node | None]:
    if isinstance(node, MappingNode):
        return next(((key, value) for key, value in node.value if key.value == step), (None, None))
    if isinstance(node, SequenceNode) and isinstance(step, int) and step < len(node.value):
        return None, node.value[step]
    return None, None


@lru_cache(maxsize=8)
def _composed(source: bytes) -> Node | None:
    node: Node | None = compose(source, Loader=CBaseLoader)
    return node
