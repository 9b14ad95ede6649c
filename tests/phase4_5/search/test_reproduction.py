"""A baseline that was made elsewhere, through the door: told first, refused, never trusted."""

import json
import random
from dataclasses import replace

import pandas as pd
import pytest
from pipeline_runs import DIRECTIONS, results_of, summary_of
from statsmodels.stats.proportion import proportion_confint
from transformers import AutoTokenizer

import run
from common.config import REPOSITORY_ROOT
from common.journal import Journal
from common_simplified.helpers import evaluate_code
from phase3_6.baseline import BaselineProblem
from phase4_5.records import Population
from phase4_5.search.reproduction import counted_population

pytestmark = pytest.mark.usefixtures("only_the_grid")
BASELINE = "phase3_6/dataset_hyperparams_temp_0_0.parquet"


def judged_by_others(frame):
    """A fifth of the verdicts is another one."""
    rows = random.Random(0).sample(range(len(frame)), len(frame) // 5)
    frame["test_passed"] = [
        passed != (number in rows) for number, passed in enumerate(frame["test_passed"])
    ]


def cut(frame):
    """Texts end after 30 tokens, and fail if that is in the middle."""
    tokenizer = AutoTokenizer.from_pretrained(REPOSITORY_ROOT / "embedded/model")
    ids = [tokenizer(code, add_special_tokens=False)["input_ids"] for code in frame.generated_code]
    frame["test_passed"] &= pd.Series(len(each) <= 30 for each in ids)
    frame["generated_code"] = [tokenizer.decode(each[:30]) for each in ids]


def fenced(frame):
    """Fences are left around the program, so that none can be run."""
    frame["generated_code"] = [f"```python\n{code}\n```" for code in frame["generated_code"]]
    frame["test_passed"] = False


def of_other_weights(frame):
    """Each problem has another one's program."""
    frame["generated_code"] = [*frame["generated_code"][1:], frame["generated_code"][0]]
    frame["test_passed"] = False


def make_given(earlier, change):
    """A baseline without recorded settings, as the published one is, changed."""
    (earlier / "phase3_6/metadata.json").unlink()
    frame = pd.read_parquet(earlier / BASELINE).sort_values("task_id", ignore_index=True)
    change(frame)
    frame = frame.drop(columns=["outcome", "error_message"])
    frame.to_parquet(earlier / BASELINE)
    return frame


def command(data, *more):
    return ["phase", "4.5", "--data-dir", str(data), *more]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (judged_by_others, "the judge: its time limit, sandbox, Python version or tests"),
        (cut, "the token limit"),
        (fenced, "how the program is extracted from the model's text: fences"),
        (of_other_weights, "weights, prompt or decoding"),
    ],
)
def test_a_baseline_made_elsewhere_is_refused_with_the_reason(earlier, capsys, change, words):
    make_given(earlier, change)
    assert run.main(command(earlier, "--problems", "20")) == 2
    last = capsys.readouterr().err.strip().splitlines()[-1]
    assert f"What probably differs: {words}" in last
    assert "PVA_SAE_BASELINE=reproduced" in last and "PVA_SAE_BASELINE=as_given" in last
    # All that was computed is kept, and nothing else is there.
    left = {path.name for path in (earlier / "phase4_5").iterdir()}
    assert left == {"journal.jsonl"}
    assert len((earlier / "phase4_5/journal.jsonl").read_text().splitlines()) == 21


def test_after_a_refusal_a_person_says_what_counts(earlier, monkeypatch, capsys):
    given = make_given(earlier, judged_by_others).set_index("task_id").test_passed
    arguments = command(earlier, "--coefficients", "0,3")
    assert run.main(arguments) == 2
    found = {}
    for setting in ("reproduced", "as_given"):
        monkeypatch.setenv("PVA_SAE_BASELINE", setting)
        assert run.main(arguments) == 0
        summary = summary_of(earlier)
        assert summary["noise_floor"]["counted_against"] == setting
        assert summary["noise_floor"]["causes"][0]["cause"] == "judge"
        assert (summary["population"]["n_passed"] == given.sum()) == (setting == "as_given")
        for direction in DIRECTIONS:
            assert summary["recommended"][direction]["coefficient"] == 3
            found[setting, direction] = results_of(earlier, direction, 0)
    assert summary["lanes"] is None, "what was written before is only counted anew"
    for direction in DIRECTIONS:
        for record in found["reproduced", direction]:
            assert not record["flipped"]
        differing = [record for record in found["as_given", direction] if record["flipped"]]
        assert len(differing) == summary["noise_floor"]["n_verdicts"] > 0
        for record in found["as_given", direction]:
            assert record["baseline_passed"] == given[record["task_id"]]
            assert record["steered_passed"] != record["baseline_passed"] or not record["flipped"]
    capsys.readouterr()


@pytest.fixture
def nearly(earlier):
    """A baseline of another dtype: one text in forty has a small change, and then fails."""

    def change(frame):
        row = frame.index[frame.test_passed][0]
        code = frame.loc[row, "generated_code"]
        for old, new in (("return ", "return not "), (" + ", " - ")):
            changed = code.replace(old, new, 1)
            if not evaluate_code(changed, list(frame.loc[row, "test_list"])):
                break
        frame.loc[row, ["generated_code", "test_passed"]] = [changed, False]
        keep = [row, *frame.index.drop(row)[:39]]
        frame.drop(frame.index.difference(keep), inplace=True)

    make_given(earlier, change)
    return earlier


