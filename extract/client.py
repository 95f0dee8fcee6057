"""HTTP to a Convex deployment: one pool of connections, time limits, retries, and errors that say what to do.

Which answers are worth another try follows the classes of errors that a deployment knows (convex-backend,
`crates/errors/src/lib.rs`): a deployment may also answer with an empty body, and a proxy before it with HTML.
"""

import json
import re
import time
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import contextmanager
from http import HTTPStatus
from pathlib import Path
from typing import Any, TypeVar

import httpx
import msgspec
from tenacity import RetryCallState, Retrying, retry_if_exception_type
from tenacity.wait import wait_exponential_jitter

from extract import __version__
from extract.deployment import Deployment
from extract.errors import ExtractError
from extract.network import http_client
from extract.text import visible

CLIENT = f"palette-analytics-extract-{__version__}"
"""`Convex-Client` must be `name-version`; a name that Convex doesn't know has no oldest version that it accepts."""

RETRIED = frozenset({408, 421, 425, 429, 500, 502, 503, 504})
CONNECT_SECONDS = 10
READ_SECONDS = 330
"""A deployment ends a request after 300 seconds, with an empty 408."""
ANSWER_SECONDS = 1800
"""The longest that one answer may take to arrive, however steadily it trickles."""
FIRST_WAIT_SECONDS = 0.1
LONGEST_WAIT_SECONDS = 30
LONGEST_RETRY_AFTER_SECONDS = 300

T = TypeVar("T")


class ApiError(ExtractError):
    """An answer that another try wouldn't change. `code` is Convex's name for it, empty where the body had none."""

    def __init__(self, status: int, code: str, message: str):
        super().__init__(message)
        self.status = status
        self.code = code


class NoAnswer(ExtractError):
    """Nothing but network errors and overload came for as long as was asked."""


class _Passing(Exception):
    """What another try may change. `retry_after` is in seconds, where the answer said so."""

    def __init__(self, reason: str, retry_after: float | None = None):
        super().__init__(reason)
        self.retry_after = retry_after


