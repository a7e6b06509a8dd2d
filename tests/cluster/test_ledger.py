"""The example service `ledger`: its files, and its verbs for real, run as a bridge would, in two namespaces."""

import functools
import gzip
import secrets
import subprocess
import time
from dataclasses import dataclass

import pytest

from reconciler.adapters.kube.resources import CONFIG_MAPS, JOBS, NAMESPACES, PODS, SECRETS
from reconciler.cli.main import run
from reconciler.core.grant import Grant, is_granted
from reconciler.core.injection import Injection, files_of, grant_of
from reconciler.core.job_copy import copy_of, read_copy
from reconciler.core.lifecycle_job import read_lifecycle_job
from reconciler.core.names import Key
from reconciler.core.outcome import FailureClass
from reconciler.core.placement import Placement, State
from reconciler.core.step import Verb
from reconciler.core.termination import read_termination
from tests.cluster import ledger
from tests.cluster.conftest import send
from tests.cluster.failure import ClusterError
from tests.cluster.parallel import together

JOB = "ledger-lifecycle"
KEY = Key("big-corp", "production")  # with a hyphen, which SQL would take for a minus
SCHEMA = "big-corp_production"
ROWS = f"""set role "{SCHEMA}"; insert into "{SCHEMA}".entries (account, amount, memo)
select 'account-' || n % 7, n * 1.25, 'row ' || n || ', “quoted” \\ it''s' from generate_series(1, 1000) n;"""
ALL = f'select * from "{SCHEMA}".entries order by id'
COUNT = f'select count(*) from "{SCHEMA}".entries'
ONE_MORE = f"""insert into "{SCHEMA}".entries (account, amount) values ('late', 1)"""


def test_there_is_nothing_to_mend(capsys):
    assert run(["jobs", "lint", str(ledger.FOLDER)]) == 0
    assert capsys.readouterr().out == ""


def test_the_script_is_shell():
    (script,) = [item["data"]["lifecycle.sh"] for item in ledger.manifests("ledger") if item["kind"] == "ConfigMap"]
    subprocess.run(["bash", "-n"], input=script, text=True, check=True)


def test_the_binding_is_what_is_printed(capsys):
    assert run(["install", "--namespace", "ledger"]) == 0
    printed = capsys.readouterr().out.removeprefix("---\n")
    assert (ledger.FOLDER / "tenantctl.yaml").read_text().endswith(printed)


@dataclass(frozen=True)
class Region:
    """A namespace with a database of its own stands for a region."""

    cluster: object
    kube: object
    namespace: str

    def run(self, verb, epoch=1, url=None, **parameters):
        """Whether a copy for `verb` succeeded, and what it said."""
        raw = self.kube.get(JOBS, self.namespace, JOB)
        job = read_lifecycle_job(raw)
        spec = {"region": self.namespace, "parameters": parameters}
        placement = Placement(KEY, {"spec": spec}, "0" * 12, "0" * 40, epoch, State.ACTIVE)
        step, name = job.step(verb), f"by-hand-{secrets.token_hex(4)}"
        body = copy_of(raw, job, placement, name, step)
        body["spec"]["backoffLimit"] = 0  # a bridge stops a copy that says what is wrong
        copy = read_copy(self.kube.create(JOBS, self.namespace, body))
        given = Injection(placement, name, step, copy.name)
        self._grant(given, copy, url)
        files = files_of(given, self.namespace, copy.uid)
        self.kube.create(CONFIG_MAPS, self.namespace, files)
        self.kube.merge(JOBS, self.namespace, copy.name, {"spec": {"suspend": False}})
        return self._end(copy.name)

    def sql(self, text):
        return ledger.sql(self.cluster, self.namespace, text)

    def _grant(self, given, copy, url):
        if not is_granted(given.step):
            return
        grant = Grant(url, (), "{}" if given.step.verb == Verb.MIGRATE_IN.value else "")
        self.kube.create(SECRETS, self.namespace, grant_of(given, self.namespace, copy.uid, grant))

    def _end(self, name):
        deadline = time.monotonic() + 120
        while not (copy := read_copy(self.kube.get(JOBS, self.namespace, name))).finished:
            assert time.monotonic() < deadline, f"{name} does not end"
            time.sleep(0.2)
        (pod,) = self.kube.list(PODS, self.namespace, labelSelector=f"batch.kubernetes.io/job-name={name}")
        (container,) = pod["status"]["containerStatuses"]
        return copy.complete, read_termination(container["state"]["terminated"].get("message", ""))


