"""Credentials out of a folder: what is used, what is refused, and that no message shows a part of them."""

from pathlib import Path

import pytest

from reconciler.adapters.credentials import MAX_BYTES, Credential, Credentials
from reconciler.core.errors import SourceUnavailable


def test_without_a_folder_or_a_file_there_is_none(tmp_path: Path) -> None:
    assert Credentials().text(Credential.TOKEN) is None
    assert Credentials(tmp_path).text(Credential.TOKEN) is None
    assert Credentials(tmp_path / "nowhere").file(Credential.SSH_KEY) is None


@pytest.mark.parametrize("content", ["tok en", "tok en\n", "  tok en \r\n"])
def test_blanks_around_a_line_do_not_count(content: str, tmp_path: Path) -> None:
    (tmp_path / "token").write_text(content)
    assert Credentials(tmp_path).text(Credential.TOKEN) == "tok en"


def test_a_file_is_read_again_at_every_use(tmp_path: Path) -> None:
    credentials = Credentials(tmp_path)
    for text in ("old", "new"):
        (tmp_path / "token").write_text(text)
        assert credentials.text(Credential.TOKEN) == text


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "token is empty; put the token into it"),
        (b" \n\n", "token is empty"),
        (b"hush\npassword=other", "has several lines"),
        (b"hush\0", "control characters"),
        (b"hush\xff", "is no text"),
        (b"hush" * MAX_BYTES, "is larger than"),
    ],
)
def test_what_cannot_be_used_is_refused_and_not_shown(content: bytes, said: str, tmp_path: Path) -> None:
    (tmp_path / "token").write_bytes(content)
    with pytest.raises(SourceUnavailable, match=said) as caught:
        Credentials(tmp_path).text(Credential.TOKEN)
    assert "hush" not in str(caught.value) + repr(caught.value.__cause__)


def test_a_file_that_cannot_be_read_is_refused(tmp_path: Path) -> None:
    (tmp_path / "token").mkdir()
    with pytest.raises(SourceUnavailable, match="cannot be read: Is a directory"):
        Credentials(tmp_path).text(Credential.TOKEN)


def test_its_text_shows_the_place_only(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("hush")
    assert repr(Credentials(tmp_path)) == f"Credentials({tmp_path})"
