"""`tenantctl install` without a cluster: what it prints and what it refuses."""

from pathlib import Path

import pytest
import yaml

from reconciler.cli.main import run
from reconciler.manifests import Settings, team


def test_export_is_the_same_twice_and_is_yaml(capsys):
    printed = []
    for _ in range(2):
        assert run(["install", "--export", "--repository", "https://example.com/fleet.git"]) == 0
        printed.append(capsys.readouterr().out)
    assert printed[0] == printed[1]
    kinds = [item["kind"] for item in yaml.safe_load_all(printed[0])]
    assert kinds[0] == "Namespace"
    assert kinds[-1] == "Deployment"
    assert "&" not in printed[0].split("kind: Deployment")[1]  # no YAML anchors


def test_export_takes_image_and_namespace(capsys):
    assert run(["install", "--export", "--image", "example/own:7", "--workflow-namespace", "runs"]) == 0
    printed = capsys.readouterr().out
    assert "image: example/own:7" in printed
    assert "namespace: tenantctl-workflows" not in printed
    assert printed.count("namespace: runs") > 5
    assert printed.count("kubernetes.io/metadata.name: runs") == 2


@pytest.mark.parametrize(("given", "passed"), [("2", "2"), ("0.5", "0.5"), ("3600", "3600")])
def test_the_interval_is_passed_on(given, passed, capsys):
    assert run(["install", "--export", "--repository", "git://x/y", "--interval", given]) == 0
    *_, deployment = yaml.safe_load_all(capsys.readouterr().out)
    arguments = deployment["spec"]["template"]["spec"]["containers"][0]["args"]
    assert arguments[arguments.index("--interval") + 1] == passed


def test_namespace_prints_a_teams_binding_and_the_platforms_label(capsys):
    assert run(["install", "--namespace", "billing", "--namespace", "search"]) == 0
    out, err = capsys.readouterr()
    assert [item["metadata"]["namespace"] for item in yaml.safe_load_all(out)] == ["billing", "search"]
    assert "kubectl label namespace search tenantctl.io/lifecycle=enabled" in err


@pytest.mark.parametrize("service", ["billing", "search"])
def test_the_demo_services_have_what_is_printed(service):
    with Path(f"tests/examples/services/{service}/tenantctl.yaml").open() as file:
        assert list(yaml.safe_load_all(file)) == team(Settings(), service)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--namespace", "No_Good"], "'No_Good' is no namespace"),
        (["--workflow-namespace", "-x"], "'-x' is no namespace"),
        (["--argo-controller", "a'b"], "has characters"),
        (["--annotation", 'x"]'], "has characters"),
        (["--repository", "https://me:secret@example.com/x"], "a password in a URL"),
        (["--interval", "abc"], "'abc' is not a valid float"),
        (["--interval", "0"], "--interval"),
        (["--interval", "nan"], "no number of seconds"),
        (["--interval", "inf"], "no number of seconds"),
        (["--timeout", "-1"], "--timeout"),
        (["--region", "Mars 1"], "'Mars 1' is no name of a region"),
        (["--archives", "ftp://box"], "the URL of archives is none that is known"),
        (["--archives", "s3://me:secret@box"], "holds no credentials"),
        (["--archives", "s3://box", "--archives-credentials", "/dev/null"], "kubectl create secret generic tenantctl-"),
    ],
)
def test_refuses(arguments, said, capsys):
    assert run(["install", "--export", *arguments]) == 64
    err = capsys.readouterr().err
    assert said in err
    assert "secret@" not in err


@pytest.mark.parametrize("command", ["install", "uninstall", "check"])
def test_help(command, capsys):
    assert run([command, "--help"]) == 0
    assert "--context" in capsys.readouterr().out
