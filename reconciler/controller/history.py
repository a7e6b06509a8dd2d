"""Temporary."""

from typing import Any


class Unknown:
    def unreviewed(self, action: Any, record: Any, desired: Any) -> str:
        return ""

    def twin(self, key: Any, desired: Any, removed: Any) -> None:
        return None

    def trust(self, desired: Any, fleet: Any, records: int) -> str:
        return ""
