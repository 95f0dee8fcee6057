"""What goes wrong on the way, at random or every time."""

import random
import threading
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Refusal:
    """An answer that the deployment didn't give, or not to this request."""

    status: int
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)


def _json(status: int, body: bytes) -> Refusal:
    return Refusal(status, body, {"Content-Type": "application/json"})


def _page(status: int, title: str, **headers: str) -> Refusal:
    """Return the page of a proxy, in HTML, which no client can take for an answer of Convex."""
    body = f"<!DOCTYPE html>\n<html><head><title>{title}</title></head><body><h1>{title}</h1></body></html>\n"
    return Refusal(status, body.encode(), {"Content-Type": "text/html; charset=utf-8", **headers})


GATEWAY_STATUSES = (*range(520, 528), 529, 530, 599)
"""What proxies answer when they got no answer; no standard knows these."""
REFUSALS: dict[str, Refusal] = {
    "429": _json(429, b'{"code":"TooManyConcurrentRequests","message":"Too many concurrent requests"}'),
    "500": _json(500, b'{"code":"InternalServerError","message":"Your request couldn\'t be completed."}'),
    "503": _json(503, b'{"code":"WorkerOverloaded","message":"There are too many requests"}'),
    "408": Refusal(408),
    "html_502": _page(502, "502 Bad Gateway"),
    "504": Refusal(504, b"upstream request timeout", {"Content-Type": "text/plain"}),
    "not_json": Refusal(200, b"<html><body>Sign in to the network</body></html>", {"Content-Type": "text/html"}),
    **{str(status): _page(status, f"Error {status}: no answer from the origin") for status in GATEWAY_STATUSES},
    "proxy_401": _page(401, "401 Authorization Required", **{"WWW-Authenticate": 'Basic realm="proxy"'}),
    "proxy_403": _page(403, "403 Forbidden"),
    "proxy_404": _page(404, "404 Not Found"),
    "407": _page(407, "407 Proxy Authentication Required", **{"Proxy-Authenticate": 'Basic realm="proxy"'}),
    "409": Refusal(409),
    "511": _page(511, "511 Network Authentication Required"),
    "sign_in": _page(200, "Sign in"),
    "login_302": Refusal(302, b"", {"Location": "https://login.example.com/?return=here"}),
}
"""Answers without any work having been done. Those that a proxy gives have no Convex code."""
TIMEOUT_AFTERWARDS = "524_after"
"""The work is done, but the proxy didn't wait for the answer."""

ALL = (
    *("429", "500", "503", "408", "html_502", "504", "not_json"),
    *("reset_before", "reset_after", "cut_body", "cut_chunked", "trickle", "wrong_length"),
)
"""What requests meet unless a test says which kinds: what passes, and every client has to get over."""
SOAKED = (*ALL, *map(str, GATEWAY_STATUSES), "proxy_404", "sign_in", TIMEOUT_AFTERWARDS)
"""What requests meet in a soak, where there are enough for all kinds."""


class Faults:
    """Chooses the fault of each request."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._settings: dict[str, Any] = {}
        self._random = random.Random(0)
        self._left = self._passing = 0
        self.met = 0

    def configure(self, settings: dict[str, Any]) -> None:
        """Begin with other settings, see `Settings.faults`."""
        with self._lock:
            self._settings = settings
            self._random = random.Random(settings.get("seed", 0))
            self._left = settings.get("times", 1 << 60)
            self._passing = settings.get("after", 0)

    def choose(self, path: str) -> str | None:
        """Return the kind of fault that a request meets, or None."""
        with self._lock:
            settings = self._settings
            if not settings or self._left <= 0 or not path.startswith(tuple(settings.get("paths", ("/",)))):
                return None
            if self._passing > 0:
                self._passing -= 1
                return None
            if self._random.random() >= settings.get("rate", 1):
                return None
            self._left -= 1
            self.met += 1
            return self._random.choice(settings.get("kinds", ALL))

    @property
    def retry_after(self) -> float | None:
        """Return the seconds that `Retry-After` names."""
        return self._settings.get("retry_after")

    @property
    def pause(self) -> float:
        """Return the seconds between two pieces of a body that trickles."""
        return self._settings.get("pause", 0.01)
