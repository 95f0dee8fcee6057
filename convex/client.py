"""HTTP to a Convex deployment: one pool of connections, time limits, retries, and downloads that go on where they were.

What an answer means, and whether another try is worth it, is in `convex.errors`.
"""

import json
import random
import re
import time
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from copy import copy
from dataclasses import dataclass
from http import HTTPStatus
from itertools import chain
from pathlib import Path
from typing import Any, TypeVar

import httpx
import msgspec

from common import __version__
from common.progress import Tell, silent
from convex.deployment import Deployment
from convex.errors import (
    ApiError,
    NoAnswer,
    NotFound,
    Passing,
    Unreachable,
    network_trouble,
    refusal,
    unreadable,
    web_page,
)
from convex.network import http_client

__all__ = ["ApiError", "Client", "NoAnswer", "Unreachable", "read_nothing"]

CLIENT = f"palette-analytics-extract-{__version__}"
"""`Convex-Client` must be `name-version`; a name that Convex doesn't know has no oldest version that it accepts."""

CONNECT_SECONDS = 10
SILENCE_SECONDS = 330
"""The longest that nothing may come. A deployment ends a request after 300 seconds, with an empty 408."""
FIRST_WAIT_SECONDS = 0.1
LONGEST_WAIT_SECONDS = 30
LONGEST_RETRY_AFTER_SECONDS = 300
NEWS_SECONDS = 60
"""How long no more tries are reported after one was, unless each is asked for."""

_RANGE = re.compile(r"bytes ([0-9]{1,18})-[0-9]{1,18}/([0-9]{1,18})")

T = TypeVar("T")


@dataclass
class _Contact:
    """What several clients of one deployment know together."""

    has_answered: bool = False
    told_at: float = -NEWS_SECONDS


class Client:
    """Sends requests to one deployment. Every request is safe to repeat, and is repeated for `retry_seconds`.

    Where the deployment never answered, and what came looks like a mistake in the settings, it gives up within seconds.
    `report` gets each try, `tell` only the first of a row, and one a minute after it.
    """

    def __init__(self, deployment: Deployment, retry_seconds: float = 600, report: Tell = silent, tell: Tell = silent):
        self.deployment = deployment
        self._retry_seconds = retry_seconds
        self._report = report
        self._tell = tell
        self._contact = _Contact()
        self._is_borrowed = False
        self._http = http_client(
            deployment.url,
            headers={"Authorization": f"Convex {deployment.key}", "Convex-Client": CLIENT},
            timeout=httpx.Timeout(SILENCE_SECONDS, connect=CONNECT_SECONDS),
        )

    def __enter__(self) -> "Client":
        return self

    def __exit__(self, *_exception: object) -> None:
        if not self._is_borrowed:
            self._http.close()

    @property
    def has_answered(self) -> bool:
        """Tell whether the deployment itself has ever answered, with a yes or a no of its own."""
        return self._contact.has_answered

    def with_patience(self, retry_seconds: float) -> "Client":
        """Return a client over the same connections that tries for another time; 0: once."""
        other = copy(self)
        other._retry_seconds = retry_seconds
        other._is_borrowed = True
        return other

    def request(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, str] | None = None,
        body: Any = None,
        read: Callable[[bytearray], T] = json.loads,
        is_missing: Callable[[], bool] = lambda: False,
    ) -> T:
        """Send a request and return what `read` makes of the answer; an answer that it can't read counts as cut.

        `body` is sent as JSON, bytes as they are. `is_missing` is asked after a 404 that isn't Convex's own whether the
        backend doesn't have the path for sure; otherwise that passes.

        Raises ApiError for an answer that says no, NoAnswer if nothing better came within `retry_seconds`.
        """

        def attempt() -> T:
            try:
                with self._answer(method, path, params=params, body=body) as answer:
                    content = bytearray()
                    for block in answer.iter_bytes():
                        content += block
                    if page := web_page(self.deployment, answer, content):
                        raise page
            except NotFound as error:
                if is_missing():
                    raise error.refusal from error
                raise
            try:
                return read(content)
            except msgspec.ValidationError:
                raise  # it is whole, but of another form
            except (ValueError, RecursionError) as error:
                raise unreadable(self.deployment, content) from error

        return self._retrying(path, attempt)

    def download(self, path: str, to: Path, progress: Callable[[int, int | None], None]) -> str:
        """Write the body of a GET to a file, and return its `Content-Disposition`.

        `progress` gets the bytes so far, and all bytes where they are known.

        A body that was cut goes on where it was, if the server can do that for sure, and comes again otherwise. It may
        take any time as long as bytes come. Raises like `request`, and OSError.
        """
        part = _Part(to)

        def attempt() -> str:
            try:
                with self._answer("GET", path, headers=part.wanted()) as answer:
                    blocks = answer.iter_bytes()
                    first = next(blocks, b"")
                    is_start = answer.status_code == HTTPStatus.OK
                    if is_start and (page := web_page(self.deployment, answer, first)):
                        raise page
                    with part.opened(answer) as file:
                        for block in chain([first], blocks):
                            file.write(block)
                            part.furthest = max(part.furthest, file.tell())
                            progress(file.tell(), part.total)
                        if part.total not in (None, file.tell()):
                            raise Passing(f"{file.tell():,} bytes came, where {part.total:,} were announced")
                    return answer.headers.get("Content-Disposition", "")
            except ApiError as error:
                if error.status != HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
                    raise
                part.restart()
                raise Passing(f"the server no longer has what was left to come ({error.status})") from error

        return self._retrying(path, attempt, lambda: part.furthest)

    @contextmanager
    def _answer(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, str] | None = None,
        body: Any = None,
        headers: Mapping[str, str] | None = None,
    ) -> Generator[httpx.Response]:
        """Send one request. Leaves with Passing or ApiError unless the answer is 200, or 206 where that was asked."""
        kind = {"Content-Type": "application/octet-stream"} if isinstance(body, bytes) else {}
        sent: dict[str, Any] = {"content": body} if isinstance(body, bytes) else {"json": body}
        wanted = (HTTPStatus.OK, HTTPStatus.PARTIAL_CONTENT) if "Range" in (headers or {}) else (HTTPStatus.OK,)
        try:
            with self._http.stream(method, path, params=params, headers={**kind, **(headers or {})}, **sent) as answer:
                if answer.status_code not in wanted:
                    answer.read()
                    raise refusal(self.deployment, answer)
                yield answer
        except (httpx.TransportError, httpx.DecodingError) as error:
            raise network_trouble(self.deployment, error) from error

    def _retrying(self, path: str, attempt: Callable[[], T], furthest: Callable[[], int] = lambda: 0) -> T:
        """Try until it works, or until `retry_seconds` have passed since it first failed, or last got further."""
        tries, failed, best, since, may_be_done = 0, 0, 0, 0.0, False
        while True:
            tries += 1
            try:
                result = attempt()
            except ApiError as error:
                self._contact.has_answered |= bool(error.code)
                raise
            except Passing as error:
                failed += 1
                may_be_done |= error.may_be_done
                if failed == 1 or furthest() > best:
                    failed, best, since = 1, furthest(), time.monotonic()
                is_fatal = error.patience is not None and not self._contact.has_answered
                limit = min(self._retry_seconds, error.patience or 0) if is_fatal else self._retry_seconds
                pause = _pause(failed, error.retry_after)
                if time.monotonic() - since + pause > limit:
                    raise self._given_up(
                        path, error, tries, limit, is_fatal=is_fatal, may_be_done=may_be_done
                    ) from error
                self._tell_of_try(path, error, tries + 1, pause, limit)
                time.sleep(pause)
            else:
                self._contact.has_answered = True
                return result

    def _given_up(
        self, path: str, error: Passing, tries: int, limit: float, *, is_fatal: bool, may_be_done: bool
    ) -> NoAnswer:
        url = self.deployment.url
        if is_fatal:
            return Unreachable(f"can't reach {url}: {error}. {error.advice}", may_be_done=may_be_done)
        return NoAnswer(
            f"no answer from {url} to {path} in {tries} attempt(s) over {limit:g} seconds; the last: {error}. "
            f"{error.advice}",
            may_be_done=may_be_done,
        )

    def _tell_of_try(self, path: str, error: Passing, number: int, pause: float, limit: float) -> None:
        self._report(f"{path}: {error}; attempt {number} in {pause:.1f} s")
        if time.monotonic() - self._contact.told_at >= NEWS_SECONDS:
            self._contact.told_at = time.monotonic()
            self._tell(f"{path}: {error}; trying again, for up to {limit:g} s (-v reports each try)")


