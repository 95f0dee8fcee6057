"""What goes wrong between this machine and a deployment: whether it may pass, and what to do about it.

Convex names each of its refusals with a code (convex-backend, `crates/errors/src/lib.rs`). What comes without one isn't
Convex's word: something between, a proxy, a firewall or a network's sign-in page, has answered in its place.
"""

import re
import socket
import ssl
from collections.abc import Iterator
from http import HTTPStatus
from urllib.parse import urlsplit

import httpx

from common.errors import CommandError
from common.text import visible
from convex.deployment import Deployment

PASSING = frozenset({408, 421, 425, 429, 500, 502, 503, 504})
"""What passes whatever code it has. Without a code, every other 5xx does too, and so does a 404."""
NOT_DONE = frozenset({408, 421, 425, 429, 503})
"""Where Convex gives one of these with a code, it hasn't done what was asked."""
FIRST_CONTACT_SECONDS = 5
"""How long is waited where nothing was ever answered, and what came looks like a mistake in the settings."""
ADVICE = "Check the address and the network, then try again"
SIGN_IN = "If the network wants a sign-in, sign in with a browser, or have it let this address through; then try again"

_CODE = re.compile(r"[A-Z][A-Za-z0-9]{2,60}")
_TITLE = re.compile(r"<title[^>]*>(.*?)</title>", re.IGNORECASE | re.DOTALL)
_OTHER_NAME = ("Hostname mismatch", "IP address mismatch")


class ApiError(CommandError):
    """An answer that another try wouldn't change. `code` is Convex's name for it, empty where it isn't Convex's."""

    def __init__(self, status: int, code: str, message: str):
        super().__init__(message)
        self.status = status
        self.code = code
        self.may_be_done = not code
        """Whether the deployment may have done what was asked, though nothing says so."""


class NoAnswer(CommandError):
    """Nothing but what may pass came for as long as was asked."""

    def __init__(self, message: str, *, may_be_done: bool = True):
        super().__init__(message)
        self.may_be_done = may_be_done
        """Whether the answer may only have been lost: one of the tries may have done what was asked."""


class Unreachable(NoAnswer):
    """The deployment never answered, and what came instead looks like a mistake in the settings."""


class Unrest(CommandError):
    """The deployment wasn't at rest, or busy with something else, for as long as was waited: later it may be."""


class Passing(Exception):
    """What another try may change."""

    def __init__(
        self,
        reason: str,
        advice: str = ADVICE,
        *,
        patience: float | None = None,
        retry_after: float | None = None,
        may_be_done: bool = True,
    ):
        super().__init__(reason)
        self.advice = advice
        self.patience = patience
        """For how many seconds to try again where the deployment never answered; None: as long as later."""
        self.retry_after = retry_after
        """In seconds, where the answer said so."""
        self.may_be_done = may_be_done


class NotFound(Passing):
    """A 404 without a code: a proxy whose server is away gives it, and so does a backend that is too old."""

    def __init__(self, reason: str, advice: str, refusal: ApiError):
        super().__init__(reason, advice, patience=FIRST_CONTACT_SECONDS)
        self.refusal = refusal
        """What to raise where it is known that the backend doesn't have what was asked for."""


def network_trouble(deployment: Deployment, error: httpx.HTTPError) -> Passing | ApiError:
    """Tell what a request means that got no whole answer."""
    said = visible(deployment.without_key(str(error)))[:300]
    if isinstance(error, httpx.ProxyError) and (match := re.match(r"([1-4]\d\d)\b", str(error))):
        return ApiError(int(match[1]), "", _by_proxy(deployment, int(match[1]), f"the proxy ({said})"))
    never_sent = httpx.ConnectError, httpx.ConnectTimeout, httpx.ProxyError
    advice, patience = _network_advice(deployment, error)
    return Passing(
        f"{type(error).__name__}: {said or 'no answer'}",
        advice,
        patience=patience,
        may_be_done=not isinstance(error, never_sent),
    )


