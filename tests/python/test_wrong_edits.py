"""The typos that people make in the analysts' files and in the models: each is named, with what to do.

And the edits that CONTRIBUTING.md teaches, which are none.
"""

import re
import shutil
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path
from textwrap import dedent, indent

import pytest
from warehouse import PROJECT, WITHOUT_TESTS, Warehouse

from seeds.check import main, problems

COLUMNS = ["attribute", "tag", "canonical_tag", "note"]
HEADER = b"attribute,tag,canonical_tag,note\n"


# The shape of a file


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (HEADER + b"mood,zen,calm", "line 2: it ends before note: set a comma for each"),
        (HEADER + b"mood,a,calm,\nmood,zen\n", "line 3: it ends before canonical_tag, note"),
        (HEADER + b"mood,zen,calm,quiet, still\n", "line 2: 5 values for 4 columns: put a text that holds a comma in"),
        (HEADER + b"mood,zen,calm,,\n", "line 2: 5 values for 4 columns"),
        (HEADER + b'mood,zen,calm,"quiet\nmood,a,calm,\n', "line 2: its quotation mark is never closed"),
        (HEADER + b'mood,zen,calm,"quiet\nmood,a,calm,"\n', "line 2: its quotation mark is closed only in line 3"),
        (b"attribute,tag,canonical,note\n", "line 1: the columns are 'attribute,tag,canonical,note' and have to be"),
        (b"attribute,tag,canonical_tag,note,\n", "line 1: the columns are"),
        (b"tag,attribute,canonical_tag,note\n", "line 1: the columns are"),
        (b"", "line 1: the columns are ''"),
        (HEADER.replace(b",", b";"), "line 1: its values are separated by semicolons: save it with commas"),
        (HEADER.replace(b",", b"\t"), "line 1: its values are separated by tabs"),
        (b"\xef\xbb\xbf" + HEADER, "line 1: it begins with a byte order mark, as Excel adds it: run make fix"),
        (HEADER.replace(b"\n", b"\r\n"), "line 1: its lines end as on Windows: run make fix"),
        (HEADER + "mood,café,calm,\n".encode("latin-1"), "line 2: it isn't UTF-8, byte 0xe9: save it as UTF-8"),
        (HEADER.decode().encode("utf-16"), "line 1: it is UTF-16: save it as UTF-8"),
        (HEADER + "mood,zen\ufffd,calm,\n".encode(), "line 2: a character was lost when it was saved"),
        (
            HEADER + b'mood, "zen",calm,\n',
            "line 2: tag begins with a space before a quotation mark: take the space out",
        ),
        (HEADER + b"mood,zen,calm," + b"x" * 131_073, "line 2: a value is longer than 131,072 characters: shorten it"),
    ],
)
def test_a_file_of_another_shape_is_told_by_line_with_what_to_do(content: bytes, problem: str) -> None:
    (found,) = problems(content, COLUMNS)
    assert found.startswith(problem)


def test_what_is_well_is_not_complained_of() -> None:
    assert list(problems(HEADER + 'mood,凉,calm,"quiet, ""still"""\n\nmood,a,calm,\n'.encode(), COLUMNS)) == []


@pytest.mark.parametrize("number", ["1.5", "1e2", "0x1F", " 1", "1_0", "+1", "one", "١", "9999999999"])
def test_what_is_no_whole_number_is_told(number: str) -> None:
    (found,) = problems(f"tag,count\na,-10\nb,\nc,{number}\n".encode(), ["tag", "count"], {"count"})
    assert found == f"line 4: count is {number!r}: write a whole number"


def test_what_excel_adds_is_mended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(PROJECT / "seeds", tmp_path, dirs_exist_ok=True)
    monkeypatch.setattr("seeds.check.SEEDS", tmp_path)
    path = tmp_path / "synonyms.csv"
    content = path.read_bytes()
    path.write_bytes(b"\xef\xbb\xbf" + content.replace(b"\n", b"\r\n"))
    assert main([]) == 1
    assert capsys.readouterr().err.splitlines()[0].startswith("seeds/synonyms.csv, line 1: it begins with a byte order")
    assert main(["--fix"]) == 0
    assert path.read_bytes() == content


# What the lines say: all typos at once, since each breaks a rule of its own

