import json
from collections import Counter

import pandas as pd
import pytest

from common.config import load_config
from common.errors import InputError
from common.problems import SPLITS, load_problems, load_split, split_problems
from common.prompt_utils import PromptBuilder, as_assert, function_header

ROW = {
    "task_id": 3,
    "text": "Write a function to double a number.",
    "code": "def double(n):\n    return n * 2",
    "test_list": ["assert double(1) == 2", "assert double(2) == 4", "assert double(3) == 6"],
    "test_setup_code": "import math",
}


def config_for(path):
    return load_config(problems_path=str(path))


def write_rows(path, rows):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return config_for(path)


def test_jsonl_and_parquet_give_the_same_problems(tmp_path):
    rows = [ROW, {**ROW, "task_id": 1}]
    from_jsonl = load_problems(write_rows(tmp_path / "p.jsonl", rows))
    pd.DataFrame(rows).to_parquet(tmp_path / "p.parquet")
    assert load_problems(config_for(tmp_path / "p.parquet")) == from_jsonl
    assert [problem.task_id for problem in from_jsonl] == [1, 3]
    assert from_jsonl[0].test_setup_code == "import math"


def test_the_sanitized_shape_is_read(tmp_path):
    row = {key: value for key, value in ROW.items() if key not in ("text", "test_setup_code")}
    row |= {"prompt": ROW["text"], "test_imports": ["import math", "import re"]}
    problem = load_problems(write_rows(tmp_path / "p.jsonl", [row]))[0]
    assert problem.text == ROW["text"]
    assert problem.test_setup_code == "import math\nimport re"


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([{**ROW, "test_list": "assert"}], "row 1"),
        ([{**ROW, "test_list": []}], "row 1: test_list"),
        ([{key: value for key, value in ROW.items() if key != "code"}], "row 1: no field 'code'"),
        ([ROW, ROW], "task_id 3 occurs twice"),
        *[
            ([{**ROW, "task_id": number}], "row 1: task_id isn't a whole number from 0 on")
            for number in (-1, True, "3", 1.5, None, [3], -(10**28), 10**28)
        ],
        ([{**ROW, "text": " "}], "row 1: text and code must be strings, and text not empty"),
        ([{**ROW, "test_setup_code": {}}], "row 1: test_setup_code isn't text"),
        ([{**ROW, "test_setup_code": 7}], "row 1: test_setup_code isn't text"),
        ([], "no problems"),
    ],
)
def test_a_wrong_row_is_named(tmp_path, rows, message):
    with pytest.raises(InputError, match=message):
        load_problems(write_rows(tmp_path / "p.jsonl", rows))


def test_missing_and_damaged_files_are_named(tmp_path):
    with pytest.raises(InputError, match="PVA_SAE_PROBLEMS_PATH"):
        load_problems(config_for(tmp_path / "none.jsonl"))
    (tmp_path / "cut.jsonl").write_text(json.dumps(ROW) + "\n" + json.dumps(ROW)[:30])
    with pytest.raises(InputError, match="line 2"):
        load_problems(config_for(tmp_path / "cut.jsonl"))
    for line in ("[" * 100_000, '{"a": ' * 100_000, f'{{"task_id": {"1" * 5000}}}', '{"a": NaN}'):
        (tmp_path / "odd.jsonl").write_text(json.dumps(ROW) + "\n" + line + "\n")
        with pytest.raises(InputError, match="line 2: not valid JSON") as refused:
            load_problems(config_for(tmp_path / "odd.jsonl"))
        assert len(str(refused.value)) <= 300
    (tmp_path / "cut.parquet").write_bytes(b"PAR1xx")
    with pytest.raises(InputError, match="can't be read"):
        load_problems(config_for(tmp_path / "cut.parquet"))


def test_every_problem_is_in_one_split_and_each_split_has_its_share_of_every_complexity():
    problems = load_problems(load_config())
    splits = split_problems(problems, [0.5, 0.1, 0.4], seed=42)
    dealt = [problem.task_id for name in SPLITS for problem in splits[name]]
    assert sorted(dealt) == [problem.task_id for problem in problems]
    for name, fraction in zip(SPLITS, [0.5, 0.1, 0.4], strict=True):
        assert len(splits[name]) == pytest.approx(fraction * len(problems), abs=1)
        counts = Counter(problem.cyclomatic_complexity for problem in splits[name])
        for complexity, count in Counter(p.cyclomatic_complexity for p in problems).items():
            assert counts[complexity] == pytest.approx(fraction * count, abs=2)


def test_the_split_follows_the_seed():
    problems = load_problems(load_config())
    first, again, other = (split_problems(problems, [0.5, 0.1, 0.4], s) for s in (1, 1, 2))
    assert first == again
    assert first != other


def test_start_and_end_cut_a_split_and_an_empty_cut_is_refused():
    whole = load_split(load_config(), "hyperparams")
    assert len(whole) >= 100
    assert load_split(load_config(start_index=2, end_index=5), "hyperparams") == whole[2:5]
    with pytest.raises(InputError, match="hyperparams has"):
        load_split(load_config(start_index=100_000), "hyperparams")


@pytest.mark.parametrize("test", ["assert f(1)", "assert assert f(1)", "f(1)", " assert f(1)\n"])
def test_a_test_begins_with_exactly_one_assert(test):
    assert as_assert(test) == "assert f(1)"


def test_the_solution_prompt_is_description_asserts_marker(tmp_path):
    problem = load_problems(write_rows(tmp_path / "p.jsonl", [ROW]))[0]
    assert PromptBuilder().build(problem) == (
        "Write a function to double a number.\n\n"
        "assert double(1) == 2\nassert double(2) == 4\nassert double(3) == 6\n\n"
        "# Solution:\n"
    )


def test_the_function_prompt_ends_with_the_signature(tmp_path):
    problem = load_problems(write_rows(tmp_path / "p.jsonl", [ROW]))[0]
    prompt = PromptBuilder("function").build(problem)
    assert prompt.startswith('"""\nWrite a function')
    assert prompt.endswith('"""\ndef double(n):\n')


def test_the_signature_is_that_of_the_last_function():
    code = (
        "def helper(x):\n    return x\n\ndef main(a, b=2, *rest, key=None):\n    return helper(a)\n"
    )
    assert function_header(code) == "def main(a, b=2, *rest, key=None):"
    for bad in ("x = 1", "def f(:"):
        with pytest.raises(ValueError):
            function_header(bad)
