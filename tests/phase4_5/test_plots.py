import subprocess
import sys
from pathlib import Path

import matplotlib.image
import pytest

from phase4_5.plots import plot_coefficient_analysis

ROOT = Path(__file__).parents[2]


def summary(coefficient, flip_rate, **other):
    return {
        "coefficient": float(coefficient),
        "n_problems": 10,
        "flip_rate": flip_rate,
        "correction_rate": flip_rate / 2,
        "corruption_rate": None,
        "mean_token_similarity": 0.7,
        "mean_char_similarity": 0.8,
        "valid_syntax_rate": 90.0,
        "signature_intact_rate": 100.0,
        "failure_modes": {"exception:NameError": 1, "exception:TypeError": 2, "timeout": 1},
        **other,
    }


def grid(**other):
    return [summary(value, rate, **other) for value, rate in ((0, 0.0), (3, 10.0), (30, 40.0))]


def draw(path, summaries, selected):
    plot_coefficient_analysis(summaries, path, selected)
    return matplotlib.image.imread(path)


@pytest.fixture(scope="module")
def picture(tmp_path_factory):
    path = tmp_path_factory.mktemp("plots") / "new" / "plots.png"
    return draw(path, {"correct": grid(), "incorrect": grid()}, {"correct": 30.0}), path


def test_a_png_wide_enough_to_read(picture):
    pixels, path = picture
    assert path.read_bytes().startswith(b"\x89PNG")
    assert pixels.shape[1] == 1400
    assert [file.name for file in path.parent.iterdir()] == ["plots.png"]


def test_the_same_summaries_give_the_same_file(picture, tmp_path):
    _, path = picture
    again = tmp_path / "again.png"
    # The order of the coefficients doesn't matter.
    draw(again, {"correct": grid()[::-1], "incorrect": grid()}, {"correct": 30.0})
    assert again.read_bytes() == path.read_bytes()


@pytest.mark.parametrize(
    "other",
    [
        {"flip_rate": 90.0},
        {"correction_rate": 90.0},
        {"corruption_rate": 90.0},
        {"mean_token_similarity": 0.1},
        {"mean_char_similarity": 0.1},
        {"valid_syntax_rate": 10.0},
        {"signature_intact_rate": 10.0},
        {"failure_modes": {"exception:NameError": 3, "timeout": 2}},
        {"failure_modes": {"exception:NameError": 3, "parse_error": 1}},
    ],
)
def test_every_metric_is_in_the_picture(picture, tmp_path, other):
    changed = {"correct": grid(), "incorrect": [*grid()[:2], summary(30, 40.0) | other]}
    pixels = draw(tmp_path / "changed.png", changed, {"correct": 30.0})
    before = picture[0]
    assert (pixels[:, :700] == before[:, :700]).all()
    assert (pixels[:, 700:] != before[:, 700:]).any()


def test_programs_that_were_stopped_share_a_bar(tmp_path):
    def grey(modes):
        pixels = draw(tmp_path / "x.png", {"correct": [summary(30, 0.0, failure_modes=modes)]}, {})
        return (abs(pixels[..., :3] - 0.6) < 0.01).all(axis=-1).sum()

    stopped = grey({"timeout": 1, "memory": 2, "exited": 3})
    assert stopped == grey({"timeout": 6}) > grey({"empty": 6}) + 10_000


def test_the_selected_coefficient_is_marked(picture, tmp_path):
    summaries = {"correct": grid(), "incorrect": grid()}
    pixels = draw(tmp_path / "marked.png", summaries, {"correct": 30.0, "incorrect": 3.0})
    assert (pixels[:, 700:] != picture[0][:, 700:]).any()


def test_one_direction_one_coefficient_and_nothing_selected(tmp_path):
    lonely = [summary(30, 0.0, correction_rate=None, failure_modes={"empty": 10})]
    assert draw(tmp_path / "one.png", {"correct": lonely}, {"correct": None}).shape[1] == 1400


def test_no_window_system_and_no_global_state_is_touched():
    code = (
        "import sys, phase4_5.plots as p\n"
        "assert 'matplotlib' not in sys.modules\n"
        "import matplotlib\n"
        "def settings():\n"
        "    # Asking for the backend chooses one.\n"
        "    names = set(matplotlib.rcParams) - {'backend'}\n"
        "    return {name: matplotlib.rcParams[name] for name in names}\n"
        "before = settings()\n"
        "import tempfile, pathlib\n"
        "s = {'coefficient': 1.0, 'n_problems': 1, 'flip_rate': 0.0, 'correction_rate': None,\n"
        "     'corruption_rate': 0.0, 'mean_token_similarity': 1.0, 'mean_char_similarity': 1.0,\n"
        "     'valid_syntax_rate': 100.0, 'signature_intact_rate': 100.0, 'failure_modes': {}}\n"
        "with tempfile.TemporaryDirectory() as folder:\n"
        "    p.plot_coefficient_analysis({'correct': [s]}, pathlib.Path(folder, 'x.png'), {})\n"
        "assert settings() == before\n"
        "assert 'matplotlib.pyplot' not in sys.modules\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr[-2000:]
