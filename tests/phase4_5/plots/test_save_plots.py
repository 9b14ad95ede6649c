import os
import pickle
import subprocess
import sys
from pathlib import Path

import matplotlib.image
import pytest
from plot_runs import NAMES, plot_run

from common.errors import InputError
from phase4_5.plots import save_plots
from phase4_5.plots.axes import SideBySide
from phase4_5.plots.pictures import all_pictures, picture
from phase4_5.results.run_files import Run

ROOT = Path(__file__).parents[3]
FILES = [
    "coefficient_analysis_plots.pdf",
    "coefficient_analysis_plots.png",
    *(f"plots/{name}.{kind}" for name in NAMES for kind in ("pdf", "svg")),
]


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A run whose pictures are written."""
    run = plot_run(tmp_path_factory.mktemp("plots") / "new")
    assert sorted(save_plots(run)) == sorted(run.folder / name for name in FILES)
    return run


def contents(folder):
    return {
        str(file.relative_to(folder)): file.read_bytes()
        for file in folder.rglob("*")
        if file.is_file()
    }


def test_all_pictures_on_a_page_and_each_by_itself(run):
    assert sorted(contents(run.folder)) == sorted(FILES)


def test_the_page_is_wide_enough_to_read(run):
    pixels = matplotlib.image.imread(run.folder / "coefficient_analysis_plots.png")
    assert pixels.shape[1] == 1400


@pytest.mark.parametrize("name", NAMES)
def test_each_picture_fits_a_column_and_can_be_printed(run, name):
    content = (run.folder / "plots" / f"{name}.pdf").read_bytes()
    assert b"/MediaBox [ 0 0 243 " in content
    # TrueType inside, no outlines of type 3, which publishers refuse.
    assert b"/FontFile2" in content
    assert b"/Type3" not in content
    assert b'width="243pt"' in (run.folder / "plots" / f"{name}.svg").read_bytes()


@pytest.mark.long
def test_the_same_run_gives_the_same_bytes_and_nothing_global_is_touched(run, tmp_path):
    """In another process, with other settings at home, and the coefficients in another order."""
    before = contents(run.folder)
    reversed_rows = {name: rows[::-1] for name, rows in run.summary.results.items()}
    other = run.summary.model_copy(update={"results": reversed_rows})
    given = tmp_path / "run.pickle"
    given.write_bytes(pickle.dumps(Run(tmp_path / "again", other, run.examples)))
    settings = tmp_path / "matplotlibrc"
    settings.write_text("lines.linewidth: 9\nfont.size: 30\nsavefig.bbox: tight\n")
    code = (
        "import pickle, sys\n"
        "from pathlib import Path\n"
        "from phase4_5.plots import save_plots\n"
        "assert 'matplotlib' not in sys.modules\n"
        "import matplotlib\n"
        "def settings():\n"
        "    # Asking for the backend chooses one.\n"
        "    names = set(matplotlib.rcParams) - {'backend'}\n"
        "    return {name: matplotlib.rcParams[name] for name in names}\n"
        "before = settings()\n"
        "save_plots(pickle.loads(Path(sys.argv[1]).read_bytes()))\n"
        "assert before['lines.linewidth'] == 9\n"
        "assert settings() == before\n"
        "assert 'matplotlib.pyplot' not in sys.modules\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(given)],
        cwd=ROOT,
        env={**os.environ, "MATPLOTLIBRC": str(settings), "PYTHONHASHSEED": "7"},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert contents(tmp_path / "again") == before


def test_a_folder_that_can_not_be_written_is_an_error_in_one_line(tmp_path, monkeypatch):
    # Its first file can't be written either way.
    monkeypatch.setattr("phase4_5.plots.pictures._PICTURES", all_pictures()[:1])
    file = tmp_path / "file"
    file.write_text("")
    with pytest.raises(InputError, match="can't be written"):
        save_plots(plot_run(file, coefficients=(3,), n_problems=2))


def test_a_new_picture_is_one_function(monkeypatch):
    monkeypatch.setattr("phase4_5.plots.pictures._PICTURES", all_pictures())

    @picture(3, SideBySide)
    def draw_something_new(panel, direction, axis):
        """Nothing yet."""

    names = [each.name for each in all_pictures()]
    assert names == [*NAMES[:4], "something_new", *NAMES[4:]]
