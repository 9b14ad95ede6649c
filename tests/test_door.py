"""The command line: its answers, its errors, and what a wrong input leaves untouched."""

import json
import os
import shutil
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from forked_door import ForkedDoor

import run
from common.config import REPOSITORY_ROOT, load_config
from common.project import project_version
from common_simplified.provenance import solution_settings
from phase3_6.baseline import BASELINE_FILE


def call(*arguments, **variables):
    return ForkedDoor(*arguments, variables=variables).end()


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    """The files of Phases 2.5 and 3.6 in this project's shape, with a small baseline."""
    data = tmp_path_factory.mktemp("prepared")
    (data / "phase2_5").mkdir()
    (data / "phase3_6").mkdir()
    features = {
        "correct": [{"layer": 2, "feature_idx": 5, "separation_score": 0.2}],
        "incorrect": [{"layer": 1, "feature_idx": 7, "separation_score": 0.1}],
    }
    (data / "phase2_5/top_20_features.json").write_text(json.dumps(features))
    (data / "phase2_5/metadata.json").write_text(json.dumps({"residual_site": "resid_pre"}))
    code = "def twice(n):\n    return n * 2"
    rows = [
        {
            "task_id": number,
            "text": "Double a number.",
            "test_list": ["assert twice(1) == 2", "assert twice(2) == 4"],
            "prompt": "Double a number.\n\nassert twice(1) == 2\n\n# Solution:\n",
            "generated_code": code if number % 2 else "def twice(n):\n    return n",
            "test_passed": bool(number % 2),
            "cyclomatic_complexity": 1,
        }
        for number in range(1, 5)
    ]
    pd.DataFrame(rows).to_parquet(data / "phase3_6" / BASELINE_FILE)
    return data


@pytest.fixture
def data(prepared, tmp_path):
    shutil.copytree(prepared, tmp_path / "data")
    return tmp_path / "data"


def change_features(data, change):
    path = data / "phase2_5/top_20_features.json"
    content = json.loads(path.read_text())
    path.write_text(json.dumps(change(content)))


def set_latent(data, **values):
    def change(content):
        content["correct"][0].update(values)
        return content

    change_features(data, change)


def change_baseline(data, change):
    path = data / "phase3_6" / BASELINE_FILE
    change(pd.read_parquet(path)).to_parquet(path)


def narrow_sae(data):
    for layer in (1, 2):
        folder = data / "saes" / f"layer_{layer}"
        folder.mkdir(parents=True)
        np.savez(
            folder / "params.npz",
            W_enc=np.ones((64, 96)),
            W_dec=np.ones((96, 64)),
            b_enc=np.zeros(96),
            b_dec=np.zeros(64),
            threshold=np.zeros(96),
        )


def truncate(data):
    path = data / "phase2_5/top_20_features.json"
    path.write_text(path.read_text()[:40])


