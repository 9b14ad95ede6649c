"""Lanes in several processes: the same texts, and nothing is left behind when one is killed."""

import errno
import fcntl
import multiprocessing
import os
import signal
import sys
import time
from pathlib import Path

import pytest

from common.config import load_config
from common.errors import RunError
from common.problems import load_split
from common_simplified.code_generator import CodeGenerator
from common_simplified.generation import Generation, Job
from common_simplified.lanes import LaneDecoder
from common_simplified.lanes.processes import ForkedDecoding, processes_for
from common_simplified.processors import computing_processors
from common_simplified.solving import make_tasks

N_JOBS = 32
CHILDREN = Path(f"/proc/self/task/{os.getpid()}/children")

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="processes are forked on Linux")


@pytest.fixture(scope="module")
def jobs():
    config = load_config()
    return [Job(task.prompt) for task in make_tasks(load_split(config, "sae")[:N_JOBS], config)]


@pytest.fixture
def two_cores(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "2")
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 1})


def decoder(embedded):
    model, tokenizer = embedded
    return LaneDecoder(model, tokenizer, max_new_tokens=16, n_lanes=32)


def children():
    return set(CHILDREN.read_text().split())


@pytest.mark.usefixtures("two_cores")
def test_two_processes_write_what_one_does(jobs, monkeypatch):
    config = load_config(max_new_tokens=16)
    before, seen = children(), set()
    generator, together = CodeGenerator(config), {}
    for number, generation in generator.generate(jobs):
        together[number] = generation
        seen |= children() - before
    assert len(seen) == 2
    assert children() == before
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    alone = CodeGenerator(config)
    assert together == dict(alone.generate(jobs))
    for name in ("lanes", "tokens", "prompt_tokens", "tolerance"):
        assert getattr(generator.counts, name) == getattr(alone.counts, name)


def test_an_abandoned_run_leaves_no_process(embedded, jobs):
    before = children()
    decoding = ForkedDecoding(decoder(embedded), 2).decode(jobs)
    assert isinstance(next(decoding)[1], Generation)
    assert len(children() - before) == 2
    del decoding
    assert children() == before


def test_a_killed_process_ends_the_run_with_one_line(embedded, jobs):
    before = children()
    decoding = ForkedDecoding(decoder(embedded), 2).decode(jobs)
    next(decoding)
    os.kill(int(min(children() - before)), signal.SIGKILL)
    with pytest.raises(RunError, match="was killed, perhaps for want of memory; run again"):
        list(decoding)
    assert children() == before


@pytest.mark.parametrize("first_that_fails", [1, 2])
def test_where_no_process_can_be_started_it_says_so(embedded, jobs, monkeypatch, first_that_fails):
    before, fork, n_forks = children(), os.fork, 0

    def scarce():
        nonlocal n_forks
        n_forks += 1
        if n_forks >= first_that_fails:
            raise BlockingIOError(errno.EAGAIN, os.strerror(errno.EAGAIN))
        return fork()

    monkeypatch.setattr(os, "fork", scarce)
    with pytest.raises(RunError, match=r"can't be started \(Resource temp.*set OMP_NUM_THREADS=1"):
        next(ForkedDecoding(decoder(embedded), 2).decode(jobs))
    assert children() == before


def test_an_interrupt_while_a_process_starts_leaves_none(embedded, jobs, monkeypatch):
    before, fork = children(), os.fork

    def interrupted():
        found = fork()
        if found:
            os.kill(os.getpid(), signal.SIGINT)
        return found

    monkeypatch.setattr(os, "fork", interrupted)
    with pytest.raises(KeyboardInterrupt):
        next(ForkedDecoding(decoder(embedded), 2).decode(jobs))
    assert children() == before


def test_what_fails_in_a_process_is_told_here(embedded, jobs, monkeypatch):
    def fails(*_arguments):
        raise ValueError("a fault")

    failing = decoder(embedded)
    monkeypatch.setattr(failing, "_step", fails)
    with pytest.raises(RunError, match="decoding failed: ValueError: a fault"):
        list(ForkedDecoding(failing, 2).decode(jobs))
    monkeypatch.setattr(failing, "_step", lambda: (_ for _ in ()).throw(RunError("no memory")))
    with pytest.raises(RunError, match="^no memory$"):
        list(ForkedDecoding(failing, 2).decode(jobs))


def decode_and_stop(embedded, jobs, lock, tell):
    """With a file locked, as a journal is: decode a text, tell who decodes, and wait."""
    with lock.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        decoding = ForkedDecoding(decoder(embedded), 2).decode(jobs)
        next(decoding)
        tell.send(Path(f"/proc/self/task/{os.getpid()}/children").read_text().split())
        signal.pause()


def test_of_a_run_that_is_killed_nothing_goes_on(embedded, jobs, tmp_path):
    lock = tmp_path / "lock"
    context = multiprocessing.get_context("fork")
    told, tell = context.Pipe(duplex=False)
    running = context.Process(target=decode_and_stop, args=(embedded, jobs * 8, lock, tell))
    running.start()
    forked = told.recv()
    assert len(forked) == 2
    running.kill()
    running.join()
    with lock.open("w") as file:
        # At once: what runs on doesn't hold what its parent had open.
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    deadline = time.monotonic() + 5
    while any(is_running(pid) for pid in forked):
        assert time.monotonic() < deadline
        time.sleep(0.05)


def is_running(pid):
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


def test_there_are_processes_only_where_they_are_worth_their_start(jobs):
    assert processes_for(2, 128, jobs) == 2
    assert processes_for(8, 128, jobs * 2) == 4, "16 jobs each"
    assert processes_for(1, 128, jobs) == 1
    assert processes_for(2, 28, jobs) == 1, "16 lanes each"
    assert processes_for(2, 128, jobs[:31]) == 1
    assert processes_for(2, 128, [jobs[0]] * 100) == 1, "a prompt is read once"


def test_a_worker_of_a_pool_starts_no_processes_of_its_own(jobs):
    with multiprocessing.get_context("fork").Pool(1) as pool:
        assert pool.apply(processes_for, (2, 128, jobs)) == 1


def test_as_many_processors_as_the_threads_that_are_allowed(monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(8)))
    for asked, found in (("3", 3), ("64", 8), ("0", 1), ("4,2", 8), ("", 8)):
        monkeypatch.setenv("OMP_NUM_THREADS", asked)
        assert computing_processors() == found
    monkeypatch.delenv("OMP_NUM_THREADS")
    assert computing_processors() == 8
