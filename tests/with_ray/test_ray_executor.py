"""The grid on a real Ray cluster of this machine: same files, also where workers are lost."""

import json
import logging
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time

import psutil
import pytest
from timeless import files_of

import run
from common.config import REPOSITORY_ROOT

pytest.importorskip("ray.cluster_utils")
from ray.cluster_utils import Cluster  # noqa: E402

GRID = "1,30,300"
N_CELLS = 10 * 2 * 3
# With one random control, and without steering and the norms of ten problems.
N_RECORDS = 2 * N_CELLS + 10 + 10
SETTINGS = {
    "PVA_SAE_MAX_NEW_TOKENS": "40",
    # The baseline is the problems' own solutions.
    "PVA_SAE_BASELINE": "reproduced",
    "PVA_SAE_PHASE4_5_RANDOM_CONTROLS": "1",
    "PVA_SAE_PHASE4_5_OPPOSITE_CONTROL": "false",
}
NODE = {"num_cpus": 1, "include_dashboard": False, "object_store_memory": 2**27}


@pytest.fixture(autouse=True)
def short_programs(monkeypatch):
    for name, value in SETTINGS.items():
        monkeypatch.setenv(name, value)


@pytest.fixture(scope="session")
def head():
    """A cluster of one node; its environment holds settings that are not the run's."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PVA_SAE_MAX_NEW_TOKENS", "3")
        patch.setenv("PVA_SAE_NO_SUCH_SETTING", "1")
        cluster = Cluster(initialize_head=True, head_node_args=NODE)
    yield cluster
    cluster.shutdown()


@pytest.fixture(scope="session")
def local(prepared, tmp_path_factory):
    """A folder after a run in one process."""
    data = shutil.copytree(prepared, tmp_path_factory.mktemp("local") / "data")
    with pytest.MonkeyPatch.context() as patch:
        for name, value in SETTINGS.items():
            patch.setenv(name, value)
        assert run.main(command(data)) == 0
    return data


@pytest.fixture
def said():
    """What the executor logs, and functions that are called with each line."""
    lines = Lines()
    logger = logging.getLogger("phase4_5.search.executors.ray.executor")
    logger.addHandler(lines)
    yield lines
    logger.removeHandler(lines)
    for timer in lines.timers:
        timer.join()


class Lines(logging.Handler):
    def __init__(self):
        super().__init__()
        self.text = ""
        self.timers = []
        self.react = lambda _line: None

    def emit(self, record):
        line = record.getMessage()
        self.text += line + "\n"
        self.react(line)

    def soon(self, action, *arguments):
        """Act when the run goes on: in the middle of a problem."""
        self.timers.append(threading.Timer(0.3, action, arguments))
        self.timers[-1].start()


def command(data, *more):
    return ["phase", "4.5", "--data-dir", str(data), "--coefficients", GRID, *more]


def on(cluster, data):
    return command(data, "--executor", "ray", "--address", cluster.address)


def process_of(line):
    found = re.search(r"process (\d+)", line)
    assert found is not None, line
    return int(found[1])


def journal_of(data):
    return (data / "phase4_5/journal.jsonl").read_text().splitlines()


def results_of(data):
    """Every file of results, without what tells when, where and how fast it was made."""
    files = files_of(data / "phase4_5")
    del files["journal.jsonl"]
    files["summary"] = files.pop("phase_4_5_summary.json")
    return files


def assert_same_results(data, local):
    ours, theirs = results_of(data), results_of(local)
    assert ours.keys() == theirs.keys()
    assert [name for name in ours if ours[name] != theirs[name]] == []
    # Each cell once, and nothing of how it was computed in what the journal is bound to.
    journal = journal_of(data)
    keys = {json.dumps(json.loads(line)["key"]) for line in journal[1:]}
    assert len(keys) == len(journal) - 1 == N_RECORDS
    assert journal[0] == journal_of(local)[0]


def test_a_node_dies_in_the_middle_of_the_grid(head, local, data, said):
    node = head.add_node(**NODE)
    workers = []

    def react(line):
        if line.endswith("is ready"):
            workers.append(line)
            if len(workers) == 2:
                said.soon(head.remove_node, node, False)

    said.react = react
    assert run.main(on(head, data)) == 0
    assert_same_results(data, local)
    assert len({process_of(line) for line in workers}) == 2
    assert re.search(r"worker process \d+ on .* was lost .*; task_id \d+ is done anew", said.text)


def test_a_worker_dies_in_the_middle_and_another_takes_its_place(head, local, data, said):
    workers = []

    def react(line):
        if line.endswith("is ready"):
            workers.append(process_of(line))
            if len(workers) == 1:
                said.soon(os.kill, workers[0], signal.SIGKILL)

    said.react = react
    assert run.main(on(head, data)) == 0
    assert_same_results(data, local)
    assert len(set(workers)) == 2
    assert said.text.count("is done anew") == 1


def test_a_problem_that_costs_three_workers_ends_the_run_and_is_named(
    head, data, said, monkeypatch, capsys
):
    monkeypatch.setenv("PVA_SAE_MAX_NEW_TOKENS", "400")
    said.react = lambda line: (
        said.soon(os.kill, process_of(line), signal.SIGKILL) if line.endswith("is ready") else None
    )
    assert run.main([*on(head, data), "--problems", "1"]) == 1
    error = capsys.readouterr().err.splitlines()[-1]
    assert re.search(r"ERROR .* task_id \d+: 3 workers were lost over this problem", error)
    assert said.text.count("is done anew") == 2


def test_a_run_goes_on_with_ray_and_back(head, local, data, monkeypatch):
    """Also where a path in the settings is relative, and the address is the environment's."""
    here = data / "here"
    here.mkdir()
    (here / "small").symlink_to(REPOSITORY_ROOT / "embedded/model")
    monkeypatch.chdir(here)
    monkeypatch.setenv("PVA_SAE_MODEL_NAME", "small")
    monkeypatch.setenv("PVA_SAE_PHASE4_5_RANDOM_CONTROLS", "0")
    assert run.main([*command(data), "--coefficients", "1"]) == 0
    begun = journal_of(data)
    monkeypatch.setenv("PVA_SAE_EXECUTOR", "ray")
    monkeypatch.setenv("PVA_SAE_RAY_ADDRESS", "auto")
    monkeypatch.setenv("RAY_ADDRESS", head.address)
    assert run.main([*command(data), "--coefficients", "1,30"]) == 0
    gone_on = journal_of(data)
    assert gone_on[: len(begun)] == begun
    assert len(gone_on) == 1 + N_CELLS * 2 // 3 + 10 + 10
    lanes = json.loads((data / "phase4_5/phase_4_5_summary.json").read_text())["lanes"]
    assert lanes["lanes"] == N_CELLS // 3, "the workers' counts are summed, of this run"
    monkeypatch.delenv("PVA_SAE_EXECUTOR")
    monkeypatch.delenv("PVA_SAE_RAY_ADDRESS")
    monkeypatch.setenv("PVA_SAE_PHASE4_5_RANDOM_CONTROLS", "1")
    assert run.main(command(data)) == 0
    assert journal_of(data)[: len(gone_on)] == gone_on
    ours, theirs = results_of(data), results_of(local)
    # These tell the model by the name that it was given.
    telling = {"summary", "selected_coefficients.json", "report.html", "phase_4_5_report.md"}
    for name in theirs.keys() - telling:
        assert ours[name] == theirs[name]
    assert ours["summary"]["results"] == theirs["summary"]["results"]


