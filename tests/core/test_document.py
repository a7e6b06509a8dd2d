"""A file on its own: however it is wrong, it is told quickly and in few words."""

import time

import pytest

from reconciler.core.document import parse
from reconciler.core.schema import Kind
from reconciler.core.strict_yaml import MAX_BYTES, MAX_PROBLEMS

HEAD = (
    "apiVersion: tenantctl.io/v1\nkind: TenantEnvironment\nmetadata: {name: e, tenant: t}\nspec:\n  region: eu-west\n"
)
SECONDS = 5  # of processor time; a tenth of a second where the work grows with the file, minutes where with its square


@pytest.mark.parametrize(
    "more",
    [
        f"  services: [{','.join(['a'] * 32_000)}]\n",
        f"  services: [{','.join(f'{{b{number}: 1}}' for number in range(5_500))}]\n",
        f"  services: [{','.join(f'a{number}' for number in range(9_000))}, a1]\n",
        f"  services: [{','.join(map(str, range(11_000)))}, z]\n",
        "".join(f"  p{number}: 1\n" for number in range(5_000)),
        f"  parameters: {{{','.join(f'a{number}: [1,1,1]' for number in range(3_500))}}}\n",
    ],
    ids=["one item over and over", "mappings", "a late double", "numbers and a word", "unknown keys", "no scalars"],
)
def test_a_file_that_is_wrong_everywhere_is_told_quickly_and_in_few_problems(more: str) -> None:
    data = (HEAD + more).encode()
    assert MAX_BYTES / 2 < len(data) <= MAX_BYTES
    begin = time.process_time()
    document = parse(Kind.ENVIRONMENT, data)
    assert time.process_time() - begin < SECONDS
    assert 0 < len(document.problems) <= MAX_PROBLEMS
    assert document.value is None
    assert all(len(problem.message) < 300 for problem in document.problems)