BAD_INPUTS = {
    "features missing": (
        lambda data: (data / "phase2_5/top_20_features.json").unlink(),
        {"PVA_SAE_RUN_MISSING_PHASES": "false"},
        "python3 run.py phase 2.5",
    ),
    "features truncated": (truncate, {}, "not valid JSON"),
    "features without incorrect": (
        lambda data: change_features(data, lambda content: {"correct": content["correct"]}),
        {},
        "no incorrect in it",
    ),
    "a layer the model lacks": (
        lambda data: set_latent(data, layer=4),
        {},
        "layer 4: the model has layers 0 to 3",
    ),
    "a latent the SAE lacks": (
        lambda data: set_latent(data, feature_idx=1024),
        {},
        "latent 1024 of layer 2: the SAE has latents 0 to 1023",
    ),
    "a parquet without test_passed": (
        lambda data: change_baseline(data, lambda frame: frame.drop(columns="test_passed")),
        {},
        "no column test_passed",
    ),
    "an empty parquet": (
        lambda data: change_baseline(data, lambda frame: frame.head(0)),
        {},
        "no rows",
    ),
    "a task twice": (
        lambda data: change_baseline(data, lambda frame: frame.assign(task_id=3)),
        {},
        "task_id 3 occurs twice",
    ),
    "an SAE of another width": (
        narrow_sae,
        {"PVA_SAE_SAE_SOURCE": "{data}/saes"},
        "has width 64, the model's residual stream 128",
    ),
    "coefficients that are no numbers": (
        lambda _data: None,
        {"PVA_SAE_PHASE4_5_COEFFICIENTS": "1,x"},
        "PVA_SAE_PHASE4_5_COEFFICIENTS='1,x'",
    ),
    "a negative number of problems": (
        lambda _data: None,
        {"PVA_SAE_PHASE4_5_PROBLEMS_PER_COEFF": "-1"},
        "greater than or equal to 1",
    ),
    "an output folder that cannot be made": (
        lambda data: (data / "blocked").write_text("a file"),
        {"PVA_SAE_PHASE4_5_OUTPUT_DIR": "{data}/blocked/phase4_5"},
        "can't be written",
    ),
    "features of another site": (
        lambda _data: None,
        {"PVA_SAE_RESIDUAL_SITE": "resid_post"},
        "found at resid_pre",
    ),
    "a model that is not there": (
        lambda _data: None,
        {"PVA_SAE_MODEL_NAME": "{data}/no_model", "HF_HUB_OFFLINE": "1"},
        "can't be loaded",
    ),
    "features of another model": (
        lambda data: (data / "phase2_5/metadata.json").write_text(
            json.dumps({"settings": {"model_name": "other/model"}})
        ),
        {},
        "made with model_name='other/model', now it is 'embedded/model'",
    ),
    "a baseline of shorter programs": (
        lambda data: (data / "phase3_6/metadata.json").write_text(
            json.dumps({"settings": solution_settings(load_config(max_new_tokens=7))})
        ),
        {},
        "made with max_new_tokens=7, now it is 160",
    ),
    "a range beyond the baseline": (
        lambda _data: None,
        {"PVA_SAE_START_INDEX": "50"},
        "no baseline problems from index 50",
    ),
    "a device that is not there": (
        lambda _data: None,
        {"PVA_SAE_DEVICE": "cuda:77"},
        "device 'cuda:77'",
    ),
}


@pytest.mark.parametrize("name", BAD_INPUTS)
def test_bad_input_is_one_clear_line_and_status_2_and_nothing_is_overwritten(
    data, monkeypatch, capsys, name
):
    spoil, variables, message = BAD_INPUTS[name]
    spoil(data)
    earlier = data / "phase4_5" / "phase_4_5_summary.json"
    earlier.parent.mkdir(exist_ok=True)
    earlier.write_text("from an earlier run")
    monkeypatch.setenv("PVA_SAE_DATA_DIR", str(data))
    for variable, value in variables.items():
        monkeypatch.setenv(variable, value.format(data=data))
    before = snapshot(data)
    assert run.main(["phase", "4.5"]) == 2
    errors = [line for line in capsys.readouterr().err.splitlines() if " ERROR " in line]
    assert len(errors) == 1
    assert message in errors[0]
    assert snapshot(data) == before


def snapshot(folder):
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_help_answers_at_once_and_without_heavy_imports():
    before = os.times()
    answer = call("--help")
    used = os.times()
    assert answer.returncode == 0
    assert "phase" in answer.stdout
    # Of the processor: a busy machine doesn't matter. A third of it, without torch.
    assert used.children_user - before.children_user < 1
    script = "import sys, run\ntry: run.main(['--help'])\nexcept SystemExit: pass\n"
    script += "assert not {'torch', 'pandas', 'sae_lens', 'pydantic'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", script], check=True, cwd=REPOSITORY_ROOT)


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("nonsense",),
        ("phase",),
        ("phase", "4.5", "--problems", "many"),
        ("list", "--odd"),
        ("select", "--correct", "30"),
        ("select", "--correct", "much", "--rationale", "x"),
        ("review", "--port", "x"),
    ],
)
def test_a_wrong_call_is_status_2(arguments):
    answer = call(*arguments)
    assert answer.returncode == 2
    assert "Traceback" not in answer.stderr


@pytest.mark.parametrize(
    "arguments", [("review",), ("report",), ("select", "--correct", "30", "--rationale", "x")]
)
def test_without_a_run_there_is_nothing_to_choose_from(data, arguments):
    before = sorted(data.rglob("*"))
    answer = call(*arguments, "--data-dir", str(data))
    assert answer.returncode == 2
    assert answer.stderr.count("\n") == 1
    assert "phase_4_5_summary.json: missing; it is made by: python3 run.py phase 4.5" in (
        answer.stderr
    )
    assert sorted(data.rglob("*")) == before


def test_an_unknown_phase_is_named_with_those_that_exist():
    answer = call("phase", "4.8")
    assert answer.returncode == 2
    assert "phase 4.8: no such phase; there are 2.5, 3.5, 3.6, 4.5" in answer.stderr


