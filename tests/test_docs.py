"""What the guide promises is there: links, files, settings, commands; and the README is short."""

import re
import shlex
import tomllib
from pathlib import Path

import pytest

import run
from common.config import REPOSITORY_ROOT, Config, load_config

PAGES = sorted(
    path.relative_to(REPOSITORY_ROOT)
    for pattern in ("*.md", "docs/*.md", "benchmarks/*.md", "embedded/*.md", "data/*.md")
    for path in REPOSITORY_ROOT.glob(pattern)
)
FIRST_TEN_MINUTES = 150
"""Lines of the README."""
# In the text, files of the project are named by their path from its root or from the page's folder.
SUFFIXES = r"(?:py|md|toml|txt|jsonl|yaml|cff|js|css|html)"
# What a run leaves, or what a reader is to put in a name's place.
NOT_IN_THE_CLONE = re.compile(
    r"[<*]|^problems\.jsonl|report\.html|phase_4_5_report\.md|journal\.jsonl"
    r"|coefficient_analysis\.txt"
)

LEFT_BY_RUNS = {
    "phase2_5/",
    "phase3_5/",
    "phase3_6/",
    "phase4_5/",
    "plots/",
    "control_examples/",
    "final_examples/",
    "selection_history/",
}
ROOMS = ("common", "common_simplified", "phase4_5", "embedded", "benchmarks", "tests")


def text_of(page: Path) -> str:
    return (REPOSITORY_ROOT / page).read_text(encoding="utf-8")


def anchors(page: Path) -> set[str]:
    """The names by which a page's headings are linked to."""
    headings = re.findall(r"^#+ (.*)$", text_of(page), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_the_readme_is_what_is_needed_in_the_first_ten_minutes() -> None:
    assert len(text_of(Path("README.md")).splitlines()) <= FIRST_TEN_MINUTES


def test_every_page_of_the_guide_is_linked_from_the_readme() -> None:
    linked = set(re.findall(r"\]\(([^)#]+)\)", text_of(Path("README.md"))))
    guide = {str(page) for page in PAGES if page.parts[0] == "docs"}
    assert guide and guide <= linked
    assert {"CONTRIBUTING.md", "CHANGELOG.md", "LICENSE", "CITATION.cff"} <= linked


@pytest.mark.parametrize("page", PAGES, ids=str)
def test_no_link_is_dead(page: Path) -> None:
    for target in re.findall(r"\]\(([^)\s]+)\)", text_of(page)):
        if target.startswith(("https://", "http://")):
            continue
        path, _, anchor = target.partition("#")
        there = (REPOSITORY_ROOT / page).parent / path if path else REPOSITORY_ROOT / page
        assert there.exists(), f"{page}: {target}"
        if anchor:
            linked = there.resolve().relative_to(REPOSITORY_ROOT)
            assert anchor in anchors(linked), f"{page}: {target}"


@pytest.mark.parametrize("page", PAGES, ids=str)
def test_every_file_that_is_named_exists(page: Path) -> None:
    named = re.findall(rf"`([\w./\-<>*]+?\.{SUFFIXES}|[\w./\-<>*]+/)`", text_of(page))
    for name in named:
        if NOT_IN_THE_CLONE.search(name) or name.startswith(("data/", ".venv")):
            continue
        folder = (REPOSITORY_ROOT / page).parent
        found = [base / name for base in (REPOSITORY_ROOT, folder) if (base / name).exists()]
        # After its folder has been named, a file goes by its own name.
        found += [path for room in ROOMS for path in (REPOSITORY_ROOT / room).rglob(name)]
        assert found or name in LEFT_BY_RUNS, f"{page}: {name}"


@pytest.mark.parametrize("page", PAGES, ids=str)
def test_every_command_line_is_understood(page: Path) -> None:
    for line in re.findall(r"python3 run\.py ([^\n`#|&\\]+)", text_of(page)):
        words = [re.sub(r"^N$", "1", word) for word in shlex.split(line)]
        if words not in (["..."], ["--version"]):
            run._make_parser().parse_args(words)


def test_the_table_of_settings_is_that_of_the_configuration(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("PVA_SAE_PHASE4_5_PROBLEMS_PER_COEFF")
    rows = re.findall(
        r"^\| `(\w+)` \|(.*?)\|(.*?)\|(.*)\|$",
        text_of(Path("docs/configuration.md")),
        re.MULTILINE,
    )
    assert [row[0].lower() for row in rows] == list(Config.model_fields)
    for column, profile in enumerate(("embedded", "gemma-2-2b"), start=1):
        config = load_config(profile=profile)
        for row in rows:
            cell, value = row[column].strip(), shown(getattr(config, row[0].lower()))
            if cell.startswith("`") or not cell:
                assert cell.strip("`") == value, (profile, row[0])
            else:
                assert row[0] == "SPLIT_FRACTIONS", f"{row[0]}: a value in words can't be compared"


def shown(value: object) -> str:
    """A setting's value as it is typed."""
    if isinstance(value, list):
        return ",".join(f"{number:g}" for number in value)
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return f"{value:g}"
    return "" if value is None else str(value)


def test_the_settings_that_the_guide_uses_exist() -> None:
    known = {f"PVA_SAE_{name.upper()}" for name in Config.model_fields}
    for page in PAGES:
        for name in re.findall(r"PVA_SAE_[A-Z0-9_]+", text_of(page)):
            assert name in known or name.endswith("_"), f"{page}: {name}"


def test_every_verb_of_make_is_told_to_contributors_and_no_other() -> None:
    makefile = text_of(Path("Makefile"))
    (verbs,) = re.findall(r"^\.PHONY: (.*)$", makefile, re.MULTILINE)
    told = re.findall(r"^\| `make ([\w-]+)` \|", text_of(Path("CONTRIBUTING.md")), re.MULTILINE)
    assert sorted(told) == sorted(verbs.split())
    for page in PAGES:
        for verb in re.findall(r"(?:`|^)make ([a-z-]+)", text_of(page), re.MULTILINE):
            assert verb in verbs.split(), f"{page}: make {verb}"


def test_the_table_of_rooms_is_that_of_the_contract() -> None:
    linter = tomllib.loads(text_of(Path("pyproject.toml")))["tool"]["importlinter"]
    (inside,) = (entry for entry in linter["contracts"] if entry.get("containers") == ["phase4_5"])
    table = text_of(Path("CONTRIBUTING.md")).partition("The rooms of `phase4_5/`")[2]
    rooms = re.findall(r"^\| `phase4_5/(\w+)(?:/|\.py)` \|", table, re.MULTILINE)
    assert rooms == inside["layers"]
    told = set(re.findall(r"^\| `(\w+)/` \|", text_of(Path("CONTRIBUTING.md")), re.MULTILINE))
    assert told == {*linter["root_packages"], "benchmarks"}