def _network_advice(deployment: Deployment, error: httpx.HTTPError) -> tuple[str, float | None]:
    """Return what to do, and for how long to wait at first."""
    parts, is_at_proxy = urlsplit(deployment.url), "(through " in str(error)
    for cause in _causes(error):
        if isinstance(cause, ssl.SSLCertVerificationError):
            return _certificate_advice(cause), 0
        if isinstance(cause, ssl.SSLError) and cause.reason in ("WRONG_VERSION_NUMBER", "HTTP_REQUEST"):
            return f"What answers there speaks no https: if it is the deployment, set http://{parts.netloc}", 0
        if isinstance(cause, socket.gaierror) and cause.errno != socket.EAI_AGAIN:
            name = "of the proxy" if is_at_proxy else parts.hostname
            return f"The name {name} isn't known here. {ADVICE}", 0
        if isinstance(cause, ConnectionRefusedError) and is_at_proxy:
            return "Nothing listens at the proxy: start it, or unset that variable", FIRST_CONTACT_SECONDS
        if isinstance(cause, ConnectionRefusedError):
            asked = "is the deployment running, and is that its port? A self-hosted one has 3210"
            return f"Nothing listens there: {asked}. {ADVICE}", FIRST_CONTACT_SECONDS
    if isinstance(error, httpx.ReadTimeout):
        return ADVICE, None
    has_begun = "complete message body" in str(error)
    if parts.scheme == "http" and isinstance(error, httpx.RemoteProtocolError | httpx.ReadError) and not has_begun:
        return f"If that port speaks https, set https://{parts.netloc}. {ADVICE}", FIRST_CONTACT_SECONDS
    return ADVICE, FIRST_CONTACT_SECONDS


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def _certificate_advice(error: ssl.SSLCertVerificationError) -> str:
    said = visible(error.verify_message)
    if said.startswith(_OTHER_NAME):
        return "Its certificate is for another name: set the address by the name that it is for"
    if "expired" in said or "not yet valid" in said:
        return "Renew its certificate, or set this machine's clock"
    return (
        f"Its certificate comes from an authority that this machine doesn't trust ({said}): if it is your own, or that "
        "of a proxy of yours, set SSL_CERT_FILE to a .pem file with the authority's certificate"
    )


def refusal(deployment: Deployment, answer: httpx.Response) -> Passing | ApiError:
    """Tell what an answer means that isn't 200. Its body has to be read."""
    code, message = _code_and_message(answer)
    status, reason = answer.status_code, deployment.without_key(message)[:300]
    name = deployment.without_key(" ".join(part for part in (str(status), code) if part))
    if status in PASSING or (status >= 500 and not code):
        is_sign_in = status == HTTPStatus.NETWORK_AUTHENTICATION_REQUIRED
        return Passing(
            name if code else f"{name}{_by(deployment, answer)}",
            SIGN_IN if is_sign_in else ADVICE,
            patience=FIRST_CONTACT_SECONDS if is_sign_in else None,
            retry_after=_retry_after(answer),
            may_be_done=not code or status not in NOT_DONE,
        )
    error = ApiError(status, code, _advice(deployment, answer, code, reason, name))
    if status == HTTPStatus.NOT_FOUND and not code:
        advice = (
            "What answers there isn't Convex's API, or is a proxy whose server is away: a self-hosted deployment has "
            f"the API at port 3210 (3211 is HTTP actions, 6791 the dashboard). {ADVICE}"
        )
        return NotFound(f"{name}{_by(deployment, answer)}", advice, error)
    return error


def not_permitted(deployment: Deployment, reason: str) -> ApiError:
    """Return the refusal of what the key may not do."""
    message = f"{deployment.url} says that the key may not do this: {reason}. Make a key that has the permission"
    return ApiError(HTTPStatus.FORBIDDEN, "OperationNotPermitted", message)


def web_page(deployment: Deployment, answer: httpx.Response, content: bytes | bytearray) -> Passing | None:
    """Tell whether a web page came where something else was expected."""
    start = content[:4096].decode(errors="replace").lstrip("\ufeff \t\r\n")
    if not start.startswith("<") and "html" not in answer.headers.get("Content-Type", ""):
        return None
    said = f"something between us and Convex answered with a web page{_by(deployment, answer, start)}"
    return Passing(said, SIGN_IN, patience=FIRST_CONTACT_SECONDS)


