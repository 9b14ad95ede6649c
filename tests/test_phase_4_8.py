"""Phase 4.8's side, played by a process of its own that knows the README and the files alone."""

import json
import os
import re
import shutil
import subprocess
import sys

import pytest

from common.config import REPOSITORY_ROOT, load_config
from common.errors import InputError
from phase4_5 import load_selected_coefficients
from phase4_5.results.choice import choose

FILE = "phase4_5/selected_coefficients.json"


def readme_example():
    text = (REPOSITORY_ROOT / "README.md").read_text()
    section = text.split("### From Phase 4.8")[1].split("\n## ")[0]
    (code,) = re.findall(r"```python\n(.*?)```", section, re.DOTALL)
    return code


def test_the_readmes_example_runs_and_uses_the_choice(whole, tmp_path):
    shutil.copytree(whole / "phase4_5", tmp_path / "phase4_5")
    choose(tmp_path / "phase4_5", {"correct": 30}, "to see it fail", "Ada")
    code = readme_example().replace("[:20]", "[:6]")
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        cwd=REPOSITORY_ROOT,
        env=os.environ | {"PVA_SAE_DATA_DIR": str(tmp_path)},
    )
    assert done.returncode == 0, done.stderr[-2000:]
    first, second = done.stdout.splitlines()
    layers = {name: entry.layer for name, entry in chosen(tmp_path).items()}
    # At 30 every program is lost; what was solved before is corrupted, and nothing is corrected.
    assert re.fullmatch(
        rf"correct 30 at layer {layers['correct']}: 0 corrected, [1-6] corrupted \(manual\)", first
    )
    assert re.fullmatch(
        rf"incorrect \d+ at layer {layers['incorrect']}: \d corrected, \d corrupted "
        r"\(recommended\)",
        second,
    )


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
        assert choice.final_evaluation.n_problems == 100
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
        (lambda data: changed(data, residual_site="mlp"), "residual_site 'mlp'"),
        (lambda data: changed(data, selection_method="dice"), "selection_method 'dice'"),
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
