"""Which deployment to talk to, and the key for it."""

import ipaddress
import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass, field
from urllib.parse import SplitResult, urlsplit

import httpx

from common.errors import CommandError
from common.settings import setting
from common.text import without_password

CLOUD_URL, SELF_HOSTED_URL = URLS = ("CONVEX_URL", "CONVEX_SELF_HOSTED_URL")
CLOUD_KEY, SELF_HOSTED_KEY = KEYS = ("CONVEX_DEPLOY_KEY", "CONVEX_SELF_HOSTED_ADMIN_KEY")
DASHBOARD, SCRIPT = "the dashboard makes one under Settings", "./generate_admin_key.sh makes one"
LOOKS_LIKE = "it looks like https://NAME.convex.cloud"

_CLOUD_HOST = re.compile(r"(?P<name>[^.]+)(\.[^.]+)?\.convex\.(cloud|site)")
_DEFAULT_PORTS = {"http": 80, "https": 443}
_HOST = re.compile(r"[a-z0-9_-]+(\.[a-z0-9_-]+)*")
_KEY = re.compile(r"[\x21-\x7e]+")
_LONGEST_LABEL, _LONGEST_HOST = 63, 253
_SHORTEST_SECRET = 8
"""What is shorter is no key, and may well be a part of an address."""
_QUOTES = "\"'`´“”„‟‘’‚‛«»‹›"


@dataclass(frozen=True)
class Deployment:
    """A deployment's address and a key, which is never shown.

    The address is in the one form that can be compared: see `normalised`.
    """

    url: str
    key: str = field(repr=False)
    key_setting: str = CLOUD_KEY
    """Where the key is set, for messages."""
    url_setting: str = CLOUD_URL
    """Where the address is set, for messages; `--url` where that gave it."""

    @property
    def name(self) -> str:
        """The address without its scheme: `happy-otter-123.convex.cloud`."""
        return urlsplit(self.url).netloc

    @property
    def key_source(self) -> str:
        """Where a key for it comes from, for messages."""
        if self.url_setting == SELF_HOSTED_URL or self.key_setting == SELF_HOSTED_KEY:
            return SCRIPT
        return DASHBOARD

    def without_key(self, text: str) -> str:
        """Return the text without the key, or its secret part, which a server might repeat."""
        for secret in (self.key, self.key.rpartition("|")[2]):
            text = text.replace(secret, "***") if secret else text
        return text


def deployment_of_settings(url: str | None = None, keys: tuple[str, ...] = KEYS) -> Deployment:
    """Return the deployment that `url`, the environment and `.env` name. Raises CommandError if they don't suffice."""

    def checked(name: str, text: str) -> tuple[str, str]:
        _refuse_keys(name, text, keys)
        return _address(name, text)

    url_setting, address = checked("--url", url) if url else _one_of(URLS, checked)
    if not address:
        raise CommandError(
            f"which deployment? Set {CLOUD_URL} (https://NAME.convex.cloud) or {SELF_HOSTED_URL} "
            "(http://127.0.0.1:3210) in the environment or in .env, or give --url"
        )
    key_setting, key = _one_of(keys, _key)
    if not key:
        raise CommandError(_missing_key(keys, url_setting, address))
    _check_that_they_match(key, key_setting, address)
    return Deployment(address, key, key_setting, url_setting)


def normalised(url: str) -> str:
    """Return an address in the one form that can be compared: two that mean the same deployment are equal in it.

    That is the scheme and the host in lower case (by IDNA), a port only where it isn't the scheme's own, and the path
    without a slash at the end. Text that is no address comes back as it is.
    """
    try:
        return _address("", url)[1]
    except CommandError:
        return url


def _one_of(names: tuple[str, ...], checked: Callable[[str, str], tuple[str, str]]) -> tuple[str, str]:
    """Return the name and the checked value of the setting that is given; nothing where none is."""
    given = [checked(name, value) for name in names if (value := setting(name))]
    if len({value for _, value in given}) > 1:
        raise CommandError(f"{' and '.join(names)} are both set, and differ: unset one of them")
    return given[0] if given else ("", "")


# The address


def _address(name: str, text: str) -> tuple[str, str]:
    """Return the setting's name, and the address in its normal form. Raises CommandError, without what is secret."""
    text = text.strip()
    if "|" in text:
        raise CommandError(_no_key_here(name))
    _refuse_odd_characters(name, text)
    shown = f"{name}: {without_password(text)}"
    try:
        parts = urlsplit(text)
        _ = parts.port
    except ValueError:
        raise CommandError(f"{shown} can't be read as an address: {LOOKS_LIKE}") from None
    if parts.username or parts.password or "@" in parts.netloc:
        raise CommandError(f"{name}: the address holds a name or a password: leave them out, the key is enough")
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise CommandError(f"{shown} is no address: it has to begin with https://, as in https://NAME.convex.cloud")
    host = _host(shown, parts.hostname)
    _refuse_other_places(shown, host)
    if parts.query or parts.fragment or text.endswith(("?", "#")):
        raise CommandError(f"{shown}: {parts.scheme}://{parts.netloc} is enough of an address: leave out what follows")
    return name, _checked_by_httpx(shown, f"{parts.scheme}://{_place(shown, host, parts)}{parts.path.rstrip('/')}")


def _refuse_keys(name: str, text: str, keys: tuple[str, ...]) -> None:
    """Refuse an address with a key that is set in it, before any message shows the address."""
    for key in keys:
        secret = (setting(key) or "").strip().rpartition("|")[2]
        if len(secret) >= _SHORTEST_SECRET and secret in text and not _is_address(secret):
            raise CommandError(_no_key_here(name))


