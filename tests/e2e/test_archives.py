"""Data moves between two clusters through the object store: real bridges, the real service, each verb run by hand.

The saga that does it by itself has tests of its own; here are the pieces that it is made of.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import urlsplit

import obstore
import pytest

from reconciler.core.archive import Archive, import_key, read_manifest
from reconciler.core.outcome import FailureClass, Result
from reconciler.core.placement import Placement, State
from reconciler.core.step import Kind, Step
from tests.cluster import outage, postgres
from tests.cluster.conftest import client_of
from tests.cluster.failure import ClusterError
from tests.e2e.command import tenantctl
from tests.e2e.fleet import Fleet
from tests.e2e.lab import Key, phase
from tests.e2e.regions import EAST, JOB, WEST, Regions
from tests.e2e.service import lifecycle_job

pytestmark = pytest.mark.cluster

SIGNED = "X-Amz-Signature"


@dataclass(frozen=True)
class Tenant:
    """One tenant environment of the ledger."""

    both: Regions
    key: str
    service: str

    @property
    def schema(self) -> str:
        return self.key.replace("/", "_")

    @property
    def importing(self) -> str:
        return f"migrate-in/{self.service}/{JOB}"

    def placement(self, region: str, epoch: int, state: State) -> Placement:
        spec = {"region": region, "services": [self.service]}
        return Placement(Key.parse(self.key), {"spec": spec}, "0" * 12, "0" * 40, epoch, state)

    def rows(self, region: str) -> str:
        """All rows, with every column."""
        return self.both.sql(region, self.service, f'select * from "{self.schema}".entries order by id')

    def write(self, region: str, rows: int) -> None:
        values = """'account-' || n % 7, n * 1.25, 'row ' || n || ', “quoted” \\ it''s'"""
        insert = f'insert into "{self.schema}".entries (account, amount, memo)'
        text = f'set role "{self.schema}"; {insert} select {values} from generate_series(1, {rows}) n'
        self.both.sql(region, self.service, text)

    def outcome(self, region: str, verb: str):
        return self.both.outcome(region, self.key, verb, self.service)

    def run(self, region: str, verb: str, **lists: list[str]) -> str:
        """The phase in which the run ends."""
        name = self.both.run(region, self.key, verb, **lists)
        (run,) = [item for item in self.both.labs[region].runs(self.key) if item["metadata"]["name"] == name]
        return phase(run)

    def import_from(self, archive: Archive, epoch: int) -> None:
        step = Step(Kind.JOB, "migrate-in", (self.service, JOB))
        named = {import_key(step): json.dumps(archive.dump())}
        self.both.place(EAST, self.placement(EAST, epoch, State.ACTIVE), **named)


@pytest.fixture(scope="module")
def service(both: Regions, moving: Fleet) -> str:
    return both.add_ledger()


@pytest.fixture
def tenant(both: Regions, service: str) -> Iterator[Tenant]:
    """One that is upserted in the west and has 1,000 rows there."""
    made = Tenant(both, f"{both.west.name('tenant')}/production", service)
    both.place(WEST, made.placement(WEST, 1, State.ACTIVE))
    assert made.run(WEST, "upsert") == "Succeeded"
    made.write(WEST, 1000)
    return made


def test_a_tenants_rows_arrive_with_the_same_checksum(tenant: Tenant) -> None:
    exported = _exported(tenant)
    tenant.import_from(exported.archive, 2)
    assert tenant.run(EAST, "migrate-in") == "Succeeded"
    imported = tenant.outcome(EAST, "migrate-in")
    assert imported.outputs == exported.outputs
    assert imported.outputs["rows"] == 1000
    assert tenant.rows(EAST) == tenant.rows(WEST) != ""
    assert tenant.outcome(EAST, "upsert").result is Result.SUCCEEDED
    tenant.write(EAST, 1)  # it is open here
    _no_url_is_kept(tenant)


def _exported(tenant: Tenant):
    """Frozen and exported: nothing can be written any more, and the manifest is what the outcome says."""
    both = tenant.both
    both.place(WEST, tenant.placement(WEST, 1, State.FROZEN))
    assert tenant.run(WEST, "migrate-out") == "Succeeded"
    outcome = tenant.outcome(WEST, "migrate-out")
    assert outcome.archive is not None
    assert set(outcome.verbs) >= {"upsert", "migrate-out", "migrate-in", "decommission"}
    with pytest.raises(ClusterError, match="is frozen: it moves to another region"):
        tenant.write(WEST, 1)
    (item,) = read_manifest(_stored(both, outcome.archive.key), outcome.archive).objects
    assert (item.name, item.sha256) == ("archive", outcome.outputs["sha256"])
    assert len(_stored(both, item.key)) == item.size
    return outcome


def _stored(both: Regions, key: str) -> bytes:
    return bytes(obstore.get(client_of(both.store), f"{both.prefix}/{key}").bytes())


def _no_url_is_kept(tenant: Tenant) -> None:
    both = tenant.both
    for region in (WEST, EAST):
        assert SIGNED not in both.everything_said(region, tenant.key, tenant.service)
        copies = {copy["metadata"]["name"] for copy in both.labs[region].copies(tenant.key, tenant.service)}
        assert copies
        assert not copies & set(both.secrets(region, tenant.service))


def test_archives_that_are_not_what_was_exported_are_not_imported(tenant: Tenant) -> None:
    exported, both = _exported(tenant).archive, tenant.both
    key = f"{both.prefix}/{exported.folder}/archive"
    client, true = client_of(both.store), _stored(both, f"{exported.folder}/archive")
    tenant.import_from(exported, 2)
    assert tenant.run(EAST, "migrate-in", jobs=[f"upsert/{tenant.service}/{JOB}"]) == "Succeeded"

    obstore.put(client, key, true[:-1])
    _refused(tenant, FailureClass.NEEDS_HUMAN, "ArchiveDiffers", f"has {len(true) - 1} bytes, not {len(true)}")
    obstore.put(client, key, true[:-1] + bytes([true[-1] ^ 1]))
    _refused(tenant, FailureClass.NEEDS_HUMAN, "ArchiveDiffers", "archive was replaced")
    obstore.put(client, key, true)
    with outage.without(both.east.cluster, urlsplit(both.store.endpoint).hostname):
        _refused(tenant, FailureClass.TRANSIENT, "ObjectStoreUnavailable", "it does not answer")
    assert both.sql(EAST, tenant.service, f'select count(*) from "{tenant.schema}".entries') == "0"

    assert tenant.run(EAST, "migrate-in", jobs=[tenant.importing]) == "Succeeded"
    assert tenant.rows(EAST) == tenant.rows(WEST)


def _refused(tenant: Tenant, failure: FailureClass, reason: str, words: str) -> None:
    assert tenant.run(EAST, "migrate-in", jobs=[tenant.importing]) == "Failed"
    outcome = tenant.outcome(EAST, "migrate-in")
    assert (outcome.result, outcome.failure, outcome.reason) == (Result.FAILED, failure, reason)
    assert words in outcome.message
    assert outcome.owner == "team-ledger@example.com"


PARTS = r"""
cd /tmp
checksum() { sha256sum part | cut -d ' ' -f 1; }
if [ "$TENANT_VERB" = migrate-out ]; then
  [ "$(wc -l </tenant/export/parts)" = 100 ]
  head -n 2 /tenant/export/parts >urls
  n=0 told=
  while read -r url; do
    n=$((n + 1)); echo "rows $n" >part
    curl --silent --fail --header 'x-ms-blob-type: BlockBlob' --upload-file part "$url"
    told="$told${told:+, }\"part-00$n\": \"$(checksum)\""
  done <urls
  echo "{\"outputs\": {\"sha256\": {$told}}}" >/dev/termination-log
