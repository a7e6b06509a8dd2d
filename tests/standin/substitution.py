"""Substitution: `{{name}}` and `{{=expression}}` in templates, as Argo replaces them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from .expressions import evaluate

TAG = re.compile(r"\{\{(=?)(.*?)\}\}", re.DOTALL)


def substituted(value: Any, scope: Mapping[str, Any]) -> Any:
    """The same with every tag that is known replaced; one that is not stays for later."""
    if isinstance(value, str):
        return TAG.sub(lambda found: _value(found, scope), value)
    if isinstance(value, list):
        return [substituted(item, scope) for item in value]
    if isinstance(value, dict):
        return {name: substituted(item, scope) for name, item in value.items()}
    return value


def _value(found: re.Match[str], scope: Mapping[str, Any]) -> str:
    text = found[2].strip()
    if not found[1]:
        return str(scope[text]) if text in scope else found[0]
    value = evaluate(text, scope)
    return str(value).lower() if isinstance(value, bool) else str(value)