def unreadable(deployment: Deployment, content: bytes | bytearray) -> Passing:
    """Tell of an answer of which nothing can be made: it may have been cut."""
    start = visible(deployment.without_key(content[:10_000].decode(errors="replace")))[:40]
    return Passing(f"the answer can't be read: it begins with {start!r}")


def _advice(deployment: Deployment, answer: httpx.Response, code: str, reason: str, name: str) -> str:
    url, status = deployment.url, answer.status_code
    if code == "StreamingExportNotEnabled":
        return (
            f"{url} doesn't offer streaming export, which needs a Convex plan that has it: "
            "land a whole export with python -m extract snapshot, which every plan has"
        )
    if code == "OperationNotPermitted":
        return str(not_permitted(deployment, reason))
    if code == "BackendIsNotRunning":
        return f"{url} is paused or disabled ({reason}): resume the deployment in the dashboard, then try again"
    if code and status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
        return (
            f"{url} doesn't accept the key ({name}: {reason}): set {deployment.key_setting} to a key of this "
            f"deployment ({deployment.key_source})"
        )
    if 300 <= status < 400:
        target = deployment.without_key(visible(answer.headers.get("Location", "elsewhere")))[:200]
        return (
            f"{url} sends requests on to {target}{_by(deployment, answer)}: set {deployment.url_setting} to the "
            "deployment's own address; if that is a sign-in page of your network, sign in with a browser first"
        )
    if not code:
        return _by_proxy(deployment, status, f"something between us and Convex{_by(deployment, answer)}")
    return f"{url} answered {name}{f': {reason}' if reason else ''}"


def _by_proxy(deployment: Deployment, status: int, who: str) -> str:
    """Return what to do about a refusal that isn't Convex's own."""
    url = deployment.url
    if status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
        return (
            f"{who} answered {status} for {url}: the key isn't to blame, as Convex itself would name a reason. Have "
            "the proxy, firewall or VPN let this address through, or set the deployment's own address"
        )
    if status == HTTPStatus.PROXY_AUTHENTICATION_REQUIRED:
        return (
            f"{who} wants a name and a password ({status}) before it lets us through to {url}: put them into "
            "HTTPS_PROXY or HTTP_PROXY, as in http://NAME:PASSWORD@HOST:PORT"
        )
    if status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
        return f"{who} takes no request as large as this one to {url} ({status}): have its limit raised"
    if status == HTTPStatus.CONFLICT:
        return f"{who} answered {status} for {url}: something is being changed there. Try again when that is over"
    if status == HTTPStatus.BAD_REQUEST and url.startswith("http://"):
        return f"{who} answered {status}: if that port speaks https, set https://{urlsplit(url).netloc}"
    return f"{who} answered {status} for {url}, without a reason: look at the address, and at what is between"


def _by(deployment: Deployment, answer: httpx.Response, page: str | None = None) -> str:
    """Return who seems to have answered: the page's title or first words, and the server's name."""
    text = answer.text[:4096].strip() if page is None else page
    title = _TITLE.search(text)
    said = title[1] if title else re.sub(r"(?s)<(script|style).*?</\1>|<[^>]*>", " ", text)
    server = answer.headers.get("Server", "")
    parts = [f"“{' '.join(said.split())[:80]}”" if said.strip() else "", f"server: {server[:60]}" if server else ""]
    reason = ", ".join(part for part in parts if part)
    return visible(deployment.without_key(f" ({reason})")) if reason else ""


def _code_and_message(answer: httpx.Response) -> tuple[str, str]:
    """Return Convex's code and message. What has no code of its form isn't Convex's."""
    try:
        content = answer.json()
        code = str(content.get("code") or "")
        return (code, visible(str(content.get("message") or ""))) if _CODE.fullmatch(code) else ("", "")
    except (ValueError, AttributeError, RecursionError):
        return "", ""


def _retry_after(answer: httpx.Response) -> float | None:
    text = answer.headers.get("Retry-After", "")
    return float(text) if re.fullmatch("[0-9]{1,9}", text) else None
