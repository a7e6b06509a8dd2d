"""How one fetch logs in: by a token over https, by a key over ssh. Secrets reach git by its environment only.

Never by a command line, which every user of the machine may read, and never by a file of git's. The token is bound
to the repository's own scheme, host and port: a redirect to another host asks for another login, and gets none.
"""

import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import SplitResult, unquote, urlsplit, urlunsplit

from reconciler.adapters.credentials import Credential, Credentials
from reconciler.core.errors import SourceUnavailable

DEFAULT_USERNAME = "x-access-token"  # GitHub's and GitLab's tokens go with any name; this one is GitHub's own
USERNAME, PASSWORD = "TENANTCTL_GIT_USERNAME", "TENANTCTL_GIT_PASSWORD"  # names of variables
# gitcredentials(7): what begins with `!` is a shell's text. printf is the shell's own, so no process shows its words.
HELPER = f"""!f() {{ test "$1" != get || printf 'username=%s\\npassword=%s\\n' "${USERNAME}" "${PASSWORD}"; }}; f"""
SSH = ("ssh", "-oBatchMode=yes")
SCP_LIKE = re.compile(r"[^/:@]+@[^/:]+:")
KEY_BEGINS = "-----BEGIN "


@dataclass(frozen=True)
class Login:
    """What to fetch from, and what git is told besides; `secrets` are words that no message may hold."""

    url: str
    configuration: tuple[tuple[str, str], ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict, repr=False)
    secrets: tuple[str, ...] = field(default=(), repr=False)


def login(url: str, credentials: Credentials) -> Login:
    """How to log in at a URL with these credentials, or with those in the URL. Raises SourceUnavailable."""
    if SCP_LIKE.match(url) and "://" not in url:
        return Login(url, environment=_ssh(credentials))
    parts = urlsplit(url)
    if parts.scheme in ("ssh", "git+ssh", "ssh+git"):
        return Login(_without_password(parts), environment=_ssh(credentials))
    if parts.scheme in ("https", "http"):
        return _by_password(parts, credentials)
    return Login(url)


def _by_password(parts: SplitResult, credentials: Credentials) -> Login:
    bare = parts._replace(netloc=parts.netloc.rpartition("@")[2])
    trusted = _trusted(bare, credentials)
    password, username = parts.password and unquote(parts.password), unquote(parts.username or "")
    if password is None:
        password = credentials.text(Credential.TOKEN)
        if password is None:
            return Login(urlunsplit(parts), trusted)
        if parts.scheme != "https":
            file = credentials.file(Credential.TOKEN)
            raise SourceUnavailable(f"the token in {file} is not sent over {parts.scheme}; use a URL of https")
        username = credentials.text(Credential.USERNAME) or username or DEFAULT_USERNAME
    scope = f"credential.{parts.scheme}://{bare.netloc}"
    return Login(
        urlunsplit(bare),
        (*trusted, (f"{scope}.helper", ""), (f"{scope}.helper", HELPER)),  # the empty one forgets all before it
        {USERNAME: username, PASSWORD: password},
        (password,),
    )


def _trusted(bare: SplitResult, credentials: Credentials) -> tuple[tuple[str, str], ...]:
    """The authority that signs the server's certificate, where it is a site's own; for this server only."""
    file = credentials.file(Credential.AUTHORITY)
    return ((f"http.{bare.scheme}://{bare.netloc}.sslCAInfo", str(file)),) if file else ()


def _without_password(parts: SplitResult) -> str:
    user = (parts.username or "") + "@" if parts.username else ""
    return urlunsplit(parts._replace(netloc=user + parts.netloc.rpartition("@")[2]))


def _ssh(credentials: Credentials) -> dict[str, str]:
    """Our key and the hosts that are known, instead of all that ssh would find by itself; nothing without a key."""
    key, known = credentials.file(Credential.SSH_KEY), credentials.file(Credential.KNOWN_HOSTS)
    if key is None:
        return {}
    if known is None:
        missing = key.parent / Credential.KNOWN_HOSTS.value
        raise SourceUnavailable(
            f"{missing} is missing: without it anybody could answer as the git server; write what "
            f"`ssh-keyscan HOST` prints into it, once compared with the fingerprints that the server's owner publishes"
        )
    _check_key(key, credentials.content(key))
    options = {
        "IdentitiesOnly": "yes",
        "StrictHostKeyChecking": "yes",
        "UpdateHostKeys": "no",
        "UserKnownHostsFile": _quoted(known),
        "GlobalKnownHostsFile": "/dev/null",
    }
    words = [*SSH, *(f"-o{name}={value}" for name, value in options.items()), "-i", str(key)]
    return {"GIT_SSH_COMMAND": shlex.join(words), "GIT_SSH_VARIANT": "ssh"}


def _check_key(path: Path, text: str) -> None:
    """What ssh would say in riddles (`error in libcrypto`), or ask for."""
    if not text.startswith(KEY_BEGINS):
        raise SourceUnavailable(f"{path} is no private key; it begins with '{KEY_BEGINS.strip()} … PRIVATE KEY-----'")
    if not text.endswith("\n") or "\r" in text:
        raise SourceUnavailable(f"{path} lost its line ends; put the key there from its file (--from-file)")


def _quoted(path: Path) -> str:
    """A path as ssh_config(5) takes it: blanks divide, quotes hold together, % and $ expand."""
    if any(sign in str(path) for sign in '"%$\\'):
        raise SourceUnavailable(f"{path}: ssh takes no path with quotes, backslashes, % or $; use another folder")
    return f'"{path}"'
