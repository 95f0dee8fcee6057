"""A release, as far as a push needs one, for tests."""

import hashlib
import json
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from common.manifest import FileEntry, Manifest
from publish.convex import write_zip

OLDER, BUILD, NEWER, AFTER = (f"2026112{day}T061644Z-0123456789ab" for day in (4, 5, 6, 7))
UNIFORM = b'"uniform"\n'


def consensus(count: int, said: Sequence[str] = ("calm", "凉", "🌊 oceanic", "__proto__", 'purple"]\\')) -> list[dict]:
    """Rows of the consensus."""
    return [
        {
            "seed": f"seed-{n:05}",
            "promptVersion": "9dd807489671",
            "totalModels": 24.0,
            "categorical": {
                name: [{"key": "warm", "value": float(n % 24)}]
                for name in ("temperature", "contrast", "brightness", "saturation")
            },
            "tags": {
                name: [{"key": tag, "value": float(len(said) - place)} for place, tag in enumerate(said)]
                for name in ("harmony", "mood", "style", "dominant_colors", "seasonal", "associations")
            },
            "updatedAt": 1763895302000.0,
            "truncatedTags": 0.0,
        }
        for n in range(count)
    ]


def run(build_id: str, rows: int, **more: Any) -> dict[str, Any]:
    """The row of analytics_runs, as it was before it told of more."""
    counts = {"palettes": 26.0, "results": 1812.0, "countedResults": 1805.0, "consensusRows": float(rows)}
    times = {"snapshotTs": 1763895302000.0, "publishedAt": 1764051404000.0}
    return {"buildId": build_id, **times, **counts, "truncatedTags": 0.0, **more}


def lines(rows: Sequence[dict[str, Any]]) -> bytes:
    """JSON lines as the publisher writes them."""
    return b"".join(json.dumps(row, ensure_ascii=False, separators=(",", ":")).encode() + b"\n" for row in rows)


def entries(build_id: str, rows: Sequence[dict[str, Any]]) -> dict[str, bytes]:
    """What import.zip holds."""
    tables = {"palette_tag_consensus": rows, "analytics_runs": [run(build_id, len(rows))]}
    files = {f"{table}/documents.jsonl": lines(those) for table, those in tables.items()}
    return files | {f"{table}/generated_schema.jsonl": UNIFORM for table in tables}


def write_release(
    folder: Path,
    rows: Sequence[dict[str, Any]],
    build_id: str = BUILD,
    files: Mapping[str, bytes] | None = None,
    **more: Any,
) -> Path:
    """Write a release to `folder/<build_id>` and make it the current one. `files` are other entries of its ZIP.

    `more` are further fields of its row of analytics_runs.
    """
    path = folder / build_id
    (path / "convex").mkdir(parents=True, exist_ok=True)
    archive, jsonl = path / "convex" / "import.zip", path / "convex" / "palette_tag_consensus.jsonl"
    jsonl.write_bytes(lines(rows))
    if files is None:
        write_zip(jsonl, run(build_id, len(rows), **more), archive)
    else:
        with zipfile.ZipFile(archive, "w") as out:
            for name, content in files.items():
                out.writestr(name, content)
    write_manifest(path, build_id, {archive: len(rows) + 1, jsonl: len(rows)})
    current = folder / "current"
    current.unlink(missing_ok=True)
    current.symlink_to(build_id)
    return path


def write_manifest(path: Path, build_id: str, rows: Mapping[Path, int]) -> None:
    """Write the manifest of a release that has these files."""
    files = [
        FileEntry(
            str(file.relative_to(path)), count, file.stat().st_size, hashlib.sha256(file.read_bytes()).hexdigest()
        )
        for file, count in rows.items()
    ]
    Manifest(build_id, "2026-11-25T06:16:44", "2026-11-25T06:16:45", [], None, None, {}, {}, files).write(path)
