"""What a deployment's backend has, by its own word: one 404 proves nothing, as a proxy may give it for a moment."""

import json
from collections.abc import Callable
from http import HTTPStatus

from convex.client import Client
from convex.errors import ApiError, NoAnswer

PROOFS = 3
"""How often, after each of as many 404s, a backend has to say that it doesn't have what was asked for."""


def has_data_sync(client: Client) -> bool | None:
    """Tell whether the backend has the Data Sync API; None where that can't be had now."""
    return _has(client, "/api/v1/data/list_active_syncs?limit=1")


def has_older_api(client: Client) -> bool | None:
    """Tell whether the backend has `list_snapshot` and `document_deltas`; None where that can't be had now."""
    return _has(client, "/api/test_streaming_export_connection")


def is_there(client: Client) -> bool:
    """Tell whether it is the backend that answers now, and no proxy in its place."""
    return bool(_has(client, "/version", read=bytes))


def lacks_data_sync(client: Client) -> Callable[[], bool]:
    """Return a check, for after each 404 of one request, whether the backend is older than the Data Sync API."""
    return _proof(lambda: has_data_sync(client) is False and (has_older_api(client) or is_there(client)))


def lacks_older_api(client: Client) -> Callable[[], bool]:
    """Return a check, for after each 404 of one request, whether the backend is older than the older API."""
    return _proof(lambda: has_older_api(client) is False and is_there(client))


def _proof(is_so: Callable[[], bool]) -> Callable[[], bool]:
    proofs = 0

    def is_proven() -> bool:
        nonlocal proofs
        proofs = proofs + 1 if is_so() else 0
        return proofs >= PROOFS

    return is_proven


def _has(client: Client, path: str, read: Callable[[bytearray], object] = json.loads) -> bool | None:
    try:
        client.with_patience(0).request("GET", path, read=read, is_missing=lambda: True)
    except ApiError as error:
        return True if error.code else False if error.status == HTTPStatus.NOT_FOUND else None
    except NoAnswer:
        return None
    return True
