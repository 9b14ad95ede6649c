"""Twenty times killed (SIGKILL) at random moments: the same files as an undisturbed run's."""

import json
import random
import signal
import time

import pytest
from forked_door import ForkedDoor
from pipeline_runs import copy_what_4_5_needs
from timeless import files_of

import run

N_KILLS = 20
# All stages, each of some work: 15 programs without steering, 60 of the grid, 60 of a control, the
# norms of 10 problems, 10 programs of the final evaluation and 10 of its random directions.
SETTINGS = {
    "PVA_SAE_PHASE4_5_COEFFICIENTS": "3,10,100",
    "PVA_SAE_PHASE4_5_RANDOM_CONTROLS": "1",
    "PVA_SAE_PHASE4_5_OPPOSITE_CONTROL": "false",
    "PVA_SAE_PHASE4_5_FINAL_EVAL_PROBLEMS": "5",
    "PVA_SAE_PHASE4_5_FINAL_CONTROLS": "2",
    "PVA_SAE_PHASE4_5_FINAL_CONTROLS_PER_PROBLEM": "2",
}
N_RECORDS = 15 + 60 + 60 + 10 + 20 + 10


def n_lines(journal):
    return journal.read_bytes().count(b"\n") if journal.is_file() else 0


def wait_for(journal, n, seconds):
    deadline = time.monotonic() + seconds
    while n_lines(journal) < n and time.monotonic() < deadline:
        time.sleep(0.002)


@pytest.mark.usefixtures("without_pictures")
def test_twenty_kills_lose_nothing_and_count_nothing_twice(whole, tmp_path, monkeypatch):
    undisturbed, killed = tmp_path / "undisturbed", tmp_path / "killed"
    for data in (undisturbed, killed):
        copy_what_4_5_needs(whole, data)
    for name, value in SETTINGS.items():
        monkeypatch.setenv(name, value)
    assert run.main(["phase", "4.5", "--data-dir", str(undisturbed)]) == 0
    journal = killed / "phase4_5" / "journal.jsonl"
    arguments = ["phase", "4.5", "--data-dir", str(killed)]
    rng = random.Random(0)
    lengths = []
    # Few lanes: texts end one after the other, so that there are many moments.
    monkeypatch.setenv("PVA_SAE_GENERATION_LANES", "2")
    for kill in range(N_KILLS):
        before = journal.read_bytes() if journal.is_file() else b""
        with ForkedDoor(*arguments) as door:
            # Small steps, so that there is work left for the last kill; every fourth is rather one
            # of the start, or of the reading of the journal.
            most = max(1, (N_RECORDS - n_lines(journal)) // (2 * (N_KILLS - kill)))
            patience = rng.uniform(0, 1.5) if kill % 4 == 3 else 60
            wait_for(journal, n_lines(journal) + rng.randint(1, most), patience)
            time.sleep(rng.uniform(0, 0.05))
            door.kill()
            assert door.end().returncode == -signal.SIGKILL
        after = journal.read_bytes() if journal.is_file() else b""
        whole_lines = before[: before.rfind(b"\n") + 1]
        assert after.startswith(whole_lines), "what was finished is still there"
        lengths.append(n_lines(journal))
    assert len(set(lengths)) > N_KILLS // 2, "it was killed in the middle of its work"
    assert lengths[-1] < N_RECORDS + 1
    assert run.main(arguments) == 0
    ours, theirs = files_of(killed / "phase4_5"), files_of(undisturbed / "phase4_5")
    assert ours.keys() == theirs.keys()
    for name, content in ours.items():
        assert content == theirs[name], name
    keys = [tuple(json.loads(line)["key"]) for line in journal.read_text().splitlines()[1:]]
    assert len(keys) == len(set(keys)) == N_RECORDS
