"""What is said of Ray before it is started; none of this needs it installed."""

import os
import subprocess
import sys

import pytest

from common.config import REPOSITORY_ROOT, load_config
from common.errors import InputError
from common_simplified.lanes import LaneCounts

WITHOUT_RAY = """
import sys
sys.modules["ray"] = None  # As where it isn't installed.
import run
sys.exit(run.main(sys.argv[1:]))
"""


def call(*arguments, **variables):
    return subprocess.run(
        [sys.executable, "-c", WITHOUT_RAY, *arguments],
        capture_output=True,
        text=True,
        env=os.environ | variables,
        cwd=REPOSITORY_ROOT,
    )


def test_without_ray_it_is_said_how_to_install_it_before_anything_else_is_done(tmp_path):
    answer = call("phase", "4.5", "--executor", "ray", "--data-dir", str(tmp_path))
    assert answer.returncode == 2
    assert answer.stderr.count("\n") == 1
    assert "python3 -m pip install -r requirements-ray.txt" in answer.stderr
    assert not list(tmp_path.iterdir())


def test_a_phase_that_is_not_spread_says_so(tmp_path):
    answer = call("phase", "2.5", "3.6", "--data-dir", str(tmp_path), PVA_SAE_EXECUTOR="ray")
    assert answer.returncode == 2
    assert "only Phase 4.5 is for several machines" in answer.stderr
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
