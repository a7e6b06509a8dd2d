"""One tenant environment of the ledger, and its rows in each region's database."""

from dataclasses import dataclass

from reconciler.core.outcome import Outcome
from reconciler.core.placement import Placement
from tests.e2e.regions import Regions
from tests.e2e.waiting import eventually


@dataclass(frozen=True)
class Tenant:
    """One tenant environment of the ledger."""

    both: Regions
    key: str
    service: str

    @property
    def schema(self) -> str:
        return self.key.replace("/", "_")

    def exists(self, region: str) -> bool:
        """Whether the region's database has anything of it."""
        count = f"select count(*) from pg_namespace where nspname = '{self.schema}'"
        return self._asked(region, count) == "1"

    def rows(self, region: str) -> str:
        """All rows, with every column."""
        return self._asked(region, f'select * from "{self.schema}".entries order by id')

    def _asked(self, region: str, text: str) -> str:
        """An answer of the database; asking once more does no harm where one was lost on its way."""
        ask = lambda: [self.both.sql(region, self.service, text)]  # noqa: E731 - an empty answer is one, too
        return eventually(ask, f"an answer of the database in {region}", 60)[0]

    def write(self, region: str, rows: int) -> None:
        """Add rows, with the rights that the tenant has. Raises ClusterError when it is frozen."""
        values = """'account-' || n % 7, n * 1.25, 'row ' || n || ', “quoted” \\ it''s'"""
        insert = f'insert into "{self.schema}".entries (account, amount, memo)'
        text = f'set role "{self.schema}"; {insert} select {values} from generate_series(1, {rows}) n'
        self.both.sql(region, self.service, text)

    def outcome(self, region: str, verb: str) -> Outcome:
        """What became of the ledger's step in a region."""
        return self.both.outcome(region, self.key, verb, self.service)

    def placement(self, region: str) -> Placement:
        """What a region holds of it."""
        found = self.both.labs[region].placement(self.key)
        assert found, f"{region} has no placement of {self.key}"
        return found
