"""The judge of what goes over the wire: a JSON Schema of the types that Convex publishes, made by `make judges`."""

import json
from pathlib import Path
from typing import Any, Literal

import pytest
from conftest import ROOT
from convex_deployment.control import Deployment
from jsonschema import Draft7Validator
from jsonschema.protocols import Validator

SCHEMA = ROOT / "tests" / "contract" / "build" / "schema.json"


def judge(kind: Literal["Request", "Response", "ActiveSyncs"], schema: Path = SCHEMA) -> Validator:
    """Return what validates one kind of message."""
    if not schema.exists():
        pytest.skip("needs npm, to make a JSON Schema of Convex's published types: install Node.js, then make judges")
    definitions = json.loads(schema.read_text())["definitions"]
    return Draft7Validator({"$ref": f"#/definitions/{kind}", "definitions": definitions})


def assert_requests_meet_the_contract(deployment: Deployment) -> None:
    """Validate the body of every request for a page that the deployment has had."""
    bodies = [json.loads(r["body"]) for r in deployment.requests() if r["path"] == "/api/v1/data/sync"]
    assert bodies
    validator = judge("Request")
    for body in bodies:
        validator.validate(body)


def is_accepted(kind: Literal["Request", "Response", "ActiveSyncs"], message: Any) -> bool:
    """Tell whether a message meets the contract."""
    return judge(kind).is_valid(message)
