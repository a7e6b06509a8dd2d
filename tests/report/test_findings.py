"""Findings in every form, and each form safe for what reads it."""

import json

import pytest
import yaml

from reconciler.core.finding import Finding
from reconciler.report.findings import FORMATS, Validation, summary, text_with_lines

REGION = Finding("tenants/acme/production.yaml", 5, 11, "region", "'mars' is not one of eu-west")
TIER = Finding("tenants/acme/production.yaml", 6, 9, "name", "100% wrong\n::error::")
INVALID = Validation((REGION, TIER), 8, 5)
VALID = Validation((), 9, 5)


def test_text_is_one_line_each() -> None:
    assert FORMATS["text"](Validation((REGION,), 0, 0)) == (
        "tenants/acme/production.yaml:5:11: region 'mars' is not one of eu-west"
    )


def test_a_terminal_gets_the_line_and_a_caret() -> None:
    shown = text_with_lines((REGION,), lambda finding: "  \tregion: mars")
    assert shown.splitlines()[1:] == ["      \tregion: mars", "      \t       ^"]
    assert text_with_lines((REGION,), lambda finding: None) == str(REGION)


def test_json_and_yaml_are_one_document() -> None:
    document = json.loads(FORMATS["json"](INVALID))
    assert document == yaml.safe_load(FORMATS["yaml"](INVALID))
    assert (document["valid"], document["environments"], document["tenants"]) == (False, 8, 5)
    assert document["findings"][0] == {
        "path": "tenants/acme/production.yaml",
        "line": 5,
        "column": 11,
        "code": "region",
        "message": "'mars' is not one of eu-west",
    }


def test_names_are_each_path_once() -> None:
    assert FORMATS["name"](INVALID) == "tenants/acme/production.yaml"


def test_annotations_cannot_be_forged() -> None:
    strange = Finding("a,b:c.yaml", 1, 1, "name", "x")
    lines = FORMATS["github"](Validation((REGION, TIER, strange), 0, 0)).splitlines()
    assert lines == [
        "::error file=tenants/acme/production.yaml,line=5,col=11,title=region::'mars' is not one of eu-west",
        "::error file=tenants/acme/production.yaml,line=6,col=9,title=name::100%25 wrong%0A::error::",
        "::error file=a%2Cb%3Ac.yaml,line=1,col=1,title=name::x",
    ]


@pytest.mark.parametrize("form", ["text", "github", "name"])
def test_nothing_wrong_says_nothing(form: str) -> None:
    assert FORMATS[form](VALID) == ""


@pytest.mark.parametrize(
    ("validation", "expected"),
    [
        (VALID, "9 environments of 5 tenants are valid"),
        (Validation((), 1, 1), "1 environment of 1 tenant is valid"),
        (Validation((), 0, 0), "no environment is declared here"),
        (INVALID, "2 problems in 1 file; 8 environments of 5 tenants are valid"),
    ],
)
def test_summary(validation: Validation, expected: str) -> None:
    assert summary(validation) == expected
