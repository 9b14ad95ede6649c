"""What is said of Ray before it is started; none of this needs it installed."""

import sys

import pytest

import run
from common.config import load_config
from common.errors import InputError
from common_simplified.lanes import LaneCounts


def test_without_ray_it_is_said_how_to_install_it_before_anything_else_is_done(
    tmp_path, monkeypatch, capsys
):
    monkeypatch.setitem(sys.modules, "ray", None)  # As where it isn't installed.
    assert run.main(["phase", "4.5", "--executor", "ray", "--data-dir", str(tmp_path)]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert "python3 -m pip install -r requirements-ray.txt" in error
    assert not list(tmp_path.iterdir())


def test_a_phase_that_is_not_spread_says_so(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("PVA_SAE_EXECUTOR", "ray")
    assert run.main(["phase", "2.5", "3.6", "--data-dir", str(tmp_path)]) == 2
    assert "only Phase 4.5 is for several machines" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"ray_address": "auto"}, "add --executor ray"),
        ({"ray_address": "auto", "executor": "local"}, "add --executor ray"),
        ({"executor": "ray", "device_map": "auto"}, "one GPU each; use --executor local"),
        ({"executor": "slurm"}, "'local' or 'ray'"),
    ],
)
def test_settings_that_do_not_go_together_are_told_in_one_line(settings, message):
    with pytest.raises(InputError, match=message) as caught:
        load_config(**settings)
    assert "\n" not in str(caught.value)


def test_the_counts_of_workers_are_summed_and_the_widest_tolerance_kept():
    one = LaneCounts(tolerance=1e-5, lanes=6, tokens=100, near_ties=1)
    other = LaneCounts(tolerance=3e-5, lanes=4, tokens=50, passes=9)
    both = LaneCounts(tolerance=3e-5, lanes=10, tokens=150, near_ties=1, passes=9)
    assert LaneCounts.total(one, other) == both
    assert LaneCounts.total(None, one) == one
    assert LaneCounts.total(one, None) == one
    assert LaneCounts.total(None, None) is None
