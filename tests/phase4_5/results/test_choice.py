"""What a person chooses: written down whole, kept by later runs, never lost."""

import json
from typing import Any

import pytest

import run
from common.config import load_config
from common.errors import InputError
from phase4_5 import load_selected_coefficients
from phase4_5.results.choice import choose
from phase4_5.results.run_files import load_run

WHY = "reads best: names change, the structure stays </script> 🙂"


@pytest.fixture
def small(monkeypatch):
    """Later runs with a smaller final evaluation and fewer controls."""
    monkeypatch.setenv("PVA_SAE_PHASE4_5_FINAL_EVAL_PROBLEMS", "10")
    monkeypatch.setenv("PVA_SAE_PHASE4_5_RANDOM_CONTROLS", "1")


@pytest.fixture
def folder(finished):
    return finished / "phase4_5"


def choice_of(folder):
    return json.loads((folder / "selected_coefficients.json").read_text())


def history_of(folder):
    return sorted((folder / "selection_history").glob("*.json"))


def command(finished, *more):
    return run.main([*more, "--data-dir", str(finished)])


def test_a_choice_for_one_direction_leaves_the_other(folder):
    before = choice_of(folder)
    choose(folder, {"correct": 30, "incorrect": None}, f"  {WHY}\n", "Ada")
    after = choice_of(folder)
    assert after["selection_method"] == "manual"
    assert after["reviewer"] == "Ada"
    assert after["timestamp"] > before["timestamp"]
    assert after["incorrect"] == before["incorrect"]
    entry = after["correct"]
    assert (entry["coefficient"], entry["rationale"], entry["reviewer"]) == (30.0, WHY, "Ada")
    row = next(row for row in load_run(folder).summary.results["correct"] if row.coefficient == 30)
    for key in ("flip_rate", "flip_rate_interval", "corruption_rate", "relative_strength"):
        assert entry[key] == getattr(row, key)
    assert entry["qualifies"] is False
    for key in ("layer", "feature_idx", "residual_site"):
        assert entry[key] == before["correct"][key]
    assert load_run(folder).selected.dump() == after, "the summary tells the same"


def test_the_earlier_version_is_kept(folder):
    versions = [(folder / "selected_coefficients.json").read_text()]
    for coefficient in (30, 100, 100):
        choose(folder, {"correct": coefficient}, "because", "Ada")
        versions.append((folder / "selected_coefficients.json").read_text())
    assert [path.read_text() for path in history_of(folder)] == versions[:3]


@pytest.mark.parametrize(
    ("coefficients", "rationale", "reviewer", "message"),
    [
        ({"correct": 50}, WHY, "Ada", "coefficient 50 was not run for correct-steering; there are"),
        ({"incorrect": float("nan")}, WHY, "Ada", "coefficient nan was not run"),
        ({"correct": -30}, WHY, "Ada", "coefficient -30 was not run"),
        ({"correct": 30, "incorrect": 50}, WHY, "Ada", "coefficient 50 was not run"),
        ({"correct": None, "incorrect": None}, WHY, "Ada", "no coefficient was chosen"),
        ({"correct": 30}, " \n", "Ada", "the rationale is missing"),
        ({"correct": 30}, WHY, "", "the reviewer is missing"),
        ({"correct": 30}, "x" * 20_001, "Ada", "the rationale has 20001 characters"),
    ],
)
def test_a_wrong_choice_changes_nothing(folder, coefficients, rationale, reviewer, message):
    before = {path: path.read_bytes() for path in folder.glob("*.json")}
    with pytest.raises(InputError, match=message):
        choose(folder, coefficients, rationale, reviewer)
    assert {path: path.read_bytes() for path in folder.glob("*.json")} == before
    assert not history_of(folder)


def test_a_coefficient_that_was_not_run_comes_with_the_command_that_runs_it(folder):
    with pytest.raises(InputError, match="--coefficients 1,3,10,30,100,300,1000,50"):
        choose(folder, {"correct": 50}, WHY, "Ada")


def test_only_the_marks_of_the_chosen_coefficient_go_into_the_file(folder):
    marks: dict[str, dict[str, Any]] = {
        "correct|30|12": {"mark": "broken", "note": "", "version": 1},
        "correct|30|7": {"mark": None, "note": "odd", "version": 3},
        "correct|30|8": {"mark": None, "note": "", "version": 2},
        "correct|300|12": {"mark": "keep", "note": "", "version": 1},
        "incorrect|30|12": {"mark": "keep", "note": "", "version": 1},
    }
    choose(folder, {"correct": 30}, WHY, "Ada", marks)
    assert choice_of(folder)["correct"]["marks"] == [
        {"task_id": 7, "mark": None, "note": "odd"},
        {"task_id": 12, "mark": "broken", "note": ""},
    ]


