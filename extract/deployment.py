"""Which deployment to talk to, and the key for it."""

import re
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from extract.errors import ExtractError
from extract.settings import setting

URLS = ("CONVEX_URL", "CONVEX_SELF_HOSTED_URL")
KEYS = ("CONVEX_DEPLOY_KEY", "CONVEX_SELF_HOSTED_ADMIN_KEY")

_CLOUD_HOST = re.compile(r"(?P<name>[^.]+)(\.[^.]+)?\.convex\.(cloud|site)")
_KEY = re.compile(r"[\x21-\x7e]+")


@dataclass(frozen=True)
class Deployment:
    """A deployment's address, without a slash at the end, and a key, which is never shown."""

    url: str
    key: str = field(repr=False)
    key_setting: str = KEYS[0]
    """Where the key is set, for messages."""

    @property
    def name(self) -> str:
        """The address without its scheme: `happy-otter-123.convex.cloud`."""
        return urlsplit(self.url).netloc

    def without_key(self, text: str) -> str:
        """Return the text without the key, or its secret part, which a server might repeat."""
        for secret in (self.key, self.key.rpartition("|")[2]):
            text = text.replace(secret, "***") if secret else text
        return text


def deployment_of_settings(url: str | None = None, keys: tuple[str, ...] = KEYS) -> Deployment:
    """Return the deployment that `url`, the environment and `.env` name. Raises ExtractError if they don't suffice."""
    address = url or _one_of(URLS)
    return Deployment(_checked_url(address), _checked_key(_one_of(keys), address, keys), keys[0])


def _one_of(names: tuple[str, ...]) -> str:
    values = {value for name in names if (value := setting(name))}
    if len(values) > 1:
        raise ExtractError(f"{' and '.join(names)} are both set, and differ: unset one of them")
    return "".join(values)


def _checked_url(url: str) -> str:
    if not url:
        raise ExtractError(
            "which deployment? Set CONVEX_URL (https://NAME.convex.cloud) or CONVEX_SELF_HOSTED_URL "
            "(http://127.0.0.1:3210) in the environment or in .env, or give --url"
        )
    try:
        parts = urlsplit(url.strip())
        _ = parts.port
    except ValueError:
        raise ExtractError("the deployment's address can't be read: it looks like https://NAME.convex.cloud") from None
    host = parts.hostname or ""
    if parts.username or parts.password:
        raise ExtractError("the deployment's address holds a name or a password: leave them out, the key is enough")
    if parts.scheme not in ("http", "https") or not host:
        raise ExtractError(f"{url} is no address: it has to begin with https://, as in https://NAME.convex.cloud")
    if host.endswith(".convex.site"):
        raise ExtractError(f"{url} serves HTTP actions only: the data is at https://{host.removesuffix('site')}cloud")
    if host == "dashboard.convex.dev":
        raise ExtractError(
            f"{url} is the dashboard: the deployment's own address is under Settings, URL and Deploy Key"
        )
    if parts.query or parts.fragment:
        raise ExtractError(f"{parts.scheme}://{parts.netloc} is enough of an address: leave out what follows")
    return f"{parts.scheme}://{parts.netloc}{parts.path.rstrip('/')}"


def _checked_key(key: str, url: str, keys: tuple[str, ...]) -> str:
    """Check the shapes of keys (convex-backend, `crates/common/src/types/admin_key.rs`). No message shows the key."""
    key = key.strip()
    if not key:
        raise ExtractError(
            f"the key is missing: set {' or '.join(keys)} in the environment or in .env "
            "(the dashboard makes one under Settings; self-hosted: ./generate_admin_key.sh)"
        )
    if not _KEY.fullmatch(key) or key.startswith("<"):
        raise ExtractError("the key holds characters that no key has: set it again, in quotes, as it has a | in it")
    head, bar, _ = key.partition("|")
    kind, *names = head.split(":") if bar else ("",)
    if kind == "project" or (kind == "preview" and len(names) > 1):
        raise ExtractError(
            f"the key is a {kind} key, which names no single deployment: make a deploy key of the deployment itself"
        )
    host = _CLOUD_HOST.fullmatch(urlsplit(url.strip()).hostname or "")
    if host and names and names[-1] != host["name"]:
        raise ExtractError(f"the key is one of {names[-1]}, but the address is that of {host['name']}: they must match")
    return key
