"""The Data Sync API: `POST /api/v1/data/sync` (convex-backend, `crates/local_backend/src/streaming_export.rs`)."""

from http import HTTPStatus
from typing import Any

import msgspec

from common.errors import CommandError
from convex.backend import lacks_data_sync
from convex.client import ApiError, Client
from convex.pages import NO_LONGER_KEPT, CursorExpired, Page, decode_page, selection_of
from convex.tables import TableName

PATH = "/api/v1/data/sync"


class NoDataSync(Exception):
    """The deployment is older than this API (2026-07-10)."""


class DataSync:
    """Gives pages; documents come as text of the `export_json` encoding, which is kept byte for byte."""

    name = "data_sync"
    tells_truncates = True

    def __init__(self, client: Client):
        self._client = client

    def fetch(self, cursor: str | None, tables: list[TableName]) -> tuple[Page, bytes | bytearray]:
        """Return the page after `cursor`, see `PageSource`. Raises NoDataSync where there is no such API for sure."""
        body: dict[str, Any] = {"selection": selection_of(tables)}
        if cursor is not None:
            body["cursor"] = cursor
        try:
            return self._client.request(
                "POST",
                PATH,
                body=body,
                read=lambda text: (decode_page(text), text),
                is_missing=lacks_data_sync(self._client),
            )
        except msgspec.ValidationError as error:
            raise CommandError(
                f"{self._client.deployment.url} answers {PATH} in another form than that of 2026-07-21 ({error}): "
                "upgrade the backend, or this project"
            ) from error
        except ApiError as error:
            if error.code == "DataSyncCursorExpired":
                raise CursorExpired(NO_LONGER_KEPT) from error
            if error.code == "InvalidDataSyncCursor":
                raise CommandError(
                    f"{error}. The deployment was restored from a backup or moved: if it is still the right one, "
                    "begin again with python -m extract sync --full"
                ) from error
            if error.status == HTTPStatus.NOT_FOUND and not error.code:
                raise NoDataSync from error
            raise

    def forget(self, cursor: str, dirty: list[TableName], tables: list[TableName]) -> tuple[Page, bytes | bytearray]:
        """Ask for one page without the dirty tables: once they are selected again, they come from the beginning."""
        return self.fetch(cursor, [table for table in tables if table not in dirty])