@pytest.mark.usefixtures("small")
def test_a_later_run_keeps_the_choice_and_evaluates_it(finished, folder):
    arguments = ["select", "--correct", "10", "--rationale", WHY, "--reviewer", "Ada"]
    assert command(finished, *arguments) == 0
    chosen = choice_of(folder)
    assert chosen["correct"]["final_evaluation"] is None
    assert chosen["incorrect"]["final_evaluation"]["n_problems"] == 20
    assert command(finished, "phase", "4.5") == 0
    kept = choice_of(folder)
    assert kept["timestamp"] == chosen["timestamp"]
    assert kept["correct"]["rationale"] == WHY
    assert kept["correct"]["final_evaluation"]["coefficient"] == 10
    assert kept["correct"]["final_evaluation"]["n_problems"] == 10
    summary = load_run(folder).summary
    looked_at = kept["correct"]["final_evaluation"]["looked_at"]
    assert looked_at == sorted([10, summary.recommended["correct"].coefficient])
    assert len(kept["incorrect"]["final_evaluation"]["looked_at"]) == 1
    assert summary.selected_coefficients.dump() == kept
    assert summary.recommended["correct"].coefficient != 10
    for name in ("report.html", "phase_4_5_report.md"):
        assert "Ada" in (folder / name).read_text()
    assert (
        load_selected_coefficients(config=load_config(data_dir=str(finished)))[
            "correct"
        ].coefficient
        == 10
    )
    # Told to, the rule decides again; the person's version is kept.
    assert command(finished, "phase", "4.5", "--replace-choice") == 0
    assert choice_of(folder)["selection_method"] == "recommended"
    assert json.loads(history_of(folder)[-1].read_text()) == kept


def test_a_choice_for_another_latent_stops_a_run_before_its_work(finished, folder, capsys):
    choose(folder, {"correct": 30}, WHY, "Ada")
    chosen = choice_of(folder)
    chosen["correct"]["feature_idx"] = 5
    (folder / "selected_coefficients.json").write_text(json.dumps(chosen))
    before = {path: path.read_bytes() for path in folder.glob("*.*")}
    assert command(finished, "phase", "4.5", "--fresh") == 2
    error = capsys.readouterr().err
    assert "a person chose coefficient 30 for correct-steering with feature_idx=5" in error
    assert "--replace-choice" in error
    assert {path: path.read_bytes() for path in folder.glob("*.*")} == before


@pytest.mark.parametrize("text", ["", "[]", '{"selection_method": "manual"'])
@pytest.mark.parametrize("more", [(), ("--replace-choice",)])
def test_a_choice_that_can_not_be_read_is_not_overwritten(finished, folder, capsys, text, more):
    path = folder / "selected_coefficients.json"
    path.write_text(text)
    assert command(finished, "phase", "4.5", *more) == 2
    error = capsys.readouterr().err
    assert "selected_coefficients.json" in error
    assert "programs for the grid" not in error, "told before the work, not after it"
    assert path.read_text() == text


def test_a_manual_choice_without_an_entry_is_refused(finished, folder, capsys):
    path = folder / "selected_coefficients.json"
    path.write_text('{"selection_method": "manual"}')
    assert command(finished, "phase", "4.5") == 2
    assert "selected_coefficients.json: no timestamp in it" in capsys.readouterr().err


@pytest.mark.usefixtures("small")
@pytest.mark.long
def test_a_choice_outlives_a_grid_without_it_and_every_report_still_tells_it(finished, folder):
    choose(folder, {"correct": 100}, WHY, "Ada")
    assert command(finished, "phase", "4.5", "--coefficients", "1,3") == 0
    kept = choice_of(folder)["correct"]
    assert (kept["coefficient"], kept["reviewer"]) == (100, "Ada")
    assert kept["flip_rate"] == 50
    assert kept["final_evaluation"]["coefficient"] == 100
    assert [row.coefficient for row in load_run(folder).summary.results["correct"]] == [1, 3]
    assert "is chosen by hand" in (folder / "phase_4_5_report.md").read_text()
