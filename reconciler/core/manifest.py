"""Kubernetes manifests as other people write them: several documents, Lists, aliases, and any kind of object.

Read safely and leniently, unlike our own kinds (`core.strict_yaml`), with the place of every value.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import yaml

from reconciler.core.finding import Problem
from reconciler.core.position import place_in

Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@dataclass(frozen=True)
class Manifest:
    """One object of a file. `within`: its path inside its document, when it is an item of a List."""

    value: dict[str, Any]
    root: yaml.Node
    within: tuple[str | int, ...] = ()

    def position(self, path: Sequence[str | int], *, at_key: bool = False) -> tuple[int, int]:
        """Line and column, from 1, of the value (or key) at `path`, or of the nearest thing around it."""
        return place_in(self.root, (*self.within, *path), at_key=at_key)


def read_manifests(source: bytes) -> tuple[list[Manifest], Problem | None]:
    """All objects of a file, up to the first thing that is no YAML, which is the problem."""
    found: list[Manifest] = []
    loader = Loader(source)
    try:
        while loader.check_node():
            node: yaml.Node = loader.get_node()
            found.extend(_objects(loader.construct_document(node), node))
    except yaml.YAMLError as error:
        return found, _problem(error)
    except (ValueError, RecursionError, TypeError) as error:
        return found, Problem(1, 1, "syntax", f"cannot be read: {error}")
    finally:
        loader.dispose()
    return found, None


def _objects(value: Any, root: yaml.Node) -> Iterator[Manifest]:
    if not isinstance(value, dict):
        return
    if value.get("kind") != "List" or not isinstance(value.get("items"), list):
        yield Manifest(value, root)
        return
    for index, item in enumerate(value["items"]):
        if isinstance(item, dict):
            yield Manifest(item, root, ("items", index))


def _problem(error: yaml.YAMLError) -> Problem:
    mark, text = getattr(error, "problem_mark", None), getattr(error, "problem", None) or str(error)
    line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
    return Problem(line, column, "syntax", f"no YAML: {text}")