TYPOS = [
    ("synonyms", "temperature,tepid,lukewarm,", "synonyms_lead_to_tags_that_are_asked_for", "canonical_tag: lukewarm"),
    ("synonyms", "mood,toasty,warm,", "synonyms_lead_to_tags_that_are_asked_for", "tag: toasty, canonical_tag: warm"),
    ("synonyms", "mood,smooth,[calm],", "synonyms_lead_to_tags_that_are_asked_for", "canonical_tag: [calm]"),
    ("synonyms", "mood,serenely,calming,", "synonyms_form_no_chain_and_no_cycle", "leads_on_to: calm"),
    ("synonyms", "mood,hither,thither,", "synonyms_form_no_chain_and_no_cycle", "leads_on_to: hither"),
    ("synonyms", "mood,thither,hither,", "synonyms_form_no_chain_and_no_cycle", "leads_on_to: thither"),
    ("synonyms", "harmony,square,triadic,", "no_tag_is_both_allowed_and_a_synonym_or_unwanted", "tag: square"),
    ("synonyms", "mood,Serenely,calm,", "is_clean_tag_synonyms_tag", "should_be: serenely"),
    ("synonyms", "mood,very  calm,calm,", "is_clean_tag_synonyms_tag", "should_be: very calm"),
    ("synonyms", "mood,quietly,Calm,", "is_clean_tag_synonyms_canonical_tag", "should_be: calm"),
    ("synonyms", "temperature,凉,warm,", "unique_combination_synonyms_attribute__tag", "tag: 凉, row_count: 2"),
    ("synonyms", "mood,\x1b[31m\u202aRed,calm,", "is_clean_tag_synonyms_tag", "tag: \ufffd[31m\ufffdRed"),
    ("synonyms", "contrast,faint,,", "not_null_synonyms_canonical_tag", "tag: faint, canonical_tag: null"),
    ("synonyms", "colour,a,b,", "relationships_synonyms_attribute__attribute__ref_attributes_", "from_field: colour"),
    ("vocabulary", "temperature,cool", "unique_combination_vocabulary_attribute__tag", "tag: cool, row_count: 2"),
    ("vocabulary", "saturation,Faded", "is_clean_tag_vocabulary_tag", "should_be: faded"),
    ("vocabulary", "style,modern", "every_closed_attribute_and_no_other_has_a_vocabulary", "attribute: style"),
    ("unwanted_tags", "seasonal,kwanzaa,", "no_tag_is_both_allowed_and_a_synonym_or_unwanted", "tag: kwanzaa"),
    ("unwanted_tags", "m,n,", "relationships_unwanted_tags_attribute__attribute__ref_attributes_", "from_field: m"),
    ("attributes", "texture,list,open,0,3,", "every_attribute_is_in_the_consensus", "attribute: texture"),
    ("attributes", "shape,lists,open,0,3,", "accepted_values_attributes_kind__categorical__list", "value_field: lists"),
    ("attributes", "gloss,list,open,4,3,", "between_attributes_min_values__max_values__0", "attribute: gloss"),
]


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Copy the dbt project, to edit it."""
    copy = tmp_path_factory.mktemp("project")
    for name in ("dbt_project.yml", "profiles.yml"):
        shutil.copy(PROJECT / name, copy)
    for name in ("functions", "macros", "models", "seeds"):
        shutil.copytree(PROJECT / name, copy / name)
    shutil.copytree(PROJECT / "tests", copy / "tests", ignore=lambda _, names: [n for n in names if _is_foreign(n)])
    return copy


def _is_foreign(name: str) -> bool:
    return not name.endswith((".sql", ".yml", ".md")) and name != "generic"


@pytest.fixture(scope="module")
def warehouse(project: Path, tmp_path_factory: pytest.TempPathFactory) -> Warehouse:
    return Warehouse(tmp_path_factory.mktemp("warehouse"), project)


def shown(warehouse: Warehouse, *arguments: str) -> str:
    """Return what a person reads of a dbt command that has to fail, without colours."""
    with redirect_stdout(StringIO()) as output:
        result = warehouse.dbt(*arguments)
    assert not result.success
    return re.sub(r"\x1b\[[0-9;]*m", "", output.getvalue())


@pytest.fixture(scope="module")
def told(warehouse: Warehouse, project: Path) -> dict[str, list[str]]:
    """Make all typos at once. Return the lines that are said of each broken rule."""
    before = {path: path.read_text(encoding="utf-8") for path in (project / "seeds").glob("*.csv")}
    for path, text in before.items():
        typos = "".join(f"{line}\n" for seed, line, _rule, _row in TYPOS if seed == path.stem)
        path.write_text(text + typos, encoding="utf-8")
    output = shown(warehouse, "build", "--select", "resource_type:seed", "--indirect-selection", "cautious")
    for path, text in before.items():
        path.write_text(text, encoding="utf-8")
    blocks = [block.splitlines() for block in output.split("Broken rule: ")[1:]]
    return {first.split()[0]: lines for first, *lines in blocks}


@pytest.mark.parametrize(("seed", "line", "rule", "row"), TYPOS)
def test_a_wrong_line_breaks_a_rule_that_is_named_with_how_to_fix_it_and_the_line(
    told: dict[str, list[str]], seed: str, line: str, rule: str, row: str
) -> None:
    how_to_fix, *rows = told[rule]
    assert re.fullmatch("  .*[.]", how_to_fix)
    assert row in "\n".join(rows), (seed, line)


def test_no_other_rule_is_broken(told: dict[str, list[str]]) -> None:
    assert told.keys() == {rule for _seed, _line, rule, _row in TYPOS}


# The models


def replace(project: Path, name: str, old: str, new: str) -> None:
    path = next(project.rglob(name))
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")


def taught(section: str) -> list[str]:
    """Return the code blocks of a section of CONTRIBUTING.md."""
    page = (PROJECT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    text = page.split(f"\n## {section}\n")[1].split("\n## ")[0]
    return [dedent(block) for block in re.findall(r"^ *```\w*\n(.*?)^ *```$", text, re.DOTALL | re.MULTILINE)]


@pytest.mark.further
def test_the_mart_and_the_convex_table_of_the_guide_build(warehouse: Warehouse, project: Path) -> None:
    marts, staging = project / "models" / "marts" / "quality", project / "models" / "staging"
    page, mart, *_ = taught("Add a mart")
    source, _look, model, staged, *_ = taught("Add a Convex table")
    (marts / "model_errors.yml").write_text(page, encoding="utf-8")
    (marts / "model_errors.sql").write_text(mart, encoding="utf-8")
    (staging / "stg_convex__stats_cache.sql").write_text(model, encoding="utf-8")
    (staging / "stg_convex__stats_cache.yml").write_text(staged, encoding="utf-8")
    assert "kept_for" not in staged  # a reason that somebody else had
    before = "      - name: rejected_lines\n"
    replace(project, "sources.yml", before, indent(source, " " * 6) + before)
    warehouse.run("build", "--empty", *WITHOUT_TESTS)
    warehouse.run("build", "--select", "model_errors", "stg_convex__stats_cache")
    assert warehouse.rows("select stats_key, stats, updated_at from stg_convex__stats_cache") == []
    columns = warehouse.rows("select column_name from (describe stg_convex__stats_cache)")
    assert {name for (name,) in columns} == {*re.findall(r"^      - name: (\w+)", staged, re.MULTILINE)}


@pytest.mark.further
def test_a_wrong_edit_of_a_model_is_told_with_the_column_or_the_value(warehouse: Warehouse, project: Path) -> None:
    (project / "models" / "marts" / "quality" / "loud_tags.sql").write_text(
        "select palette_id from {{ ref('palettes') }}\n", encoding="utf-8"
    )
    replace(project, "canonical_tag_frequencies.sql", "counts.answer_count / ", "100 * counts.answer_count // ")
    replace(
        project,
        "tag_totals.sql",
        "    totals.palette_count,\n    row",
        "    totals.palette_count as palettes,\n    row",
    )
    replace(project, "tag_values.yml", "value_class: extra, is_counted", "value_class: empty, is_counted")
    replace(project, "int_tag_spellings.sql", "    letters,\n    case", "    no_such_column as letters,\n    case")
    edited = ("canonical_tag_frequencies", "tag_totals", "tag_values", "loud_tags", "int_tag_spellings")
    output = shown(warehouse, "build", "--select", *edited)
    assert "model loud_tags (models/marts/quality/loud_tags.sql)" in output
    assert "This model has an enforced contract, and its 'columns' specification is missing" in output
    assert "| share       | BIGINT          | DOUBLE        | data type mismatch |" in output
    assert "Invalid column name: 'palette_count'" in output
    assert "empty→extra" in output
    broken = output.split("Broken model: ")[1].splitlines()
    assert broken[0].startswith("int_tag_spellings (models/intermediate/quality/int_tag_spellings.sql). Its unit test ")
    assert '"no_such_column"' in broken[1]


@pytest.mark.further
def test_a_wrong_name_in_a_ref_is_told(warehouse: Warehouse, project: Path) -> None:
    replace(project, "unexpected_keys.sql", "ref('int_answers')", "ref('int_tag_result')")
    with pytest.raises(AssertionError, match=r"unexpected_keys.sql.* depends on a node named 'int_tag_result'"):
        warehouse.run("parse")
