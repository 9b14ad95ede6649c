"""Each record is on disk before the next one starts: a run that is stopped loses none."""

import signal
import time

import pytest
from forked_door import ForkedDoor
from pipeline_runs import results_of

import run

pytestmark = pytest.mark.usefixtures("only_the_grid")


@pytest.mark.parametrize(
    "how", [pytest.param(signal.SIGKILL, marks=pytest.mark.long), signal.SIGINT]
)
def test_a_run_that_is_stopped_goes_on_from_what_was_done(whole, earlier, how):
    journal = earlier / "phase4_5" / "journal.jsonl"
    arguments = [
        "phase",
        "4.5",
        "--data-dir",
        str(earlier),
        "--coefficients",
        "1,100,300",
    ]
    deadline = time.monotonic() + 120
    with ForkedDoor(*arguments) as door:
        while time.monotonic() < deadline and not (
            journal.is_file() and journal.read_bytes().count(b"\n") >= 16
        ):
            time.sleep(0.05)
        door.kill(how)
        stopped = door.end()
    if how == signal.SIGINT:
        assert stopped.returncode == 130
        assert "stopped; what is finished is kept" in stopped.stderr
        assert "Traceback" not in stopped.stderr
    done = journal.read_bytes().split(b"\n")[:-1]
    assert 16 <= len(done) < 71
    assert not (earlier / "phase4_5" / "phase_4_5_summary.json").exists()
    assert run.main(arguments) == 0
    after = journal.read_bytes().split(b"\n")[:-1]
    assert after[: len(done)] == done
    assert len(after) == 71 + 10, "and the norms of ten problems"
    for coefficient in (1, 100, 300):
        assert results_of(earlier, "correct", coefficient) == results_of(
            whole, "correct", coefficient
        )
