"""One tenant environment of the service that keeps rows in files, and its rows in each region."""

from tests.e2e.tenant import Tenant
from tests.light.regions import folder_of
from tests.light.rows import Rows


class LightTenant(Tenant):
    """The same questions, answered by files."""

    def exists(self, region: str) -> bool:
        return self._in(region).exists()

    def rows(self, region: str) -> str:
        return self._in(region).read()

    def write(self, region: str, rows: int) -> None:
        self._in(region).write(rows)

    def _in(self, region: str) -> Rows:
        return Rows(folder_of(self.both.labs[region], self.service), self.key)