else
  [ -z "$TENANT_IMPORT_URL" ]
  while read -r url; do
    curl --silent --fail --output part "$url"
    grep --quiet "\"sha256\":\"$(checksum)\"" /tenant/import/manifest.json
    cat part >>all
  done </tenant/import/parts
  echo "{\"outputs\": {\"all\": \"$(tr '\n' ' ' <all)\"}}" >/dev/termination-log
fi
"""


def test_parts_are_files_of_urls_and_a_manifest_tells_their_checksums(both: Regions, service: str) -> None:
    parts = both.west.name("parts")
    job = lifecycle_job("", JOB, PARTS, verbs="lifecycle.migrate-out,lifecycle.migrate-in")
    job["spec"]["template"]["spec"]["containers"][0]["image"] = postgres.NAME
    for lab in both.labs.values():
        lab.add_service(parts, job)
    tenant = Tenant(both, f"{both.west.name('parts')}/production", parts)

    both.place(WEST, tenant.placement(WEST, 1, State.FROZEN))
    assert tenant.run(WEST, "migrate-out") == "Succeeded"
    exported = tenant.outcome(WEST, "migrate-out").archive
    objects = read_manifest(_stored(both, exported.key), exported).objects
    assert [(item.name, item.size) for item in objects] == [("part-001", 7), ("part-002", 7)]
    tenant.import_from(exported, 2)
    assert tenant.run(EAST, "migrate-in") == "Succeeded"
    assert tenant.outcome(EAST, "migrate-in").outputs == {"all": "rows 1 rows 2 "}
    _no_url_is_kept(tenant)


def test_teams_try_both_out_with_what_production_uses(both: Regions, service: str) -> None:
    def tried(region: str, verb: str, *more: str) -> str:
        made_up = ("--tenant", made.partition("/")[0], "--environment", "production", "--verb", verb)
        kubeconfig = str(both.labs[region].cluster.kubeconfig)
        return tenantctl("jobs", "run", f"{service}/{JOB}", *made_up, *more, KUBECONFIG=kubeconfig).stdout

    made = f"{both.west.name('trial')}/production"
    tenant = Tenant(both, made, service)
    tried(WEST, "upsert")
    tenant.write(WEST, 10)
    store = ("--archives", both.place_of_archives, "--archives-credentials", str(both.keys))
    (archive,) = re.findall(r"archive: (\S+/manifest.json@[0-9a-f]{64})$", tried(WEST, "migrate-out", *store), re.M)
    said = tried(EAST, "migrate-in", *store, "--import", archive)
    assert SIGNED not in said
    assert tenant.rows(EAST) == tenant.rows(WEST) != ""
    assert not [name for name in both.secrets(EAST, service) if name.startswith(JOB)]


def test_check_asks_the_object_store(both: Regions) -> None:
    for lab in both.labs.values():
        done = tenantctl("check", "-o", "json", KUBECONFIG=str(lab.cluster.kubeconfig), code=None)
        (finding,) = [item for item in json.loads(done.stdout)["findings"] if item["check"] == "archives"]
        assert finding["verdict"] == "ok", finding
        assert both.prefix in finding["message"]


def test_one_reconciler_makes_environments_ready_in_both_regions(both: Regions, moving: Fleet, service: str) -> None:
    moving.start()
    keys = {region: moving.declare(region, service, region=region) for region in (WEST, EAST)}
    for region, key in keys.items():
        record = moving.ready(key)
        assert record.region == region
        schema = key.replace("/", "_")
        assert both.sql(region, service, f"select count(*) from pg_namespace where nspname = '{schema}'") == "1"
        assert [name for name, lab in both.labs.items() if lab.placement(key)] == [region]
    moving.stop()