def _no_key_here(name: str) -> str:
    return f"{name} holds what looks like a key, where an address belongs: {LOOKS_LIKE}"


def _refuse_odd_characters(name: str, text: str) -> None:
    if text[:1] and (text[0] in _QUOTES or text[-1] in _QUOTES):
        raise CommandError(f"{name} is in quotes, which are no part of an address: set it without them")
    if "\\" in text:
        raise CommandError(f"{name} holds a \\ where an address has a /: {LOOKS_LIKE}")
    for place, character in enumerate(text, 1):
        if not character.isprintable() or character.isspace() or character in _QUOTES + "<>{}^":
            raise CommandError(
                f"{name}: its character {place} is {_described(character)}, which no address has: "
                "type the address again, or copy it from where it is plain text"
            )


def _described(character: str) -> str:
    return f"U+{ord(character):04X}, {unicodedata.name(character, 'a control character').lower()}"


def _host(shown: str, host: str) -> str:
    """Return a host in lower case, and by IDNA where it isn't ASCII."""
    if ":" in host:
        try:
            return f"[{ipaddress.IPv6Address(host)}]"
        except ValueError:
            raise CommandError(f"{shown} can't be read as an address: {host} is no IPv6 address") from None
    if not host.isascii():
        try:
            host = httpx.URL(f"http://{host}").raw_host.decode("ascii")
        except (httpx.InvalidURL, UnicodeError):
            odd = "".join(f" ({_described(c)})" for c in host if not (c.isascii() or c.isalnum()))
            raise CommandError(
                f"{shown} can't be read as an address: its host holds letters{odd} that no host's name can have"
            ) from None
    host = host.lower().removesuffix(".")
    if not _HOST.fullmatch(host):
        why = "has an empty part between two dots" if ".." in f".{host}." else "holds what no host's name can have"
        raise CommandError(f"{shown} can't be read as an address: its host {why}")
    if len(host) > _LONGEST_HOST or max(map(len, host.split("."))) > _LONGEST_LABEL:
        raise CommandError(
            f"{shown} can't be read as an address: no host's name is longer than {_LONGEST_HOST}, and no part of it "
            f"longer than {_LONGEST_LABEL} characters"
        )
    return host


def _place(shown: str, host: str, parts: SplitResult) -> str:
    if parts.port == 0:
        raise CommandError(f"{shown} can't be read as an address: no server has port 0")
    return host if parts.port in (None, _DEFAULT_PORTS[parts.scheme]) else f"{host}:{parts.port}"


def _refuse_other_places(shown: str, host: str) -> None:
    if host.endswith(".convex.site"):
        raise CommandError(f"{shown} serves HTTP actions only: the data is at https://{host.removesuffix('site')}cloud")
    if host == "dashboard.convex.dev":
        raise CommandError(
            f"{shown} is the dashboard: the deployment's own address is under Settings, URL and Deploy Key"
        )


def _checked_by_httpx(shown: str, address: str) -> str:
    """Return the address if the HTTP client takes it too, which also reads what an `xn--` stands for."""
    try:
        _ = httpx.URL(address).host
    except (httpx.InvalidURL, UnicodeError):
        raise CommandError(f"{shown} can't be read as an address: {LOOKS_LIKE}") from None
    return address


# The key


def _key(name: str, key: str) -> tuple[str, str]:
    """Check the shapes of keys (convex-backend, `crates/common/src/types/admin_key.rs`). No message shows the key."""
    key = key.strip()
    if key[:1] and (key[0] in _QUOTES or key[-1] in _QUOTES):
        raise CommandError(f"{name}: the key is in quotes, which are no part of it: set it without them")
    if _is_address(key):
        raise CommandError(f"{name} holds an address, where the key belongs")
    if key and (not _KEY.fullmatch(key) or key.startswith("<")):
        raise CommandError(
            f"{name}: the key holds characters that no key has: copy it again, and quote it for the shell"
        )
    kind, *names = _names_of(key)
    if kind == "project" or (kind == "preview" and len(names) > 1):
        raise CommandError(
            f"{name}: the key is a {kind} key, which names no single deployment: "
            "make a deploy key of the deployment itself"
        )
    return name, key


def _is_address(key: str) -> bool:
    return re.match("https?://", key, re.IGNORECASE) is not None


def _names_of(key: str) -> list[str]:
    """Return what a key says before its secret: `prod`, and the deployment's name."""
    head, bar, _ = key.partition("|")
    return head.split(":") if bar else [""]


def _missing_key(keys: tuple[str, ...], url_setting: str, address: str) -> str:
    names, source = keys, f"{DASHBOARD}; self-hosted: {SCRIPT}"
    if url_setting == SELF_HOSTED_URL:
        names, source = (SELF_HOSTED_KEY,) if SELF_HOSTED_KEY in keys else keys, SCRIPT
    elif _CLOUD_HOST.fullmatch(urlsplit(address).hostname or ""):
        names, source = keys[:1], DASHBOARD
    return f"the key is missing: set {' or '.join(names)} in the environment or in .env ({source})"


def _check_that_they_match(key: str, key_setting: str, address: str) -> None:
    host, names = _CLOUD_HOST.fullmatch(urlsplit(address).hostname or ""), _names_of(key)[1:]
    if host and names and names[-1] != host["name"]:
        raise CommandError(
            f"the key in {key_setting} is one of {names[-1][:100]}, but the address is that of {host['name']}: "
            "they must match"
        )
