"""`tenantctl install` into an API server in memory: what it remembers, and what it finishes."""

import base64
import io
import json
import os
import sys

import pytest

from reconciler import __version__
from reconciler.adapters.kube.resources import CLUSTER_TEMPLATES, NAMESPACES, SECRETS
from reconciler.cli.main import run
from reconciler.manifests.image import published
from tests.manifests.memory import MemoryKube

FLEET = ("--repository", "https://example.com/fleet.git")


@pytest.fixture
def kube(monkeypatch):
    made = MemoryKube()
    monkeypatch.setattr("reconciler.adapters.kube.connect", lambda *_: made)
    return made


def _by_version(kube, version):
    """The installation as another version left it."""
    kube.objects[NAMESPACES.path(None, "tenantctl")]["metadata"]["labels"]["app.kubernetes.io/version"] = version


def test_a_plain_upgrade_keeps_the_image(kube, capsys):
    assert run(["install", "--image", "own/tenantctl:dev", *FLEET]) == 0
    assert "image" not in capsys.readouterr().err
    assert run(["install"]) == 0
    assert kube.image() == kube.settings()["image"] == "own/tenantctl:dev"
    assert "image own/tenantctl:dev (as it was named); --image names another" in capsys.readouterr().err


def test_an_upgrade_to_another_version_stays_in_its_registry(kube, capsys):
    run(["install", "--image", "mirror:5000/tenantctl:0.0.1", *FLEET])
    _by_version(kube, "0.0.1")
    capsys.readouterr()
    assert run(["install"]) == 0
    assert kube.image() == f"mirror:5000/tenantctl:{__version__}"
    assert f"image mirror:5000/tenantctl:{__version__} (as it was named, in this version)" in capsys.readouterr().err


def test_a_tag_of_ones_own_is_kept_and_that_is_said(kube, capsys):
    run(["install", "--image", "own/tenantctl:dev", *FLEET])
    _by_version(kube, "0.0.1")
    capsys.readouterr()
    assert run(["install"]) == 0
    assert kube.image() == "own/tenantctl:dev"
    assert f"although tenantctl was 0.0.1 and is {__version__} now" in capsys.readouterr().err


def test_what_an_installation_does_not_remember_is_read_from_its_template(kube):
    run(["install", "--image", "own/tenantctl:dev", *FLEET])
    kube.objects[NAMESPACES.path(None, "tenantctl")]["metadata"]["annotations"] = {
        "tenantctl.io/settings": '{"repository": "https://example.com/fleet.git"}'
    }
    assert run(["install"]) == 0
    assert kube.image() == "own/tenantctl:dev"


def test_nobody_named_one(kube, capsys):
    run(["install", *FLEET])
    assert f"image {published()} (published for this version)" in capsys.readouterr().err
    _by_version(kube, "0.0.1")
    template = kube.objects[CLUSTER_TEMPLATES.path(None, "tenant-upsert")]
    for step in template["spec"]["templates"]:
        step.get("container", {})["image"] = published("0.0.1")
    assert run(["install"]) == 0
    assert kube.image() == published()


def test_an_empty_name_goes_back_to_the_published_one(kube):
    run(["install", "--image", "own/tenantctl:dev", *FLEET])
    assert run(["install", "--image", ""]) == 0
    assert kube.image() == published()


def test_an_image_that_cannot_be_had_fails_long_before_the_timeout(kube, capsys):
    kube.available = False
    kube.pod("x", "own/tenantctl:no", state={"waiting": {"reason": "ImagePullBackOff"}})
    assert run(["install", "--image", "own/tenantctl:no", *FLEET]) == 1
    assert "cannot use image own/tenantctl:no: ImagePullBackOff; name one with --image" in capsys.readouterr().err


@pytest.mark.parametrize("closed", ["stdout", "stderr"])
def test_a_closed_pipe_does_not_stop_the_installation(kube, monkeypatch, closed):
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "w") as pipe:
        monkeypatch.setattr(sys, closed, pipe)
        assert run(["install", "--image", "own/tenantctl:1", *FLEET]) == 0
    assert kube.image() == "own/tenantctl:1"


PLACE = "s3://archives/fleet?region=eu-west-1"
KEYS = "AWS_ACCESS_KEY_ID=AK\nAWS_SECRET_ACCESS_KEY=S3CRET\n"


@pytest.fixture
def keys(tmp_path):
    file = tmp_path / "keys"
    file.write_text(KEYS)
    return file


def credentials(kube):
    found = kube.find(SECRETS, "tenantctl-workflows", "tenantctl-archives")
    return base64.b64decode(found["data"]["credentials"]).decode() if found else None