def test_the_phases_are_listed():
    answer = call("list")
    assert [line.split()[0] for line in answer.stdout.splitlines()] == ["2.5", "3.5", "3.6", "4.5"]


def test_status_says_what_is_done_begun_and_not_done(data):
    (data / "phase2_5/layer_analysis.json").write_text("[]")
    (data / "phase3_5").mkdir()
    (data / "phase3_5/journal.jsonl").write_text('{"settings": {}}\n{"key": 1}\n{"key": 2}\n')
    lines = call("status", "--data-dir", str(data)).stdout.splitlines()
    assert lines[0].endswith("done") and lines[0].startswith("2.5")
    assert "begun (2 pieces of work finished): python3 run.py phase 3.5" in lines[1]
    assert lines[3].endswith("not done: python3 run.py phase 4.5")


def test_an_earlier_phase_that_is_missing_is_named_where_it_would_take_hours(tmp_path):
    answer = call("phase", "4.5", "--profile", "gemma-2-2b", "--data-dir", str(tmp_path))
    assert answer.returncode == 2
    assert "it is made by Phase 2.5, run: python3 run.py phase 2.5" in answer.stderr
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("text", ["[]", '{"correct": null}', '{"correct": 3}', "{"])
def test_status_with_a_damaged_choice_names_the_file_and_what_to_do(tmp_path, capsys, text):
    path = tmp_path / "phase4_5" / "selected_coefficients.json"
    path.parent.mkdir()
    path.write_text(text)
    assert run.main(["status", "--data-dir", str(tmp_path)]) == 2
    said = capsys.readouterr()
    assert "not done: python3 run.py phase 2.5" in said.out
    assert "selected_coefficients.json" in said.err
    assert "mend it, or move it away" in said.err
    assert path.read_text() == text


def test_a_failed_run_is_status_1_with_a_traceback_only_when_verbose(data, monkeypatch, capsys):
    def fail(*_arguments):
        raise ZeroDivisionError("what nobody foresaw")

    monkeypatch.setattr("phase4_5.search.inputs.sample_problems", fail)
    arguments = ["phase", "4.5", "--data-dir", str(data)]
    assert run.main(arguments) == 1
    quiet = capsys.readouterr().err
    assert "ZeroDivisionError: what nobody foresaw" in quiet
    assert "Traceback" not in quiet
    assert run.main([*arguments, "--verbose"]) == 1
    assert "Traceback" in capsys.readouterr().err


@pytest.mark.usefixtures("without_pictures", "only_the_grid")
def test_a_journal_of_other_settings_is_refused_and_fresh_starts_over(data, monkeypatch, capsys):
    arguments = ["phase", "4.5", "--data-dir", str(data), "--coefficients", "1"]
    monkeypatch.setenv("PVA_SAE_BASELINE", "reproduced")
    monkeypatch.setenv("PVA_SAE_MAX_NEW_TOKENS", "3")
    assert run.main(arguments) == 0
    monkeypatch.setenv("PVA_SAE_MAX_NEW_TOKENS", "4")
    before = snapshot(data)
    assert run.main(arguments) == 2
    assert "max_new_tokens=3, now it is 4" in capsys.readouterr().err
    assert snapshot(data) == before
    assert run.main([*arguments, "--fresh"]) == 0


@pytest.mark.long
def test_fresh_reaches_an_earlier_phase_that_was_begun_under_other_settings(
    tmp_path, monkeypatch, capsys
):
    arguments = ["phase", "3.6", "--data-dir", str(tmp_path)]
    (tmp_path / "phase2_5").mkdir()
    (tmp_path / "phase2_5/journal.jsonl").write_text(
        '{"settings": {"seed": 1}}\n{"key": [1, 0.0], "record": {}}\n'
    )
    monkeypatch.setenv("PVA_SAE_MAX_NEW_TOKENS", "1")
    assert run.main(arguments) == 2
    assert "--fresh" in capsys.readouterr().err
    # One token solves nothing: Phase 2.5 then says so, which it can only say after it has begun.
    assert run.main([*arguments, "--fresh"]) == 1
    assert "the model solved 0 of" in capsys.readouterr().err


def test_the_version_is_told_without_settings():
    answer = call("--version", PVA_SAE_NO_SUCH="1")
    assert answer.returncode == 0
    assert answer.stdout == f"pva-steering {project_version()}\n"
