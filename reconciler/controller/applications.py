"""How the applications of a region's environments stand in Argo CD after they were brought there; asked at an interval.

Argo CD goes on with an application by itself, so what a step saw is true for that moment only. Bridges bring and take
away; here is nothing but looking.
"""

import threading
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import structlog

from reconciler.core.application import WELL, Applications, Brought, brought, stand
from reconciler.core.errors import TenantctlError
from reconciler.core.names import Key
from reconciler.core.placement import Placement

Json = dict[str, Any]
log = structlog.get_logger()


class ApplicationWatch:
    """What Argo CD said last. `run` blocks; call it in a thread of its own.

    `ask`: all applications of the region by their names in Argo CD. `told`: who wants to know that it says otherwise.
    """

    def __init__(
        self,
        region: str,
        placements: Callable[[], Iterable[Placement]],
        ask: Callable[[], Mapping[str, Json]],
        told: Callable[[Key], None],
    ) -> None:
        self._region, self._placements, self._ask, self._told = region, placements, ask, told
        self._stopped = threading.Event()
        self._said: dict[Key, tuple[Brought, Applications]] = {}
        self.trouble = ""

    def run(self, seconds: float) -> None:
        """Look until `stop`, and wait so long after each; one call tells of all applications of the region."""
        while not self._stopped.is_set():
            before = self.trouble
            self.look()
            if self.trouble and self.trouble != before:
                log.warning("applications not known", region=self._region, error=self.trouble)
            self._stopped.wait(seconds)

    def stop(self) -> None:
        """End `run`, after the look that goes on."""
        self._stopped.set()

    def look(self) -> None:
        """Ask, if there is anything to ask about. Without an answer, what was said last stays."""
        here = {placement.key: found for placement in self._placements() if (found := brought(placement))}
        try:
            live = self._ask() if here else {}
        except TenantctlError as error:
            self.trouble = str(error)
            return
        self.trouble = ""
        before, self._said = self._said, {key: (found, stand(found, live)) for key, found in here.items()}
        for key in here.keys() | before.keys():
            if before.get(key) != self._said.get(key):
                self._told(key)

    def stand(self, placement: Placement) -> Applications:
        """How the environment's applications stand; what is not known is said to be so.

        Well, where they were brought anew since: their steps have just seen them so.
        """
        here = brought(placement)
        if not here:
            return WELL
        found, said = self._said.get(placement.key, ({}, Applications(None)))
        return said if found in ({}, here) else WELL
