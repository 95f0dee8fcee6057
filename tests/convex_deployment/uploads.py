"""Multi-part uploads (convex-backend, `crates/storage`): as S3 has them, a part that comes again replaces itself."""

import hashlib
import secrets
from dataclasses import dataclass, field

from convex_deployment.errors import ConvexError
from convex_deployment.settings import Settings

MOST_PARTS = 9_999


@dataclass
class Upload:
    """The parts that came so far, by number."""

    parts: dict[int, bytes] = field(default_factory=dict)
    is_finished: bool = False


class Uploads:
    """The uploads of a deployment, by token."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._all: dict[str, Upload] = {}

    def start(self) -> str:
        """Return the token of a new upload."""
        token = secrets.token_urlsafe(24)
        self._all[token] = Upload()
        return token

    def put(self, token: str, number: int, body: bytes) -> str:
        """Keep a part, and return its token: what S3 calls ETag."""
        upload = self._of(token)
        if not 1 <= number <= MOST_PARTS:
            raise ConvexError(400, "InvalidPartNumber", f"part number {number} must be from 1 to {MOST_PARTS}")
        upload.parts[number] = body
        return _part_token(number, body)

    def finish(self, token: str, part_tokens: list[str]) -> bytes:
        """Return the whole. An upload can be finished once."""
        upload = self._of(token)
        parts = [upload.parts[number] for number in sorted(upload.parts)]
        if part_tokens != [_part_token(number, upload.parts[number]) for number in sorted(upload.parts)]:
            raise ConvexError(500, "InternalServerError", "Your request couldn't be completed. Try again later.")
        if any(len(part) < self._settings.smallest_part_bytes for part in parts[:-1]):
            raise ConvexError(400, "EntityTooSmall", "a part other than the last has less than 5 MiB")
        upload.is_finished = True
        return b"".join(parts)

    def _of(self, token: str) -> Upload:
        upload = self._all.get(token)
        if upload is None or upload.is_finished:
            raise ConvexError(500, "InternalServerError", "Your request couldn't be completed. Try again later.")
        return upload


def _part_token(number: int, body: bytes) -> str:
    return f"{number}:{hashlib.md5(body, usedforsecurity=False).hexdigest()}"