@pytest.mark.long
def test_a_floor_above_two_percent_stands_before_any_coefficient(nearly, capsys):
    assert run.main(command(nearly, "--problems", "40", "--coefficients", "0,1")) == 0
    told = capsys.readouterr().err
    summary, floor = summary_of(nearly), summary_of(nearly)["noise_floor"]
    assert list(summary)[:2] == ["phase", "noise_floor"]
    assert (floor["n_problems"], floor["n_verdicts"], floor["n_texts"]) == (40, 1, 1)
    assert "dtype, device or library versions" in floor["statement"]
    assert told.index(floor["statement"]) < told.index("coefficient 0")
    markdown = (nearly / "phase4_5/phase_4_5_report.md").read_text()
    assert markdown.split("\n\n")[1].startswith("**Noise floor 2.5 %")
    page = (nearly / "phase4_5/report.html").read_text()
    data = json.loads(page.split('id="data">')[1].split("</script>")[0])
    assert data["noise_floor"]["told_first"]
    assert run.main(["status", "--data-dir", str(nearly)]) == 0
    assert floor["statement"] in capsys.readouterr().out
    for direction in DIRECTIONS:
        assert summary["recommended"][direction]["coefficient"] == 1
        assert "0 (no steering)" in summary["recommended"][direction]["rationale"]
        # Coefficient 0 is in the grid, and flips nothing.
        assert [row["coefficient"] for row in summary["results"][direction]] == [0, 1]
        assert summary["results"][direction][0]["n_flipped"] == 0
    check_by_the_raw_records(nearly, floor)


def check_by_the_raw_records(data, floor):
    """Every number of the floor by pandas and statsmodels, from the table and from the journal."""
    table = pd.read_parquet(data / "phase4_5/all_records.parquet")
    raw = table[table.stage == "unsteered"]
    given = pd.read_parquet(data / BASELINE).set_index("task_id").loc[raw.task_id]
    assert raw.steering_type.isna().all() and (raw.coefficient == 0).all()
    differ = raw.steered_passed.to_numpy() != given.test_passed.to_numpy()
    assert differ.tolist() == raw.flipped.tolist()
    assert floor["n_verdicts"] == differ.sum()
    assert floor["rate"] == pytest.approx(100 * differ.mean())
    low, high = proportion_confint(differ.sum(), len(raw), method="wilson")
    assert floor["interval"] == pytest.approx([100 * low, 100 * high])
    texts = raw.steered_code.to_numpy() != given.generated_code.to_numpy()
    assert floor["n_texts"] == texts.sum()
    lines = (data / "phase4_5/journal.jsonl").read_text().splitlines()[1:]
    kept = [json.loads(line) for line in lines]
    here = {
        entry["key"][1]: entry["record"]["steered_passed"]
        for entry in kept
        if entry["key"][0] == "unsteered"
    }
    assert here == dict(zip(raw.task_id, raw.steered_passed, strict=True))
    # Flips of the grid are counted against the programs that were written here.
    for record in results_of(data, "correct", 1):
        assert record["baseline_passed"] == here[record["task_id"]]


def test_the_share_that_is_solved_is_that_of_the_verdicts_that_count():
    """By the file 90 of 100; written here, of four that pass by it one does, of two others one."""

    def problem(task_id, passed):
        return BaselineProblem(task_id, "p", ("assert f()",), "", "code", passed, 1)

    given = [problem(task_id, task_id < 4) for task_id in range(6)]
    here = {one.task_id: replace(one, baseline_passed=one.task_id in (0, 5)) for one in given}
    population = Population(n_problems=100, n_passed=90)
    # 90 x 1/4 and 10 x 1/2.
    assert counted_population(population, given, here).n_passed == round(22.5 + 5)
    unchanged = {one.task_id: one for one in given}
    assert counted_population(population, given, unchanged) == population
    # Of a kind that wasn't written here nothing is known but the file.
    assert counted_population(population, given[:4], unchanged) == population


def test_where_the_baseline_was_made_here_the_floor_is_zero(whole):
    floor = summary_of(whole)["noise_floor"]
    assert (floor["n_problems"], floor["n_verdicts"], floor["n_texts"]) == (30, 0, 0)
    assert "reproduced here: all 30 programs" in floor["statement"]


def test_an_older_result_is_not_touched_by_a_refusal(finished, capsys):
    before = {
        path: path.read_bytes()
        for path in (finished / "phase4_5").rglob("*")
        if path.is_file() and not path.name.startswith("journal")
    }
    make_given(finished, judged_by_others)
    assert run.main(command(finished, "--fresh")) == 2
    assert "What probably differs: the judge" in capsys.readouterr().err
    assert {path: path.read_bytes() for path in before} == before


def test_a_grid_of_only_zero_is_refused_at_the_door(earlier, capsys):
    assert run.main(command(earlier, "--coefficients", "0")) == 2
    assert "0 is no steering, which is always run" in capsys.readouterr().err
    assert not (earlier / "phase4_5").exists()


def test_a_run_goes_on_from_the_unsteered_programs(earlier, capsys):
    """What one run has journalled without steering, the next one doesn't write again."""
    make_given(earlier, judged_by_others)
    assert run.main(command(earlier)) == 2
    path = earlier / "phase4_5/journal.jsonl"
    before = path.read_bytes()
    lines = before.splitlines(keepends=True)
    path.write_bytes(b"".join(lines[:5]))
    assert run.main(command(earlier)) == 2
    settings = json.loads(lines[0])["settings"]
    with Journal(path, settings) as journal:
        assert len(journal) == 10
    assert path.read_bytes().startswith(b"".join(lines[:5]))
    assert sorted(path.read_bytes().splitlines()) == sorted(before.splitlines())
    capsys.readouterr()
