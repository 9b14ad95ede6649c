"""What similarity sees of a program that was only laid out anew: the numbers of the guide."""

import ast
import json
from pathlib import Path
from statistics import fmean

import pytest

from common.config import REPOSITORY_ROOT
from phase4_5.analysis.divergence import similarity


def two_spaces(code):
    """Indented by two instead of four."""
    lines = [(len(line) - len(line.lstrip()), line.lstrip()) for line in code.split("\n")]
    return "\n".join(" " * (indent // 2) + rest for indent, rest in lines)


def without_blanks(code):
    """Without those round some operators and after commas."""
    for sign in ("=", "+", "=="):
        code = code.replace(f" {sign} ", sign)
    return code.replace(", ", ",")


@pytest.fixture(scope="module")
def programs():
    lines = Path(REPOSITORY_ROOT / "embedded/problems.jsonl").read_text().splitlines()
    return [json.loads(line)["code"] for line in lines]


@pytest.mark.parametrize(
    ("relayout", "tokens", "characters"),
    [(two_spaces, "1.00", "0.95"), (without_blanks, "0.78", "0.98")],
)
def test_a_new_layout_alone_costs_what_the_guide_says(programs, relayout, tokens, characters):
    pairs = [(code, relayout(code)) for code in programs]
    assert all(ast.dump(ast.parse(old)) == ast.dump(ast.parse(new)) for old, new in pairs)
    found = [similarity(old, new) for old, new in pairs]
    means = [
        fmean(each[name] or 0.0 for each in found)
        for name in ("token_similarity", "char_similarity")
    ]
    assert [f"{mean:.2f}" for mean in means] == [tokens, characters]
    guide = " ".join((REPOSITORY_ROOT / "docs/choosing.md").read_text().split())
    assert f"token similarity {tokens}, character similarity {characters}" in guide


def test_similarity_is_asymmetric(programs):
    pairs = [(code, two_spaces(code)) for code in programs]
    assert any(
        similarity(old, new)["char_similarity"] != similarity(new, old)["char_similarity"]
        for old, new in pairs
    )
