"""The held-out problems, the training problems and the plain text."""

import itertools
import json
from collections import Counter, defaultdict
from random import Random
from typing import Any

import pytest
from radon.complexity import cc_visit

from embedded import make_problems
from embedded.kinds import KINDS
from embedded.make_problems import (
    PLAIN_TEXT_FILE,
    PROBLEMS_FILE,
    held_out_signatures,
    plain_text,
    problems_text,
)
from embedded.plain_text import plain_sentences
from embedded.problem_factory import training_problems

pytestmark = pytest.mark.long


@pytest.fixture(scope="module")
def problems() -> list[dict[str, Any]]:
    return [json.loads(line) for line in PROBLEMS_FILE.read_text().splitlines()]


def run_asserts(problem: dict[str, Any]) -> None:
    """Run a problem's own reference against its own asserts."""
    namespace: dict[str, Any] = {}
    exec(problem["code"], namespace)
    for line in problem["test_list"]:
        exec(line, namespace)


def problems_of(seed: int, n: int) -> list[dict[str, Any]]:
    """The first training problems of a seed."""
    made = itertools.islice(training_problems(seed, held_out_signatures()), n)
    return [each.problem for each, _ in made]


def test_committed_files_are_what_the_script_makes() -> None:
    assert PROBLEMS_FILE.read_text() == problems_text()
    assert PLAIN_TEXT_FILE.read_text() == plain_text()


def test_script_writes_both_files(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(make_problems, "PROBLEMS_FILE", tmp_path / "problems.jsonl")
    monkeypatch.setattr(make_problems, "PLAIN_TEXT_FILE", tmp_path / "plain.txt")
    assert make_problems.main() == 0
    assert (tmp_path / "problems.jsonl").read_text() == PROBLEMS_FILE.read_text()
    assert (tmp_path / "plain.txt").read_text() == PLAIN_TEXT_FILE.read_text()


def test_problems_have_mbpp_form(problems: list[dict[str, Any]]) -> None:
    assert [problem["task_id"] for problem in problems] == list(range(1, len(problems) + 1))
    for problem in problems:
        assert set(problem) == {
            *("task_id", "text", "code", "test_list", "test_setup_code", "kind"),
        }
        assert problem["test_setup_code"] == ""
        assert len(problem["test_list"]) == 3
        for line in problem["test_list"]:
            assert line.startswith("assert ") and line.count("assert ") == 1


def test_references_pass_their_asserts(problems: list[dict[str, Any]]) -> None:
    for problem in problems:
        run_asserts(problem)


def test_asserts_tell_results_apart(problems: list[dict[str, Any]]) -> None:
    for problem in problems:
        results = [line.rsplit(" == ", 1)[1] for line in problem["test_list"]]
        assert len(set(problem["test_list"])) == 3, problem["code"]
        assert len(set(results)) >= 2, problem["code"]


def test_number_and_spread_of_kinds(problems: list[dict[str, Any]]) -> None:
    counts = Counter(problem["kind"] for problem in problems)
    assert len(problems) >= 300
    assert len(counts) >= 60
    assert set(counts) == set(KINDS)
    assert max(counts.values()) - min(counts.values()) <= 1


def test_complexity_is_spread(problems: list[dict[str, Any]]) -> None:
    counts = Counter(cc_visit(problem["code"])[0].complexity for problem in problems)
    assert min(counts) == 1
    assert max(counts) >= 8
    assert set(range(1, 9)) <= set(counts)
    assert max(counts.values()) < len(problems) / 2


def test_problems_are_short(problems: list[dict[str, Any]]) -> None:
    lengths = [
        len(problem["text"] + problem["code"] + "".join(problem["test_list"]))
        for problem in problems
    ]
    assert sum(lengths) / len(lengths) < 400
    assert max(lengths) < 700


def test_no_problem_twice(problems: list[dict[str, Any]]) -> None:
    assert len({(problem["text"], problem["code"]) for problem in problems}) == len(problems)
    assert len(held_out_signatures()) == len(problems)


@pytest.mark.long
def test_training_keeps_away_from_held_out(
    problems: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    held_out = held_out_signatures()
    drawn = []
    for name, make in list(KINDS.items()):

        def remember(rng: Random, make: Any = make) -> Any:
            drawn.append(make(rng))
            return drawn[-1]

        monkeypatch.setitem(KINDS, name, remember)
    training = problems_of(7, 3000)

    programs = {problem["code"] for problem in problems}
    texts = {(problem["text"], problem["code"]) for problem in problems}
    assert not texts & {(problem["text"], problem["code"]) for problem in training}
    # Without the exclusion some held-out signatures would have been used.
    signatures = defaultdict(set)
    for draft in drawn:
        signatures[draft.code].add(draft.signature)
    assert any(draft.signature in held_out for draft in drawn)
    assert programs & set(signatures)
    for problem in training:
        assert not signatures[problem["code"]] <= held_out


@pytest.mark.long
def test_training_problems_are_varied_and_right() -> None:
    training = problems_of(3, 3000)
    assert {problem["kind"] for problem in training} == set(KINDS)
    for problem in training[::5]:
        run_asserts(problem)
    again = problems_of(3, 20)
    assert again == training[:20]


def test_held_out_leaves_most_of_every_kind_for_training() -> None:
    held_out = Counter(signature[0] for signature in held_out_signatures())
    rng = Random(1)
    for name, make in KINDS.items():
        space = {make(rng).signature for _ in range(150)}
        assert {signature[0] for signature in space} == {name}
        assert len(space) >= 25, name
        assert held_out[name] <= len(space) / 2, name


def test_kinds_give_the_same_code_for_the_same_signature() -> None:
    """A signature decides the program up to the names of the function and its arguments."""
    rng = Random(2)
    n_renamed = 0
    for name, make in KINDS.items():
        results: dict[tuple[Any, ...], set[str]] = defaultdict(set)
        inputs = make(Random(0)).inputs
        programs: set[tuple[Any, ...]] = set()
        for _ in range(120):
            draft = make(rng)
            programs.add((draft.signature, draft.code, draft.entry_point))
        for signature, code, entry_point in programs:
            namespace: dict[str, Any] = {}
            exec(code, namespace)
            reference = namespace[entry_point]
            results[signature].add(repr([reference(*arguments) for arguments in inputs]))
        assert all(len(outcomes) == 1 for outcomes in results.values()), name
        n_renamed += len(programs) - len(results)
    assert n_renamed > 1000, "programs that differ by names alone"


def test_plain_text_is_plain_and_endless(problems: list[dict[str, Any]]) -> None:
    sentences = list(itertools.islice(plain_sentences(5), 5000))
    assert len(set(sentences)) > 4900
    characters = set("".join(problem["text"] + problem["code"] for problem in problems))
    for sentence in sentences:
        assert sentence[0].isupper() and sentence.endswith(".")
        assert set(sentence[1:]) <= characters
    words = set(" ".join(sentences).lower().replace(".", "").split())
    assert not words & {"return", "list", "number", "function", "def", "for", "if", "write"}


def test_plain_text_file_has_paragraphs() -> None:
    paragraphs = PLAIN_TEXT_FILE.read_text().splitlines()
    assert len(set(paragraphs)) == 300
    assert all(2 <= paragraph.count(".") <= 4 for paragraph in paragraphs)
