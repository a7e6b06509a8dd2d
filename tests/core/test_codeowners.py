"""CODEOWNERS: lines that follow from owners, between marks, among lines of others."""

import pytest

from reconciler.core.codeowners import BEGIN, END, below, block, merged
from reconciler.core.names import Key

OURS = f"{BEGIN}\n/tenants/acme/ @a\n{END}"


def test_environments_stand_below_their_tenant_so_that_they_count() -> None:
    tenants = {"acme": ("@a",), "nobody": (), "globex": ("@g", "g@x.example")}
    environments = {
        Key("acme", "production"): ("@p",),
        Key("acme", "staging"): ("@a",),
        Key("nobody", "x"): (),
        Key("alone", "x"): ("@x",),
    }
    assert block(tenants, environments, {"pets": ("@pets",), "free": ()}).splitlines() == [
        BEGIN,
        "/providers/pets/ @pets",
        "/tenants/acme/ @a",
        "/tenants/acme/production.yaml @p",
        "/tenants/alone/x.yaml @x",
        "/tenants/globex/ @g g@x.example",
        END,
    ]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("", f"{OURS}\n"),
        ("* @all\n", f"* @all\n\n{OURS}\n"),
        (f"* @all\n{BEGIN}\nold\n{END}\n/x @y\n", f"* @all\n{OURS}\n/x @y\n"),
        (f"{OURS}\n", f"{OURS}\n"),
        ("* @all\r\n", f"* @all\n\n{OURS}\n".replace("\n", "\r\n")),
        (f"* @all\r\n{BEGIN}\r\nold\r\n{END}\r\n/x @y\r\n", f"* @all\n{OURS}\n/x @y\n".replace("\n", "\r\n")),
        ("/a\fb @x\n/c\u2028d @y", f"/a\fb @x\n/c\u2028d @y\n\n{OURS}\n"),
        ("* @all\n\n", f"* @all\n\n{OURS}\n"),
    ],
)
def test_other_lines_stay(before: str, after: str) -> None:
    assert merged(before, OURS) == after
    assert merged(after, OURS) == after


@pytest.mark.parametrize("text", [BEGIN, END, f"{END}\n{BEGIN}", f"{OURS}\n{OURS}"])
def test_marks_that_are_no_pair_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="not one pair"):
        merged(text, OURS)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("", []),
        ("* @all\n", []),
        (f"* @all\n{OURS}\n\n  # a comment\n", []),
        (f"* @all\n{OURS}\n\n  * @all\r\n# x\n/tenants/a.yaml", [(6, "* @all"), (8, "/tenants/a.yaml")]),
        (f"{OURS}\n/docs/ @d\ndocs/x @d\n/d @d\n", []),
        (f"{OURS}\ndocs/ @d\n*.md @d", [(4, "docs/ @d"), (5, "*.md @d")]),
        (f"{OURS}\n/t*/ @d\nproviders/** @d\n**/x @d", [(4, "/t*/ @d"), (5, "providers/** @d"), (6, "**/x @d")]),
        (f"{BEGIN}\n{END}\n* @all\n", []),
    ],
)
def test_lines_below_ours_outrank_them(text: str, found: list[tuple[int, str]]) -> None:
    assert below(text) == found
