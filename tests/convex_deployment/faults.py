"""What goes wrong on the way, at random or every time."""

import random
import threading
from typing import Any

REFUSALS: dict[str, tuple[int, bytes, str]] = {
    "429": (429, b'{"code":"TooManyConcurrentRequests","message":"Too many concurrent requests"}', "application/json"),
    "500": (
        500,
        b'{"code":"InternalServerError","message":"Your request couldn\'t be completed."}',
        "application/json",
    ),
    "503": (503, b'{"code":"WorkerOverloaded","message":"There are too many requests"}', "application/json"),
    "408": (408, b"", ""),
    "html_502": (502, b"<html><body><h1>502 Bad Gateway</h1></body></html>", "text/html"),
    "504": (504, b"upstream request timeout", "text/plain"),
    "not_json": (200, b"<html><body>Sign in to the network</body></html>", "text/html"),
}
"""Answers without any work having been done."""

ALL = (*REFUSALS, "reset_before", "reset_after", "cut_body", "cut_chunked", "trickle", "wrong_length")


class Faults:
    """Chooses the fault of each request."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._settings: dict[str, Any] = {}
        self._random = random.Random(0)
        self._left = 0
        self.met = 0

    def configure(self, settings: dict[str, Any]) -> None:
        """Begin with other settings, see `Settings.faults`."""
        with self._lock:
            self._settings = settings
            self._random = random.Random(settings.get("seed", 0))
            self._left = settings.get("times", 1 << 60)

    def choose(self, path: str) -> str | None:
        """Return the kind of fault that a request meets, or None."""
        with self._lock:
            settings = self._settings
            if not settings or self._left <= 0 or not path.startswith(tuple(settings.get("paths", ("/",)))):
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
