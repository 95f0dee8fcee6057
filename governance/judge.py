"""Holds dbt's artefacts to the rules of `dbt-bouncer.yml`, with dbt-bouncer."""

import contextlib
import io
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dbt_bouncer
import yaml
from dbt_bouncer.cli.run.utils import run_bouncer
from dbt_bouncer.exceptions import DbtBouncerArtifactError, DbtBouncerConfigError

from common.errors import CommandError

CONFIG = Path("dbt-bouncer.yml")
CATEGORIES = ("manifest_checks", "catalog_checks")


@dataclass(frozen=True)
class Breach:
    """A place where a rule is broken: the file, where it is known, and what is wrong there."""

    file: str | None
    problem: str


@dataclass(frozen=True)
class Rule:
    """A rule, how to fix a breach, how many things were looked at, and what breaks it."""

    check: str
    says: str
    fix: str
    looked_at: int
    breaches: tuple[Breach, ...]


def judge(artefacts: Path, project: Path = Path()) -> list[Rule]:
    """Return the rules of a project's `dbt-bouncer.yml`, in their order, with what breaks them in `artefacts`.

    Raises CommandError when the rules can't be read or run.
    """
    _refuse_a_folder_that_dbt_bouncer_gets_wrong()
    try:
        config = yaml.safe_load((project / CONFIG).read_text(encoding="utf-8"))
    except OSError as error:
        raise CommandError(f"{CONFIG} can't be read ({error.strerror}): start in the project's folder") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise CommandError(f"{CONFIG} is no YAML: {' '.join(str(error).split())}") from error
    config["custom_checks_dir"] = str((project / config["custom_checks_dir"]).resolve())
    config["dbt_artifacts_dir"] = str(artefacts.resolve())
    settled = artefacts / CONFIG.name
    settled.write_text(yaml.safe_dump(config, allow_unicode=True), encoding="utf-8")

    results = artefacts.resolve() / "dbt-bouncer.json"
    results.unlink(missing_ok=True)
    said = io.StringIO()
    try:
        with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
            run_bouncer(config_file=settled, output_file=results)
    except (DbtBouncerArtifactError, DbtBouncerConfigError) as error:
        raise CommandError(f"{CONFIG}: {error}") from error
    return _rules(config, json.loads(results.read_text(encoding="utf-8")))


def _rules(config: dict[str, Any], results: list[dict[str, Any]]) -> list[Rule]:
    of_rule: dict[tuple[str, int], list[dict[str, Any]]] = {}
    for result in results:
        name, index, *_ = result["check_run_id"].split(":")
        of_rule.setdefault((name, int(index)), []).append(result)
    rules = []
    for category in CATEGORIES:
        for index, check in enumerate(config[category]):
            found = of_rule.get((check["name"], index), [])
            says, _, fix = check["description"].partition(" Fix: ")
            breaches = tuple(
                Breach(one["file_path"], one["failure_message"].removeprefix(f"{check['description']} - "))
                for one in found
                if one["outcome"] != "success"
            )
            rules.append(Rule(check["name"], says, fix, len(found), breaches))
    return rules


def _refuse_a_folder_that_dbt_bouncer_gets_wrong() -> None:
    """dbt-bouncer 4.3.0 takes any folder named `checks` above itself for its own, and finds no check then."""
    home = Path(dbt_bouncer.__file__).parent
    if "checks" in home.parts:
        raise CommandError(
            f"dbt-bouncer can't run from {home}: rename the folder “checks” above it, and make env again"
        )
