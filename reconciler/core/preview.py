"""A preview: a plan as people judge it before a merge, with what it is compared with and what launches nothing."""

from collections.abc import Iterator
from dataclasses import dataclass

from reconciler.core.action import Action, ActionKind, Hold, Plan
from reconciler.core.baseline import PolicyChange


@dataclass(frozen=True, slots=True)
class Preview:
    """A plan; `base` is the commit it is compared with (empty: clusters), `changed` are the paths that differ."""

    plan: Plan
    base: str = ""
    policies: tuple[PolicyChange, ...] = ()
    changed: tuple[str, ...] = ()

    @property
    def destructive(self) -> list[tuple[Action, Hold | None]]:
        """What takes something away from where it is, made or held, by weight, then by name."""
        return sorted(
            ((action, hold) for action, hold in self._seen() if is_destructive(action)),
            key=lambda pair: (-pair[0].kind.order, pair[0].key),
        )

    @property
    def changes(self) -> list[Action]:
        """The actions that take nothing away."""
        return [action for action in self.plan.actions if not is_destructive(action)]

    @property
    def holds(self) -> list[Hold]:
        """What is held and, as far as is known, would take nothing away."""
        return [hold for hold in self.plan.holds if hold.action is None or not is_destructive(hold.action)]

    def _seen(self) -> Iterator[tuple[Action, Hold | None]]:
        yield from ((action, None) for action in self.plan.actions)
        yield from ((hold.action, hold) for hold in self.plan.holds if hold.action)


def is_destructive(action: Action) -> bool:
    """Whether the action, or a part of it, takes something away (design §7)."""
    return action.kind.destructive or bool(action.removals)


def nature(action: Action) -> str:
    """What of an action is destructive, in one word that can be counted."""
    return action.kind.value.lower() if action.kind is not ActionKind.UPSERT else "removal"
