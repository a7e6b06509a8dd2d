"""What the bridge tells people to type about a missing right: it says who may not do what, and the command exists."""

import re
import shlex

import click
import pytest

from reconciler.bridge.refusal import not_allowed
from reconciler.cli.main import root
from reconciler.core.errors import NotAllowed

ACCOUNT = "system:serviceaccount:tenantctl-workflows:tenantctl-bridge"
WHERE = "https://10.0.0.1: POST /apis/batch/v1/namespaces/crm/jobs: 403 Forbidden: jobs.batch is forbidden: "


def _forbidden(what, scope):
    return NotAllowed(f'{WHERE}User "{ACCOUNT}" cannot create resource "{what}" in API group "batch" {scope}')


def _commands(text):
    """The commands between quotes, up to a pipe."""
    return [shlex.split(words.partition(" | ")[0])[1:] for words in re.findall(r"'(tenantctl [^']+)'", text)]


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (
            _forbidden("jobs", 'in the namespace "crm"'),
            f"namespace crm lacks tenantctl's RoleBinding ({ACCOUNT} may not create jobs there): "
            "'tenantctl install --namespace crm | kubectl apply -f -' makes it, "
            "and 'tenantctl retry' goes on afterwards",
        ),
        (
            _forbidden("configmaps", 'in the namespace "tenantctl-workflows"'),
            f"{ACCOUNT} may not create configmaps in namespace tenantctl-workflows: "
            "'tenantctl install' binds it, and 'tenantctl retry' goes on afterwards",
        ),
        (
            _forbidden("namespaces", "at the cluster scope"),
            f"{ACCOUNT} may not create namespaces in the whole cluster: "
            "'tenantctl install' binds it, and 'tenantctl retry' goes on afterwards",
        ),
    ],
    ids=["the team's", "the workflow namespace's", "the cluster's"],
)
def test_a_missing_right_in_one_clause_with_commands_that_exist(error, said):
    message = not_allowed("crm", error).message
    assert message == said
    for name, *words in _commands(message):
        command = root.get_command(click.Context(root), name)
        assert command is not None
        if words:
            command.make_context(name, words)


def test_what_an_authorizer_says_otherwise_is_cut():
    message = not_allowed("crm", NotAllowed("the webhook says that you cannot " + "x" * 1000)).message
    assert "the webhook says that you cannot x" in message
    assert "tenantctl install --namespace crm | kubectl apply -f -" in message
    assert len(message) < 450
