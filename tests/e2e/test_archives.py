"""Data moves between two clusters through the object store: real bridges, the real service, each verb run by hand.

The saga that does it by itself has tests of its own; here are the pieces that it is made of.
"""

import json
import re
from collections.abc import Iterator
from urllib.parse import urlsplit

import obstore
import pytest

from reconciler.core.archive import Archive, import_key, read_manifest
from reconciler.core.names import Key
from reconciler.core.outcome import FailureClass, Result
from reconciler.core.placement import Placement, State
from reconciler.core.step import Kind, Step
from tests.cluster import outage, postgres
from tests.cluster.conftest import client_of
from tests.cluster.failure import ClusterError
from tests.e2e.command import tenantctl
from tests.e2e.fleet import Fleet
from tests.e2e.regions import EAST, JOB, WEST, Regions
from tests.e2e.service import lifecycle_job
from tests.e2e.tenant import Tenant

pytestmark = pytest.mark.cluster

SIGNED = "X-Amz-Signature"


def _place(tenant: Tenant, region: str, epoch: int, state: State, **more: str) -> None:
    spec = {"region": region, "services": [tenant.service]}
    placement = Placement(Key.parse(tenant.key), {"spec": spec}, "0" * 12, "0" * 40, epoch, state)
    tenant.both.place(region, placement, **more)


def _import_from(tenant: Tenant, archive: Archive, epoch: int) -> None:
    step = Step(Kind.JOB, "migrate-in", (tenant.service, JOB))
    _place(tenant, EAST, epoch, State.ACTIVE, **{import_key(step): json.dumps(archive.dump())})


def _importing(tenant: Tenant) -> str:
    return f"migrate-in/{tenant.service}/{JOB}"


def _run(tenant: Tenant, region: str, verb: str, phase: str = "Succeeded", **lists: list[str]) -> None:
    ended, message = tenant.both.run(region, tenant.key, verb, **lists)
    assert ended == phase, message


@pytest.fixture(scope="module")
def service(both: Regions, moving: Fleet) -> str:
    return both.add_ledger()


@pytest.fixture
def tenant(both: Regions, service: str) -> Iterator[Tenant]:
    """One that is upserted in the west and has 1,000 rows there."""
    made = Tenant(both, f"{both.west.name('tenant')}/production", service)
    _place(made, WEST, 1, State.ACTIVE)
    _run(made, WEST, "upsert")
    made.write(WEST, 1000)
    return made


def test_a_tenants_rows_arrive_with_the_same_checksum(tenant: Tenant) -> None:
    exported = _exported(tenant)
    _import_from(tenant, exported.archive, 2)
    _run(tenant, EAST, "migrate-in")
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
    _place(tenant, WEST, 1, State.FROZEN)
    _run(tenant, WEST, "migrate-out")
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
    _import_from(tenant, exported, 2)
    _run(tenant, EAST, "migrate-in", jobs=[f"upsert/{tenant.service}/{JOB}"])

    obstore.put(client, key, true[:-1])
    _refused(tenant, FailureClass.NEEDS_HUMAN, "ArchiveDiffers", f"has {len(true) - 1} bytes, not {len(true)}")
    obstore.put(client, key, true[:-1] + bytes([true[-1] ^ 1]))
    _refused(tenant, FailureClass.NEEDS_HUMAN, "ArchiveDiffers", "archive was replaced")
    obstore.put(client, key, true)
    with outage.without(both.east.cluster, urlsplit(both.store.endpoint).hostname):
        _refused(tenant, FailureClass.TRANSIENT, "ObjectStoreUnavailable", "it does not answer")
    assert both.sql(EAST, tenant.service, f'select count(*) from "{tenant.schema}".entries') == "0"

    _run(tenant, EAST, "migrate-in", jobs=[_importing(tenant)])
    assert tenant.rows(EAST) == tenant.rows(WEST)


def _refused(tenant: Tenant, failure: FailureClass, reason: str, words: str) -> None:
    _run(tenant, EAST, "migrate-in", "Failed", jobs=[_importing(tenant)])
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

    _place(tenant, WEST, 1, State.FROZEN)
    _run(tenant, WEST, "migrate-out")
    exported = tenant.outcome(WEST, "migrate-out").archive
    objects = read_manifest(_stored(both, exported.key), exported).objects
    assert [(item.name, item.size) for item in objects] == [("part-001", 7), ("part-002", 7)]
    _import_from(tenant, exported, 2)
    _run(tenant, EAST, "migrate-in")
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
