"""Each record is on disk before the next one starts: a run that is stopped loses none."""

import signal
import subprocess
import time

import pytest
from pipeline_runs import command, results_of

import run

pytestmark = pytest.mark.usefixtures("only_the_grid")


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
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
    process = subprocess.Popen(
        command(*arguments),
        stderr=subprocess.PIPE,
        text=True,
        # A shell that runs these tests in the background lets its children ignore Ctrl-C.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline and not (
        journal.is_file() and journal.read_bytes().count(b"\n") >= 6
    ):
        time.sleep(0.05)
    process.send_signal(how)
    _, stderr = process.communicate(timeout=60)
    if how == signal.SIGINT:
        assert process.returncode == 130
        assert "stopped; what is finished is kept" in stderr
        assert "Traceback" not in stderr
    done = journal.read_bytes().split(b"\n")[:-1]
    assert 6 <= len(done) < 61
    assert not (earlier / "phase4_5" / "phase_4_5_summary.json").exists()
    assert run.main(arguments) == 0
    after = journal.read_bytes().split(b"\n")[:-1]
    assert after[: len(done)] == done
    assert len(after) == 61 + 10, "and the norms of ten problems"
    for coefficient in (1, 100, 300):
        assert results_of(earlier, "correct", coefficient) == results_of(
            whole, "correct", coefficient
        )
