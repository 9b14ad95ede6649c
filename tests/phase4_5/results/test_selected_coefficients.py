"""What Phase 4.8 reads: whole, damaged, or of another model."""

import json
import re
import shutil
from pathlib import Path

import pytest
from pipeline_runs import DIRECTIONS, GRID, summary_of

from common.config import load_config
from common.errors import InputError
from common.utils import discover_latest_phase_output
from phase4_5 import load_selected_coefficients

FILE = "phase4_5/selected_coefficients.json"


def test_the_selection_is_what_phase_4_8_reads(whole):
    config = load_config(data_dir=str(whole))
    selected = load_selected_coefficients(config=config)
    raw = json.loads((whole / "phase4_5/selected_coefficients.json").read_text())
    assert raw["selection_method"] == "recommended"
    features = summary_of(whole)["features"]
    for direction in DIRECTIONS:
        assert selected[direction].coefficient in GRID
        assert selected[direction].layer == features[direction]["layer"]
        assert selected[direction].feature_idx == features[direction]["feature_idx"]
        assert str(int(selected[direction].coefficient)) in selected[direction].rationale
    newest = discover_latest_phase_output("3.6", config)
    assert newest is not None
    assert Path(newest).parent == whole / "phase3_6"


def chosen(data):
    return load_selected_coefficients(config=load_config(data_dir=str(data)))


def test_the_choice_comes_as_typed_values_with_its_direction(whole):
    config = load_config(data_dir=str(whole))
    for name, choice in load_selected_coefficients(config=config).items():
        assert choice.steering_type == name
        assert isinstance(choice.coefficient, float)
        assert choice.residual_site == "resid_pre"
        assert choice.selection_method == "recommended"
        assert choice.final_evaluation is not None
        assert choice.final_evaluation.n_problems == 20
        direction = choice.load_direction(config)
        assert direction.shape == (128,)
        assert direction.norm().item() == pytest.approx(1, abs=1e-4)


def changed(data, **values):
    path = data / FILE
    content = json.loads(path.read_text())
    for name, value in values.items():
        content["correct"][name] = value
    path.write_text(json.dumps(content))


@pytest.mark.parametrize(
    ("break_it", "message"),
    [
        (lambda data: (data / FILE).unlink(), "missing; it is made by Phase 4.5"),
        (lambda data: (data / FILE).write_text('{"correct": {'), "not valid JSON"),
        (lambda data: (data / FILE).write_text("[]"), "no whole choice for 'correct'"),
        (lambda data: (data / FILE).write_text("{}"), "no whole choice for 'correct'"),
        (lambda data: changed(data, coefficient="a lot"), "no whole choice for 'correct'"),
        (lambda data: changed(data, coefficient=None), "no whole choice for 'correct'"),
        *(
            (lambda data, rate=rate: changed(data, flip_rate=rate), "flip_rate")
            for rate in (-20.0, 2147483648.0, 100.5, "20")
        ),
        (lambda data: changed(data, mean_token_similarity=1.5), "mean_token_similarity"),
        (lambda data: changed(data, residual_site="mlp"), "residual_site='mlp'"),
        (lambda data: changed(data, selection_method="dice"), "selection_method='dice'"),
    ],
)
def test_a_choice_that_is_not_whole_is_told_in_one_line(whole, tmp_path, break_it, message):
    (tmp_path / "phase4_5").mkdir()
    shutil.copy(whole / FILE, tmp_path / FILE)
    break_it(tmp_path)
    with pytest.raises(InputError, match=re.escape(message)) as caught:
        chosen(tmp_path)
    assert "\n" not in str(caught.value)


def test_a_strength_for_another_model_is_refused(whole, monkeypatch):
    monkeypatch.setenv("PVA_SAE_MODEL_NAME", "google/gemma-2-2b")
    with pytest.raises(InputError, match="chosen for model 'embedded/model'"):
        chosen(whole)
    path = whole / FILE
    assert load_selected_coefficients(path)["correct"].coefficient > 0