class _Part:
    """A file that comes, maybe in several parts."""

    def __init__(self, path: Path):
        self.total: int | None = None
        self.furthest = 0
        """The most bytes that were ever here."""
        self._path = path
        self._size = 0
        self._mark = ""
        """By what the server knows the same body again, where it gives parts of it."""

    def wanted(self) -> dict[str, str]:
        """Return the headers that ask for what is still missing."""
        whole = {"Accept-Encoding": "identity"}
        if not self._mark or not self._size:
            return whole
        return whole | {"Range": f"bytes={self._size}-", "If-Range": self._mark}

    def restart(self) -> None:
        """Have the next request ask for everything."""
        self._mark = ""

    @contextmanager
    def opened(self, answer: httpx.Response) -> Generator[Any]:
        """Open the file where the answer goes on. Raises Passing where it doesn't fit what is here."""
        mark = answer.headers.get("ETag", "")
        if answer.status_code == HTTPStatus.PARTIAL_CONTENT:
            place = _RANGE.fullmatch(answer.headers.get("Content-Range", ""))
            start, total = (int(place[1]), int(place[2])) if place else (None, None)
            if start != self._size or mark != self._mark or self.total not in (None, total):
                self.restart()
                raise Passing("a part came that doesn't fit what was there")
            self.total = total
        else:
            length = answer.headers.get("Content-Length", "")
            is_plain = "Content-Encoding" not in answer.headers
            self._size = 0
            self.total = int(length) if is_plain and re.fullmatch("[0-9]{1,18}", length) else None
            gives_parts = is_plain and answer.headers.get("Accept-Ranges") == "bytes"
            self._mark = mark if gives_parts and mark.startswith('"') else ""
        with self._path.open("r+b" if self._size else "wb") as file:
            file.seek(self._size)
            file.truncate()
            try:
                yield file
            finally:
                self._size = file.tell()


def _pause(failed: int, retry_after: float | None) -> float:
    """Return the seconds until the next try."""
    if retry_after is not None:
        return min(retry_after, LONGEST_RETRY_AFTER_SECONDS)
    backoff = min(FIRST_WAIT_SECONDS * 2 ** min(failed - 1, 16), LONGEST_WAIT_SECONDS)
    return backoff + random.uniform(0, FIRST_WAIT_SECONDS)  # noqa: S311 (no secret)


def read_nothing(content: bytearray) -> None:
    """Read an answer that has no body. What has one isn't Convex's: it counts as an answer that can't be read."""
    if content:
        raise ValueError("a body where none is due")
