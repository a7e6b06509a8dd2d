"""Logging in at real servers: git's own over https with a token, sshd with a key. No secret is seen anywhere else."""

import contextlib
import ssl
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from reconciler.adapters.credentials import Credentials
from reconciler.adapters.git import Repository, mirror
from reconciler.adapters.git.login import login
from reconciler.adapters.git.process import GitFailed
from reconciler.core.errors import SourceUnavailable
from tests import gitserver, sshserver
from tests.cluster.certificates import Authority
from tests.gitserver import GitServer
from tests.sshserver import SshServer

from .conftest import Work, environment

TOKEN = "a secret token: $(touch trap) 'quoted' %s"
LOGIN = f"x-access-token:{TOKEN}"


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("tls") / "authority")


@pytest.fixture(scope="session")
def tls(authority: Authority) -> ssl.SSLContext:
    pair = authority.issue("server", "git", hosts=["127.0.0.1"])
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pair.certificate, pair.key)
    return context


@pytest.fixture
def web(work: Work, tls: ssl.SSLContext, authority: Authority, monkeypatch: pytest.MonkeyPatch) -> Iterator[GitServer]:
    """A server over https that lets in who has the token, and is trusted by git."""
    monkeypatch.setenv("GIT_SSL_CAINFO", str(authority.certificate))
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with gitserver.serving(work.path.parent, tls=tls, login=LOGIN) as server:
        yield server