@pytest.fixture(scope="module")
def regions(running, kube):
    """Two, with an empty database each."""
    mark = secrets.token_hex(2)
    both = [Region(running, kube, f"e2e-{mark}-ledger-{name}") for name in ("source", "target")]
    together(*(functools.partial(ledger.install, running, region.namespace, enabled=False) for region in both))
    yield both
    for region in both:
        kube.delete(NAMESPACES, None, region.namespace)


@pytest.mark.cluster
def test_a_tenant_moves_with_every_row(regions, sign):
    source, target = regions
    together(lambda: well(source.run("upsert")), lambda: well(target.run("upsert", epoch=2)))
    source.sql(ROWS)
    exported = _frozen_and_exported(source, sign)
    _an_archive_that_lies_is_refused(target, sign)
    _imported_once(source, target, sign, exported)
    _gone_here_in_use_there(source, target)


@pytest.mark.cluster
def test_what_goes_wrong_is_told_by_its_class(regions, sign):
    somewhere, _ = regions
    nothing = sign("GET", "nothing")
    bad, missing, unsigned, unknown = together(
        lambda: somewhere.run("upsert", currency="euro"),
        lambda: somewhere.run("migrate-in", url=nothing),
        lambda: somewhere.run("migrate-in", url=nothing.partition("?")[0]),
        lambda: somewhere.run("admin.make-coffee"),
    )
    assert wrong(bad) == (FailureClass.USER, "currency: write a code of three capitals, such as EUR", 0)
    assert wrong(missing) == (FailureClass.NEEDS_HUMAN, "the archive is not in the object store", 0)
    assert wrong(unsigned)[::2] == (FailureClass.TRANSIENT, 5)
    assert wrong(unknown) == (FailureClass.NEEDS_HUMAN, "ledger knows no admin.make-coffee", 0)


def _frozen_and_exported(source, sign):
    put = sign("PUT", "archive")
    first = well(source.run("migrate-out", url=put))
    assert first["rows"] == 1000
    with pytest.raises(ClusterError, match=f"ledger {SCHEMA} is frozen: it moves to another region"):
        source.sql(ONE_MORE)
    again = well(source.run("migrate-out", url=put))
    assert {**again, "sha256": ""} == {**first, "sha256": ""}
    return again


def _an_archive_that_lies_is_refused(target, sign):
    true = gzip.decompress(send("GET", sign("GET", "archive"))[1])
    send("PUT", sign("PUT", "lies"), gzip.compress(true.replace(b"account-3", b"account-4", 1)))
    kind, message, _ = wrong(target.run("migrate-in", epoch=2, url=sign("GET", "lies")))
    assert kind is FailureClass.NEEDS_HUMAN
    assert "differs from what the archive says" in message
    assert target.sql(COUNT) == "0"


def _imported_once(source, target, sign, exported):
    get = sign("GET", "archive")
    assert well(target.run("migrate-in", epoch=2, url=get)) == exported
    assert target.sql(ALL) == source.sql(ALL)
    target.sql(f'set role "{SCHEMA}"; {ONE_MORE}')
    assert well(target.run("migrate-in", epoch=2, url=get)) == exported
    assert target.sql(COUNT) == "1001"


def _gone_here_in_use_there(source, target):
    gone, _, stats = together(
        lambda: well(source.run("decommission")),
        lambda: well(target.run("admin.reindex", epoch=2)),
        lambda: well(target.run("admin.dump-stats", epoch=2)),
    )
    assert gone == {}
    assert (stats["rows"], stats["accounts"], stats["frozen"]) == (1001, 8, False)
    assert source.sql(f"select count(*) from pg_namespace where nspname = '{SCHEMA}'") == "0"
    assert source.sql(f"select count(*) from pg_roles where rolname = '{SCHEMA}'") == "0"
    well(source.run("decommission"))


def well(ended):
    """The outputs of a copy that succeeded."""
    complete, said = ended
    assert complete, said
    assert not said.refused
    return said.outputs


def wrong(ended):
    """The class, message and wait of a copy that failed."""
    complete, said = ended
    assert not complete, said
    return said.failure, said.message, said.retry_after
