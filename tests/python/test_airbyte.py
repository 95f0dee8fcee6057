"""The client that others wrote, `airbyte-source-convex`, reads everything from the tests' deployment."""

import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from conftest import PATIENCE_SECONDS, ROOT
from convex_deployment.control import Deployment
from convex_deployment.values import recoded

pytestmark = pytest.mark.further

CONNECTOR = ROOT / ".venv-airbyte" / "bin" / "source-convex"
ADDED = ("_ab_cdc_lsn", "_ab_cdc_updated_at", "_ab_cdc_deleted_at", "_deleted", "_ts", "_table", "_component")
ODD = {"int": 2**53 + 1, "whole": 3.0, "text": "凉\x00", "bytes": {"$bytes": "AAE="}, "nan": {"$float": "AAAAAAAA+H8="}}

Messages = list[dict[str, Any]]
Connector = Callable[..., Messages]


@pytest.fixture
def deployment() -> Any:
    with Deployment.start(snapshot_page=4, delta_rows=3) as running:
        yield running


@pytest.fixture
def connector(tmp_path: Path, deployment: Deployment) -> Connector:
    if not CONNECTOR.exists():
        pytest.skip("needs airbyte-source-convex, which runs on Python 3.9 to 3.11: make judges with such a Python")

    def write(name: str, content: Any) -> str:
        (tmp_path / name).write_text(json.dumps(content))
        return str(tmp_path / name)

    def run(command: str, key: str = deployment.key, **files: Any) -> Messages:
        config = write("config.json", {"deployment_url": deployment.url, "access_key": key})
        arguments = [part for name, content in files.items() for part in (f"--{name}", write(f"{name}.json", content))]
        environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
        result = subprocess.run(
            [str(CONNECTOR), command, "--config", config, *arguments],
            env=environment,
            capture_output=True,
            text=True,
            timeout=PATIENCE_SECONDS,
        )
        return [json.loads(line) for line in result.stdout.splitlines() if line.startswith("{")]

    return run


def catalog(messages: Messages) -> dict[str, Any]:
    streams = next(message for message in messages if message["type"] == "CATALOG")["catalog"]["streams"]
    how = {"sync_mode": "incremental", "destination_sync_mode": "append_dedup"}
    keys = {"cursor_field": ["_ts"], "primary_key": [["_id"]]}
    return {"streams": [{"stream": stream, **how, **keys} for stream in streams]}


def applied(messages: Messages, state: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Apply records as a destination would."""
    for message in messages:
        if message["type"] == "RECORD":
            record = message["record"]
            table = state.setdefault(record["stream"], {})
            if record["data"].get("_deleted"):
                table.pop(record["data"]["_id"], None)
            else:
                fields = {name: value for name, value in record["data"].items() if name not in ADDED}
                table[fields["_id"]] = fields
    return state


def truth(deployment: Deployment) -> dict[str, dict[str, Any]]:
    """What the deployment has, in the lossy encoding that the connector asks for."""
    return {
        name: {key: json.loads(recoded(text.encode(), "json")) for key, text in table.items()}
        for name, table in deployment.state().items()
    }


def test_it_reads_everything_and_then_what_changed(deployment: Deployment, connector: Connector) -> None:
    ids = deployment.insert("palettes", *({"n": n, **ODD} for n in range(11)))
    deployment.insert("palette_tags", *({"tag": n} for n in range(6)))
    assert connector("check")[-1]["connectionStatus"]["status"] == "SUCCEEDED"
    configured = catalog(connector("discover"))
    messages = connector("read", catalog=configured)
    seen = applied(messages, {})
    assert seen == truth(deployment)
    states = {m["state"]["stream"]["stream_descriptor"]["name"]: m["state"] for m in messages if m["type"] == "STATE"}
    deployment.transaction([["delete", ids[0]], ["replace", ids[1], {"new": True}], ["insert", "", "palettes", ODD]])
    messages = connector("read", catalog=configured, state=[*states.values()])
    assert sum(message["type"] == "RECORD" for message in messages) == 3
    assert applied(messages, seen) == truth(deployment)


def test_it_gets_over_faults(deployment: Deployment, connector: Connector) -> None:
    deployment.insert("palettes", *({"n": n} for n in range(11)))
    configured = catalog(connector("discover"))
    deployment.configure(faults={"kinds": ["503"], "paths": ["/api/list_snapshot"], "times": 1})
    assert applied(connector("read", catalog=configured), {}) == truth(deployment)
    assert deployment.faults_met() == 1


def test_a_wrong_key_fails_as_on_a_deployment(deployment: Deployment, connector: Connector) -> None:
    status = connector("check", key="convex-test|wrong")[-1]["connectionStatus"]
    assert status["status"] == "FAILED"
    assert "BadAdminKey" in status["message"]
