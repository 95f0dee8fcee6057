"""A build keeps what didn't change. After any history, it says what a build of everything would say."""

import json
import os
import tempfile
from pathlib import Path
from typing import Any

import pytest
import strategies
from histories import ALL_MODELS, EDITS, PARTS, Project
from hypothesis import HealthCheck, Phase, given, note, settings
from hypothesis import strategies as st

FIXED = 2
"""So many are the same each time."""
HISTORIES = int(os.environ.get("HISTORIES", FIXED))
"""Each takes about a minute. `make soak-builds` looks at more, elsewhere each time."""
IDS = [f"d{number:04}" for number in range(1, 13)]
ANSWERS = st.integers(1, len(IDS)).flatmap(
    lambda number: strategies.palette_tags_document(number).map(lambda text: (f"d{number:04}", text))
)
WORDS = [(attribute, word) for attribute in ("temperature", "mood", "style") for word in strategies.WORDS[attribute]]

happenings = st.one_of(
    st.tuples(st.just("sync"), st.lists(ANSWERS | st.tuples(st.sampled_from(IDS), st.none()), max_size=6)),
    st.tuples(st.just("sync"), st.lists(ANSWERS, min_size=1, max_size=12)),
    st.tuples(st.just("import"), st.lists(ANSWERS, max_size=8)),
    st.tuples(st.just("export"), st.dictionaries(st.sampled_from(IDS), st.none(), max_size=4), st.lists(ANSWERS)),
    st.tuples(st.just("compact")),
    st.tuples(st.just("lose")),
    st.tuples(st.just("synonym"), st.sampled_from(WORDS), st.sampled_from(["calm", "warm", "retro", "never said"])),
    st.tuples(st.just("no synonym")),
    st.tuples(st.just("edit"), st.sampled_from(sorted(EDITS))),
)
builds = st.one_of(
    st.tuples(st.just("build")),
    st.tuples(st.just("part"), st.sampled_from(PARTS)),
    st.tuples(st.just("kill"), st.integers(1, 40)),
    st.tuples(st.just("fail")),
    st.tuples(st.just("none")),
)
"""What is done after something has happened."""


@pytest.mark.further
@settings(
    max_examples=HISTORIES,
    deadline=None,
    derandomize=HISTORIES == FIXED,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)
