"""A preview as Markdown: the comment at a pull request, and the summary of a CI job.

What is taken away comes first and is counted. Everything that comes from a repository stands in code spans, where it
is text and nothing else. A comment has a length that GitHub refuses beyond; what does not fit is counted.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from reconciler.core.action import Action, Hold
from reconciler.core.baseline import PolicyChange
from reconciler.core.difference import shown
from reconciler.core.preview import Preview, is_destructive, nature
from reconciler.core.step import Step
from reconciler.report.plan import summary_parts

MARKER = "<!-- tenantctl plan -->"  # by which the comment is found again; it must be the first line
COMMENT_MOST = 65_536  # UTF-16 code units, as GitHub counts a comment
LIMIT = COMMENT_MOST - 536  # room for a line that a workflow adds: which run made it
LINES_MOST = 12
TEXT_MOST = 500
RESERVE = 160  # for the line that says what was left out of a section


@dataclass(frozen=True, slots=True)
class Section:
    """A heading and its entries; `noun` is what is counted where they do not fit."""

    title: str
    noun: str
    entries: tuple[str, ...]


def markdown(preview: Preview, limit: int = LIMIT) -> str:
    """The preview, never longer than `limit`; the most important is never what is cut."""
    sections = [section for section in _sections(preview) if section.entries]
    head, foot = _head(preview), _foot(preview)
    room = limit - _length(head) - _length(foot) - sum(_length(_title(each)) + RESERVE for each in sections)
    parts = [head]
    for section in sections:
        shown = list(_fitting(section.entries, room))
        room -= sum(_length(entry) + 1 for entry in shown)
        rest = len(section.entries) - len(shown)
        cut = (
            [f"- … and {rest} more {section.noun}: too long for a comment; `tenantctl plan` shows all"] if rest else []
        )
        parts.append("\n".join([_title(section), *shown, *cut]))
        room = 0 if rest else room
    return "\n\n".join([*parts, foot])


def _fitting(entries: Iterable[str], room: int) -> Iterator[str]:
    for entry in entries:
        room -= _length(entry) + 1
        if room < 0:
            return
        yield entry


def _length(text: str) -> int:
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def _title(section: Section) -> str:
    return f"#### {section.title}: {len(section.entries)}"


def _head(preview: Preview) -> str:
    counts = Counter(nature(action) for action, _ in preview.destructive)
    lines = [MARKER, f"### tenantctl plan {code(preview.plan.id)}", "", f"{_sentence(preview)}"]
    if counts:
        told = ", ".join(f"{count} {_plural(word, count)}" for word, count in sorted(counts.items()))
        lines += ["", "> [!CAUTION]", f"> {_count(counts.total(), 'destructive change')}: {told}."]
    if any(change.lifts_protection for change in preview.policies):
        lines += ["", "> [!WARNING]", "> Deletion protection is lifted: the environment can be taken away afterwards."]
    return "\n".join(lines)


def _sentence(preview: Preview) -> str:
    if not preview.plan.actions and not preview.plan.holds:
        return f"No environment changes ({preview.plan.unchanged} unchanged)."
    return f"{', '.join(summary_parts(preview.plan))}."


def _foot(preview: Preview) -> str:
    head = preview.plan.revision[:7]
    if not preview.base:
        return f"<sub>at {code(head)}</sub>"
    note = "compared with what is declared there, without looking into any cluster"
    return f"<sub>{code(preview.base[:7])} → {code(head)}, {note}</sub>"


def _sections(preview: Preview) -> Iterator[Section]:
    taken = tuple(_entry(action, hold) for action, hold in preview.destructive)
    yield Section("Destructive changes", "destructive changes", taken)
    yield Section("Problems", "problems", tuple(f"- {code(str(finding))}" for finding in preview.plan.findings))
    policies = sorted(preview.policies, key=lambda change: not change.lifts_protection)
    yield Section("Policy (launches nothing)", "changes of policy", tuple(map(_policy, policies)))
    yield Section("Changes", "changes", tuple(_entry(action, None) for action in preview.changes))
    yield Section("Held", "held changes", tuple(map(_held, preview.holds)))


def _held(hold: Hold) -> str:
    if hold.action:
        return _entry(hold.action, hold)
    return f"- **{code(str(hold.key))}** held {code(hold.reason.value)}: {code(hold.message)}"


def _entry(action: Action, hold: Hold | None) -> str:
    held = [f"held {code(hold.reason.value)}: {code(hold.message)}"] if hold else []
    lines = [*held, *(code(str(reason)) for reason in action.reasons), *_steps(action)]
    more = [f"… {len(lines) - LINES_MOST} more"] if len(lines) > LINES_MOST else []
    head = f"- **{code(str(action.key))}** {action.kind.value} {_where(action)}"
    return "\n".join([head, *(f"  - {line}" for line in [*lines[:LINES_MOST], *more])])


def _where(action: Action) -> str:
    if action.source and action.target and action.source != action.target:
        return f"{code(action.source)} → {code(action.target)}"
    region = action.target or action.source
    return f"in {code(region)}" if region else ""


def _steps(action: Action) -> Iterator[str]:
    yield from (f"takes away {code(_name(step))}" for step in action.removals)
    if action.steps is None and not is_destructive(action):
        yield "runs the lifecycle Jobs of its services (which, is seen only against a cluster or a snapshot)"
    yield from (f"runs {code(str(step))}" for step in action.steps or ())


def _name(step: Step) -> str:
    return str(step).removesuffix("/*")


def _policy(change: PolicyChange) -> str:
    before, after = (code(shown(value)) for value in (change.before, change.after))
    return f"- **{code(str(change.key))}** {code(change.field)}: {before} → {after}"


def code(text: str) -> str:
    """A code span that shows the text and cannot be left by it (CommonMark 6.1)."""
    flat = "".join(letter if letter.isprintable() else " " for letter in text)[:TEXT_MOST] or " "
    ticks = "`" * (max((len(run) for run in re.findall("`+", flat)), default=0) + 1)
    pad = " " if flat.startswith("`") or flat.endswith("`") else ""
    return f"{ticks}{pad}{flat}{pad}{ticks}"


def _count(number: int, noun: str) -> str:
    return f"{number} {_plural(noun, number)}"


def _plural(noun: str, number: int) -> str:
    return noun if number == 1 else f"{noun}s"