class Client:
    """Sends requests to one deployment. Every request is safe to repeat, and is repeated for `retry_seconds`."""

    def __init__(
        self, deployment: Deployment, retry_seconds: float = 600, report: Callable[[str], None] = lambda _text: None
    ):
        self.deployment = deployment
        self._retry_seconds = retry_seconds
        self._report = report
        self._http = http_client(
            deployment.url,
            headers={"Authorization": f"Convex {deployment.key}", "Convex-Client": CLIENT},
            timeout=httpx.Timeout(READ_SECONDS, connect=CONNECT_SECONDS),
        )

    def __enter__(self) -> "Client":
        return self

    def __exit__(self, *_exception: object) -> None:
        self._http.close()

    def request(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, str] | None = None,
        body: Any = None,
        read: Callable[[bytearray], T] = json.loads,
    ) -> T:
        """Send a request and return what `read` makes of the answer; an answer that it can't read counts as cut.

        `body` is sent as JSON, bytes as they are.

        Raises ApiError for an answer that says no, NoAnswer if nothing better came within `retry_seconds`.
        """

        def attempt() -> T:
            with self._answer(method, path, params, body) as answer:
                content = bytearray()
                for block in self._blocks(answer):
                    content += block
            try:
                return read(content)
            except msgspec.ValidationError:
                raise  # it is whole, but of another form
            except (ValueError, RecursionError) as error:
                start = visible(self._without_key(content[:10_000].decode(errors="replace")))[:40]
                raise _Passing(f"the answer can't be read: it begins with {start!r}") from error

        return self._retrying(path, attempt)

    def download(self, path: str, to: Path, progress: Callable[[int, int | None], None]) -> str:
        """Write the body of a GET to a file, and return its `Content-Disposition`.

        `progress` gets the bytes so far, and all bytes where they are known.

        A body shorter than its `Content-Length` is fetched again. Raises like `request`, and OSError.
        """

        def attempt() -> str:
            with self._answer("GET", path) as answer, to.open("wb") as file:
                length = answer.headers.get("Content-Length", "")
                total = int(length) if re.fullmatch("[0-9]{1,18}", length) else None
                for block in self._blocks(answer):
                    file.write(block)
                    progress(file.tell(), total)
                return answer.headers.get("Content-Disposition", "")

        return self._retrying(path, attempt)

    @contextmanager
    def _answer(
        self, method: str, path: str, params: Mapping[str, str] | None = None, body: Any = None
    ) -> Generator[httpx.Response]:
        """Send one request. Leaves with _Passing or ApiError unless the answer is 200."""
        raw = {"content": body, "headers": {"Content-Type": "application/octet-stream"}}
        sent: dict[str, Any] = raw if isinstance(body, bytes) else {"json": body}
        try:
            with self._http.stream(method, path, params=params, **sent) as answer:
                if answer.status_code != HTTPStatus.OK:
                    raise self._refusal(path, answer)
                yield answer
        except (httpx.TransportError, httpx.DecodingError) as error:
            said = visible(self._without_key(str(error)))[:300]
            raise _Passing(f"{type(error).__name__}: {said or 'no answer'}") from error

    @staticmethod
    def _blocks(answer: httpx.Response) -> Iterator[bytes]:
        latest = time.monotonic() + ANSWER_SECONDS
        for block in answer.iter_bytes():
            if time.monotonic() > latest:
                raise _Passing(f"the answer hadn't ended after {ANSWER_SECONDS} seconds")
            yield block

    def _refusal(self, path: str, answer: httpx.Response) -> Exception:
        answer.read()
        code, message = _code_and_message(answer)
        status = answer.status_code
        name = self._without_key(" ".join(part for part in (str(status), code) if part))
        if status in RETRIED or (status == HTTPStatus.NOT_FOUND and path.startswith("/api/query") and not code):
            return _Passing(name, _retry_after(answer))
        told = self._without_key(message)[:300]
        return ApiError(status, code, self._advice(status, code, told, name, answer))

    def _advice(self, status: int, code: str, told: str, name: str, answer: httpx.Response) -> str:
        url = self.deployment.url
        if code == "StreamingExportNotEnabled":
            return (
                f"{url} doesn't offer streaming export, which needs a Convex plan that has it: "
                "land a whole export with python -m extract snapshot, which every plan has"
            )
        if code == "OperationNotPermitted":
            return f"{url} says that the key may not do this: {told}. Make a key that has the permission"
        if status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
            return (
                f"{url} doesn't accept the key ({name}: {told}): set {self.deployment.key_setting} to a key of this "
                "deployment, which the dashboard makes under Settings"
            )
        if code == "BackendIsNotRunning":
            return f"{url} is paused or disabled ({told}): resume the deployment in the dashboard, then try again"
        if 300 <= status < 400:
            target = self._without_key(visible(answer.headers.get("Location", "elsewhere")))
            return f"{url} sends requests on to {target}: set CONVEX_URL to the deployment's own address"
        return f"{url} answered {name}{f': {told}' if told else ''}"

    def _retrying(self, path: str, attempt: Callable[[], T]) -> T:
        backoff = wait_exponential_jitter(
            multiplier=FIRST_WAIT_SECONDS, max=LONGEST_WAIT_SECONDS, jitter=FIRST_WAIT_SECONDS
        )

        def wait(state: RetryCallState) -> float:
            error = state.outcome.exception() if state.outcome else None
            asked = error.retry_after if isinstance(error, _Passing) else None
            return backoff(state) if asked is None else min(asked, LONGEST_RETRY_AFTER_SECONDS)

        failed_at: list[float] = []

        def stop(state: RetryCallState) -> bool:
            """Tell whether the next try would come too late. The time counts from the first failure."""
            failed_at.append(time.monotonic())
            return failed_at[-1] - failed_at[0] + state.upcoming_sleep > self._retry_seconds

        def before_sleep(state: RetryCallState) -> None:
            reason = state.outcome.exception() if state.outcome else ""
            seconds = state.next_action.sleep if state.next_action else 0
            self._report(f"{path}: {reason}; attempt {state.attempt_number + 1} in {seconds:.1f} s")

        retrying = Retrying(
            retry=retry_if_exception_type(_Passing),
            wait=wait,
            stop=stop,
            before_sleep=before_sleep,
            reraise=True,
        )
        try:
            return retrying(attempt)
        except _Passing as error:
            tries = retrying.statistics["attempt_number"]
            raise NoAnswer(
                f"no answer from {self.deployment.url} to {path} in {tries} attempt(s) over {self._retry_seconds:g} "
                f"seconds; the last: {error}. Check the address and the network, then try again"
            ) from error

    def _without_key(self, text: str) -> str:
        """Return the text without the key, which a server might repeat."""
        return self.deployment.without_key(text)


def _code_and_message(answer: httpx.Response) -> tuple[str, str]:
    try:
        content = answer.json()
        return visible(str(content.get("code") or "")), visible(str(content.get("message") or ""))
    except (ValueError, AttributeError):
        return "", ""


def _retry_after(answer: httpx.Response) -> float | None:
    text = answer.headers.get("Retry-After", "")
    return float(text) if re.fullmatch("[0-9]{1,9}", text) else None