@given(
    first=st.lists(ANSWERS, min_size=8, max_size=30),
    history=st.lists(st.tuples(happenings, builds), min_size=3, max_size=7),
)
def test_after_any_history_a_build_says_what_a_build_of_everything_would_say(
    first: list[tuple[str, str]], history: list[tuple[tuple[Any, ...], tuple[Any, ...]]]
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        project = Project(Path(folder))
        project.sync(first)
        project.build()
        for happening, build in history:
            note(f"{happening} {build}")
            _happen(project, *happening)
            _build(project, *build)
        project.build()
        difference = project.difference()
        assert difference == {}, json.dumps(difference, indent=1, ensure_ascii=False)


def _asked(name: str, palette: str, version: str, created: float, model: str = "m") -> tuple[str, str]:
    fields = {"_id": name, "_creationTime": created, "seed": palette, "promptVersion": version, "provider": "p"}
    return name, json.dumps(fields | {"model": model, "tags": {"contrast": "low"}})


def _answer(name: str, palette: str, mood: str, model: str = "m") -> tuple[str, str]:
    fields = {"_id": name, "_creationTime": 1.5, "seed": palette, "promptVersion": "v", "provider": "p", "model": model}
    return name, json.dumps(fields | {"tags": {"mood": [mood, "sea"], "temperature": "warm"}})


KEYS_OF_STILL = """
    select answer_key, palette_prompt_key
    from int_counted_answers join int_answers using (answer_key)
    where answer_id = 'still'
"""
MOODS = "select tag, sum(answer_count) from tag_frequencies where attribute = 'mood' group by 1"


def test_a_build_after_a_sync_and_a_synonym_keeps_the_rest_and_says_what_a_build_of_everything_says(
    tmp_path: Path,
) -> None:
    project = Project(tmp_path)
    project.sync([_answer("still", "alone", "serene"), *(_answer(f"d{n}", f"s{n % 3}", "serene") for n in range(9))])
    project.build()
    before = project.kept.rows(KEYS_OF_STILL)
    changed, moved, gone, new = _answer("d0", "s0", "bold"), _answer("d1", "s2", "serene"), ("d2", None), "d9"
    project.sync([changed, moved, gone, _answer(new, "s3", "bold", "n")])
    project.add_synonym("mood", "serene", "calm")
    project.build()
    assert dict(project.kept.rows(MOODS)) == {"bold": 2, "sea": 10, "serene": 8}
    meant = "select sum(answer_count) from canonical_tag_frequencies where canonical_tag = 'calm'"
    assert project.kept.rows(meant) == [(8,)]
    assert project.kept.rows(KEYS_OF_STILL) == before != []
    assert project.difference() == {}


@pytest.mark.further
def test_what_comes_goes_changes_or_is_meant_otherwise_is_told_by_a_build_that_keeps_the_rest(tmp_path: Path) -> None:
    project = Project(tmp_path)
    project.sync([_answer("still", "alone", "serene"), *(_answer(f"d{n}", f"s{n % 3}", "serene") for n in range(9))])
    project.build()
    project.edit("what a text cleans to")
    project.build()
    project.edit("what a text cleans to")
    project.build()
    before = project.kept.rows(KEYS_OF_STILL)
    moved, gone, new = _answer("d1", "s2", "serene"), ("d2", None), _answer("d9", "s3", "bold", "n")
    project.sync([_answer("d0", "s0", "bold"), moved, gone, new])
    project.build()
    assert dict(project.kept.rows(MOODS)) == {"bold": 2, "sea": 10, "serene": 8}
    project.export({name: text for name, text in project.answers.items() if name != "d4"})
    project.build_in_vain()
    project.compact()
    project.build_and_kill(20)
    project.add_synonym("mood", "serene", "calm")
    project.build()
    meant = "select sum(answer_count) from canonical_tag_frequencies where canonical_tag = 'calm'"
    assert project.kept.rows(meant) == [(7,)]
    assert project.kept.rows(KEYS_OF_STILL) == before != []
    project.sync([_answer("still", "alone", "serene")])
    project.sync([_answer("d8", "s2", "bold")])
    project.build()
    project.lose_first_run()
    project.build()
    assert dict(project.kept.rows(MOODS)) == {"bold": 1, "sea": 2, "serene": 1}
    assert project.kept.rows(KEYS_OF_STILL) == before
    project.build(*ALL_MODELS, "--full-refresh", "--select", "int_answers")
    project.build()
    assert project.difference() == {}


@pytest.mark.further
def test_a_version_that_comes_between_two_is_what_the_later_one_is_compared_with(tmp_path: Path) -> None:
    """On palettes, too, of which nothing has changed."""
    project = Project(tmp_path)
    compared = """
        select previous_prompt_version, shared_palette_count from prompt_version_quality
        where prompt_version = 'last' and attribute = 'contrast'
    """
    twice = [(palette, model) for palette in ("s1", "s2") for model in ("m", "n")]
    early = [_asked(f"a{n}", palette, "first", 1.5, model) for n, (palette, model) in enumerate(twice)]
    late = [_asked(f"b{n}", palette, "last", 3.5, model) for n, (palette, model) in enumerate(twice)]
    project.sync([*early, *late])
    project.build()
    assert project.kept.rows(compared) == [("first", 2)]
    between = [_asked("c1", "s1", "between", 2.5), _asked("c2", "s1", "between", 2.5, "n")]
    project.sync(between)
    project.build()
    assert project.kept.rows(compared) == [("between", 1)]
    assert project.difference() == {}


def _happen(project: Project, what: str, *how: Any) -> None:
    match what:
        case "sync":
            project.sync(how[0])
        case "import":
            project.sync(how[0], truncate=True)
        case "export":
            left = {name: text for name, text in project.answers.items() if name not in how[0]}
            project.export(left | dict(how[1]))
        case "compact":
            project.compact()
        case "lose":
            project.lose_first_run()
        case "synonym":
            (attribute, tag), canonical_tag = how
            project.add_synonym(attribute, tag, canonical_tag)
        case "no synonym":
            project.forget_synonyms()
        case "edit":
            project.edit(how[0])


def _build(project: Project, what: str, *how: Any) -> None:
    match what:
        case "build":
            project.build()
        case "part":
            project.build(*ALL_MODELS, "--select", how[0])
        case "kill":
            project.build_and_kill(how[0])
        case "fail":
            project.build_in_vain()