def test_a_workers_error_arrives_as_its_one_line(head, data, monkeypatch, capsys):
    monkeypatch.setenv("PVA_SAE_MAX_NEW_TOKENS", "2000")
    assert run.main(on(head, data)) == 2
    errors = [line for line in capsys.readouterr().err.splitlines() if " ERROR " in line]
    assert len(errors) == 1
    assert "ERROR   run: a prompt of" in errors[0]
    assert "don't fit into the model's context" in errors[0]


def test_a_layer_the_model_lacks_is_refused_although_its_weights_are_elsewhere(head, data, capsys):
    path = data / "phase2_5/top_20_features.json"
    path.write_text(path.read_text().replace('"layer": 2', '"layer": 9'))
    assert run.main(on(head, data)) == 2
    assert "layer 9: the model has layers 0 to 3" in capsys.readouterr().err
    assert not (data / "phase4_5").exists()


def test_an_address_without_a_cluster_is_told_and_nothing_is_lost(local, data, capsys):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    journal = data / "phase4_5/journal.jsonl"
    journal.parent.mkdir()
    journal.write_bytes((local / "phase4_5/journal.jsonl").read_bytes())
    before = journal.read_bytes()
    arguments = command(data, "--executor", "ray", "--fresh", "--address")
    for wrong in (address, f"ray://{address}", "nonsense"):
        assert run.main([*arguments, wrong]) == 2
        assert f"--address {wrong}: no Ray cluster answers" in capsys.readouterr().err
    assert journal.read_bytes() == before


def test_ctrl_c_ends_every_process_and_the_same_command_goes_on(local, data):
    arguments = command(data, "--executor", "ray")
    process = subprocess.Popen(
        [sys.executable, str(REPOSITORY_ROOT / "run.py"), *arguments],
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        # A shell that runs these tests in the background lets its children ignore Ctrl-C.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    journal = data / "phase4_5/journal.jsonl"
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline and not (
        journal.is_file() and journal.read_bytes().count(b"\n") > 6
    ):
        time.sleep(0.05)
    started = psutil.Process(process.pid).children(recursive=True)
    assert {"raylet", "gcs_server"} <= {child.name() for child in started}
    os.killpg(process.pid, signal.SIGINT)
    _, stderr = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "stopped; what is finished is kept" in stderr
    assert "Traceback" not in stderr
    assert psutil.wait_procs(started, timeout=20)[1] == []
    done = journal_of(data)
    assert 1 + 6 <= len(done) < 1 + N_RECORDS
    assert run.main(arguments) == 0
    assert journal_of(data)[: len(done)] == done
    assert_same_results(data, local)