@pytest.fixture(scope="session")
def secure_shell(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SshServer]:
    with sshserver.serving(tmp_path_factory.mktemp("ssh")) as server:
        yield server


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder for credentials, with a blank in its name."""
    made = tmp_path / "my credentials"
    made.mkdir()
    return made


def put(folder: Path, **files: str) -> Credentials:
    for name, content in files.items():
        (folder / name.replace("ssh_privatekey", "ssh-privatekey")).write_text(content)
        (folder / name.replace("ssh_privatekey", "ssh-privatekey")).chmod(0o600)
    return Credentials(folder)


def fetched(url: str, folder: Path, credentials: Credentials) -> str:
    """The commit that a fetch brings."""
    with Repository.open(url, cache=folder / "cache", credentials=credentials) as opened:
        opened.fetch()
        return opened.resolve("main")


def refused(url: str, folder: Path, credentials: Credentials) -> str:
    """What is said of a fetch that fails."""
    with pytest.raises(SourceUnavailable) as caught:
        fetched(url, folder, credentials)
    return str(caught.value)


@contextlib.contextmanager
def command_lines() -> Iterator[set[str]]:
    """The command lines of all processes, looked at as often as there is time for."""
    seen: set[str] = set()
    ended = threading.Event()

    def look() -> None:
        while not ended.is_set():
            for file in Path("/proc").glob("[0-9]*/cmdline"):
                with contextlib.suppress(OSError):
                    seen.add(file.read_bytes().replace(b"\0", b" ").decode(errors="replace"))

    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield seen
    finally:
        ended.set()
        thread.join()


def written(folder: Path) -> str:
    """Everything that is in the files of a folder."""
    return "".join(file.read_bytes().decode(errors="replace") for file in folder.rglob("*") if file.is_file())


# -- https ---------------------------------------------------------------------------------------------------------


def test_a_token_over_https(work: Work, web: GitServer, folder: Path, tmp_path: Path) -> None:
    with command_lines() as seen:
        assert fetched(web.url("work"), tmp_path, put(folder, token=f"{TOKEN}\n")) == work.git("rev-parse", "HEAD")
    assert set(web.logins) == {LOGIN}
    assert any("git-remote-https" in line or "remote-https" in line for line in seen)
    assert not [line for line in seen if TOKEN in line]
    assert TOKEN not in written(tmp_path / "cache")
    assert not Path("trap").exists()


def test_a_rotated_token_counts_at_the_next_fetch(work: Work, web: GitServer, folder: Path, tmp_path: Path) -> None:
    credentials = put(folder, token="the old one")
    with Repository.open(web.url("work"), cache=tmp_path / "cache", credentials=credentials) as opened:
        with pytest.raises(SourceUnavailable):
            opened.fetch()
        put(folder, token=TOKEN)
        opened.fetch()
        assert opened.resolve("main") == work.git("rev-parse", "HEAD")


def test_a_site_has_an_authority_of_its_own(
    work: Work, web: GitServer, authority: Authority, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("GIT_SSL_CAINFO")
    credentials = put(folder, token=TOKEN)
    assert "certificate" in refused(web.url("work"), tmp_path, credentials)
    (folder / "ca.crt").write_bytes(authority.certificate.read_bytes())
    assert fetched(web.url("work"), tmp_path, credentials) == work.git("rev-parse", "HEAD")


def test_a_token_with_a_user_name(work: Work, web: GitServer, folder: Path, tmp_path: Path) -> None:
    web.login = f"deploy:{TOKEN}"
    assert fetched(web.url("work"), tmp_path, put(folder, token=TOKEN, username="deploy\n"))


def test_a_password_in_the_url_is_used_and_seen_nowhere(work: Work, web: GitServer, tmp_path: Path) -> None:
    web.login = "ada:pass/word"
    url = web.url("work").replace("://", "://ada:pass%2Fword@")
    with command_lines() as seen:
        assert fetched(url, tmp_path, Credentials()) == work.git("rev-parse", "HEAD")
    assert not [line for line in seen if "git" in line and "pass%2Fword" in line]
    assert "pass%2Fword" not in written(tmp_path / "cache")


@pytest.mark.parametrize("token", ["wrong-and-secret", None])
def test_who_is_not_let_in_is_told_so(web: GitServer, folder: Path, tmp_path: Path, token: str | None) -> None:
    said = refused(web.url("work"), tmp_path, put(folder, token=token) if token else Credentials(folder))
    assert f"{web.url('work')} cannot be fetched: " in said
    assert ("Authentication failed" in said) == bool(token)
    assert "wrong-and-secret" not in said


def test_a_token_is_for_its_own_host_only(
    work: Work, web: GitServer, tls: ssl.SSLContext, folder: Path, tmp_path: Path
) -> None:
    with gitserver.serving(tmp_path, tls=tls, login=LOGIN) as other:
        web.elsewhere = other.url("").rstrip("/")
        assert "cannot be fetched" in refused(web.url("work"), tmp_path, put(folder, token=TOKEN))
        assert other.requests
        assert other.logins == []


def test_a_token_is_not_sent_in_the_clear(work: Work, folder: Path, tmp_path: Path) -> None:
    with gitserver.serving(work.path.parent, login=LOGIN) as plain:
        said = refused(plain.url("work"), tmp_path, put(folder, token=TOKEN))
        assert plain.requests == []
    assert "is not sent over http; use a URL of https" in said
    assert TOKEN not in said


def test_a_server_that_is_not_trusted_gets_no_token(
    web: GitServer, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GIT_SSL_CAINFO", "/etc/ssl/certs/ca-certificates.crt")
    assert "certificate" in refused(web.url("work"), tmp_path, put(folder, token=TOKEN))
    assert web.logins == []


def test_the_callers_own_helpers_do_not_see_our_token(
    web: GitServer, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """git hands what worked to every helper that is configured, and some keep it in a file."""
    kept = tmp_path / "kept"
    monkeypatch.setenv("GIT_CONFIG_COUNT", "1")
    monkeypatch.setenv("GIT_CONFIG_KEY_0", "credential.helper")
    monkeypatch.setenv("GIT_CONFIG_VALUE_0", f"store --file={kept}")
    assert fetched(web.url("work"), tmp_path, put(folder, token=TOKEN))
    assert not kept.exists()


def test_what_a_server_says_of_the_secret_is_not_repeated(
    work: Work, web: GitServer, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def said(*_: object, **__: object) -> bytes:
        raise GitFailed(f"remote: the token {TOKEN} has expired\nfatal: no")

    Repository.open(web.url("work"), cache=tmp_path / "cache").close()
    monkeypatch.setattr(mirror, "run", said)
    assert "remote: the token *** has expired fatal: no" in refused(web.url("work"), tmp_path, put(folder, token=TOKEN))


def test_a_login_shows_no_secret() -> None:
    made = login("https://ada:hush@git.example.com:8443/f.git", Credentials())
    assert made.url == "https://git.example.com:8443/f.git"
    assert "hush" not in repr(made)
    assert made.secrets == ("hush",)


# -- ssh -----------------------------------------------------------------------------------------------------------


def test_a_key_over_ssh(work: Work, secure_shell: SshServer, folder: Path, tmp_path: Path) -> None:
    credentials = put(folder, ssh_privatekey=secure_shell.key.read_text(), known_hosts=secure_shell.known_hosts)
    url = secure_shell.url(work.path)
    assert fetched(url, tmp_path, credentials) == work.git("rev-parse", "HEAD")
    commit = work.commit(staging=environment("staging"))
    assert fetched(url, tmp_path, credentials) == commit
    secret = secure_shell.key.read_text().splitlines()[1]
    assert secret not in written(tmp_path / "cache")


def test_a_host_that_is_not_known_is_not_asked(
    work: Work, secure_shell: SshServer, folder: Path, tmp_path: Path
) -> None:
    other = sshserver.make_key(tmp_path / "other").with_suffix(".pub").read_text()
    changed = f"[127.0.0.1]:{secure_shell.port} {other}"
    key = secure_shell.key.read_text()
    for known in (changed, f"[127.0.0.1]:1 {other}"):
        said = refused(secure_shell.url(work.path), tmp_path, put(folder, ssh_privatekey=key, known_hosts=known))
        assert "Host key verification failed" in said


def test_a_key_without_known_hosts_is_not_used(
    work: Work, secure_shell: SshServer, folder: Path, tmp_path: Path
) -> None:
    said = refused(secure_shell.url(work.path), tmp_path, put(folder, ssh_privatekey=secure_shell.key.read_text()))
    assert f"{folder}/known_hosts is missing" in said
    assert "ssh-keyscan" in said


def test_a_stranger_key_is_told_so(work: Work, secure_shell: SshServer, folder: Path, tmp_path: Path) -> None:
    key = sshserver.make_key(tmp_path / "stranger").read_text()
    credentials = put(folder, ssh_privatekey=key, known_hosts=secure_shell.known_hosts)
    said = refused(secure_shell.url(work.path), tmp_path, credentials)
    assert "Permission denied (publickey)" in said
    assert "correct access rights" not in said


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda key: key.rstrip("\n"), "lost its line ends"),
        (lambda key: key.replace("\n", "\r\n"), "lost its line ends"),
        (lambda key: "ssh-ed25519 AAAA me\n", "is no private key"),
    ],
    ids=["no last line end", "another system's line ends", "a public key"],
)
def test_a_damaged_key_is_told_before_ssh_says_it_in_riddles(
    change, said: str, secure_shell: SshServer, folder: Path, tmp_path: Path
) -> None:
    (folder / "ssh-privatekey").write_bytes(change(secure_shell.key.read_text()).encode())
    credentials = put(folder, known_hosts=secure_shell.known_hosts)
    assert said in refused(secure_shell.url(tmp_path), tmp_path, credentials)


@pytest.mark.parametrize("name", ['a"b', "a%h", "a$HOME"])
def test_a_folder_that_ssh_would_read_otherwise_is_refused(name: str, tmp_path: Path) -> None:
    folder = tmp_path / name
    folder.mkdir()
    credentials = put(folder, ssh_privatekey="-----BEGIN x\n", known_hosts="x")
    with pytest.raises(SourceUnavailable, match="ssh takes no path"):
        login("git@git.example.com:f.git", credentials)


@pytest.mark.parametrize(
    "url",
    ["ssh://-oProxyCommand=touch%20trap/f.git", "ssh://a@-oProxyCommand=touch trap/f.git", "-oProxyCommand=x@h:f.git"],
)
def test_a_host_that_looks_like_an_option_is_none(url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SourceUnavailable):
        fetched(url, tmp_path, Credentials())
    assert not (tmp_path / "trap").exists()
