"""The picture of the models by subject in docs/architecture.md, as Mermaid text made from dbt's manifest.

A subject is a folder of models. Subjects are in the order of their data; an arrow says how many refs lead from the
models of one to those of another, and is dotted where it leads back.
"""

import json
import re
import sys
from collections import Counter
from pathlib import Path
from typing import Any

from common.command import guarded

PAGE = Path("docs/architecture.md")
PICTURE = re.compile(r"```mermaid\n.*?```\n", re.DOTALL)
Refs = Counter[tuple[str, str]]


def picture(manifest: dict[str, Any]) -> str:
    """Return the block of Markdown for a manifest: the same for the same models, in whatever order dbt lists them."""
    models = {key: node for key, node in manifest["nodes"].items() if node["resource_type"] == "model"}
    subjects = {key: _subject(node) for key, node in models.items()}
    refs: Refs = Counter(
        (subjects[parent], subjects[key])
        for key, node in models.items()
        for parent in {*node["depends_on"]["nodes"]} & models.keys()
        if subjects[parent] != subjects[key]
    )
    order = _in_order({*subjects.values()}, refs)
    lines = ["```mermaid", "flowchart TD"]
    for subject in order:
        names = sorted(node["name"] for key, node in models.items() if subjects[key] == subject)
        lines.append(f'  {_id(subject)}["<b>{subject}</b><br/>{"<br/>".join(names)}"]')
    for source, target in sorted(refs, key=lambda arrow: [order.index(subject) for subject in arrow]):
        arrow = "-->" if order.index(source) < order.index(target) else "-.->"
        lines.append(f"  {_id(source)} {arrow}|{refs[source, target]}| {_id(target)}")
    return "\n".join([*lines, "```\n"])


def with_picture(text: str, manifest: dict[str, Any]) -> str:
    """Return the text of a page with its picture made from a manifest."""
    return PICTURE.sub(lambda _: picture(manifest), text)


def _subject(node: dict[str, Any]) -> str:
    """Return `staging`, `intermediate/counts`, `marts/quality`."""
    return "/".join(node["fqn"][1:-1])


def _id(subject: str) -> str:
    return subject.replace("/", "_")


def _in_order(subjects: set[str], refs: Refs) -> list[str]:
    """Return the subjects, each after those that it reads; in a circle, the one with the fewest refs to it first."""
    order: list[str] = []
    while left := subjects.difference(order):
        waits_for = {name: sum(refs[other, name] for other in left) for name in left}
        order.append(min(left, key=lambda name: (waits_for[name], name)))
    return order


def main(arguments: list[str]) -> int:
    """Write the picture made from a manifest into the page, and return 0."""
    manifest = json.loads(Path(arguments[0]).read_text(encoding="utf-8"))
    PAGE.write_text(with_picture(PAGE.read_text(encoding="utf-8"), manifest), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(guarded("docsite.subjects", lambda: main(sys.argv[1:])))
