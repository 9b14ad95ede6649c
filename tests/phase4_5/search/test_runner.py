"""Each record is on disk before the next one starts: a run that is stopped loses none."""

import json
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


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda record: record | {"task_id": -7}, "is that of ['correct', 1.0, -7]"),
        *(
            pytest.param(change, told, marks=pytest.mark.long)
            for change, told in (
                (lambda record: record | {"coefficient": 3.0}, "is that of ['correct', 3.0, "),
                (lambda record: {**record, "flipped": "perhaps"}, "flipped"),
                (lambda record: {"task_id": record["task_id"]}, "no prompt in it"),
            )
        ),
    ],
    ids=["another's task", "another's coefficient", "no truth value", "almost empty"],
)
def test_a_record_that_is_not_its_key_s_is_refused(finished, capsys, change, told):
    journal = finished / "phase4_5" / "journal.jsonl"
    lines = journal.read_text().splitlines()
    place = next(n for n, line in enumerate(lines) if line.startswith('{"key": ["correct", 1.0, '))
    entry = json.loads(lines[place])
    lines[place] = json.dumps({**entry, "record": change(entry["record"])})
    journal.write_text("\n".join(lines) + "\n")
    assert run.main(["phase", "4.5", "--data-dir", str(finished)]) == 2
    (line,) = [line for line in capsys.readouterr().err.splitlines() if "ERROR" in line]
    assert told in line and "--fresh" in line and str(journal) in line