def steps(kube, name):
    spec = kube.get(CLUSTER_TEMPLATES, None, name)["spec"]
    return {item["name"]: item for item in spec["templates"] if "container" in item}


def test_archives_are_remembered_and_their_credentials_are_in_a_secret_only(kube, keys, capsys):
    assert run(["install", "--archives", PLACE, "--archives-credentials", str(keys)]) == 0
    out, err = capsys.readouterr()
    assert "Secret tenantctl-workflows/tenantctl-archives created" in out
    assert run(["install"]) == 0
    assert kube.settings()["archives"] == PLACE
    assert credentials(kube) == KEYS
    rest = {path: item for path, item in kube.objects.items() if "secrets" not in path}
    assert "S3CRET" not in json.dumps(rest) + out + err


def test_only_the_steps_of_migrations_know_where_archives_are(kube, keys):
    run(["install", "--archives", PLACE, "--archives-credentials", str(keys)])
    for name in ("tenant-migrate-out", "tenant-migrate-in"):
        both = steps(kube, name)
        assert {"name": "TENANTCTL_ARCHIVES", "value": PLACE} in both["step"]["container"]["env"]
        assert both["step"]["volumes"][0]["secret"] == {"secretName": "tenantctl-archives", "optional": True}
        assert "/archives" in [mount["mountPath"] for mount in both["step"]["container"]["volumeMounts"]]
        assert "archives" not in json.dumps(both["discover"]["container"]["volumeMounts"])
    assert "archives" not in json.dumps(kube.get(CLUSTER_TEMPLATES, None, "tenant-upsert")).lower()


def test_new_credentials_replace_the_old_ones(kube, keys, capsys):
    run(["install", "--archives", PLACE, "--archives-credentials", str(keys)])
    capsys.readouterr()
    assert run(["install", "--archives-credentials", str(keys)]) == 0
    assert "Secret tenantctl-workflows/tenantctl-archives unchanged" in capsys.readouterr().out
    keys.write_text(KEYS.replace("S3CRET", "NEW"))
    assert run(["install", "--archives-credentials", str(keys), "--dry-run"]) == 0
    assert credentials(kube) == KEYS
    assert run(["install", "--archives-credentials", str(keys)]) == 0
    assert "Secret tenantctl-workflows/tenantctl-archives configured" in capsys.readouterr().out
    assert "NEW" in credentials(kube)


@pytest.mark.parametrize(
    ("archives", "text", "said"),
    [
        ((), KEYS, "of which object store? say --archives URL"),
        (("--archives", PLACE), "S3CRET", "credentials, line 1: write NAME=value"),
        (("--archives", PLACE), "AWS_ACCES_KEY=S3CRET", "'aws_acces_key' is not valid"),
        (("--archives", "gs://box"), '{"private_key": "S3CRET"}', "cannot be used"),
    ],
)
def test_credentials_that_no_bridge_could_use_change_nothing(kube, keys, capsys, archives, text, said):
    keys.write_text(text)
    assert run(["install", *archives, "--archives-credentials", str(keys)]) == 64
    err = capsys.readouterr().err
    assert said in err
    assert "S3CRET" not in err
    assert kube.objects == {}


def test_credentials_that_are_not_there(kube, capsys):
    assert run(["install", "--archives", PLACE, "--archives-credentials", "/no/such/file"]) == 64
    assert "--archives-credentials /no/such/file: No such file or directory" in capsys.readouterr().err


def test_credentials_from_standard_input(kube, monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.StringIO(KEYS))
    assert run(["install", "--archives", PLACE, "--archives-credentials", "-"]) == 0
    assert credentials(kube) == KEYS


def test_credentials_that_are_no_text(kube, keys, capsys):
    keys.write_bytes(b"\xff\xfe")
    assert run(["install", "--archives", PLACE, "--archives-credentials", str(keys)]) == 64
    assert "the file is not text" in capsys.readouterr().err


def test_webhooks_are_remembered_until_they_are_not_wanted_any_more(kube, capsys):
    assert run(["install", "--webhook", *FLEET]) == 0
    assert "Service tenantctl/tenantctl-webhook created" in capsys.readouterr().out
    assert run(["install"]) == 0
    out, err = capsys.readouterr()
    assert "Service tenantctl/tenantctl-webhook unchanged" in out
    assert "webhooks go to Service tenantctl/tenantctl-webhook, path /webhook" in err
    assert kube.settings()["webhook"] is True
    assert run(["install", "--no-webhook"]) == 0
    assert "Service tenantctl/tenantctl-webhook pruned" in capsys.readouterr().out
    assert run(["install"]) == 0
    assert "webhook" not in "".join(capsys.readouterr())
