"""What is asserted of each hostile program, in the sandbox and where nothing holds it."""

import fcntl
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hostile_programs import HONEST, TESTS, WRONG, Hostile
from sentinels import Sentinels

from common_simplified.sandbox import isolation, run_program

PORTABLE_GROUPS = ("time", "forgeries", "parser")
GRACE_SECONDS = 4.0
APPEAR_SECONDS = 5.0

# What a naive harness does: it runs the program and its tests in its own process, and believes.
NAIVE = """
import json, os, sys
with open(sys.argv[1]) as file: code, tests = json.load(file)
def report(*words):
    sys.modules["os"].write(1, sys.modules["json"].dumps(words).encode())
def grade():
    namespace, passed = {"__name__": "__main__"}, 0
    exec(compile(code, "<program>", "exec"), namespace)
    for test in tests:
        exec(compile(test, "<test>", "exec"), namespace)
        passed += 1
    return passed
try:
    grade()
except Exception:
    import traceback
    traceback.print_exc()
    report("failed")
else:
    report("passed")
"""


def assert_it_gets_nowhere(program: Hostile, sentinels: Sentinels | None) -> None:
    """Run it in the sandbox: it doesn't pass, is stopped in time, and leaves no trace."""
    if program.needs_bubblewrap and not isolation().bubblewrap:
        pytest.skip("without bubblewrap only each file is bounded, and the time")
    if sentinels is None:
        if program.group not in PORTABLE_GROUPS:
            pytest.skip("nothing but Linux can hold it")
        code, traces = program.code, []
    else:
        code = sentinels.source(program)
    with _beside_others():
        if sentinels is not None:
            sentinels.begin()
        begin = time.monotonic()
        result = run_program(code, program.tests, limits=program.limits)
        seconds = time.monotonic() - begin
        # The run goes on, and what a program has broken in the sandbox has been replaced.
        next_ones = run_program(HONEST, TESTS).outcome, run_program(WRONG, TESTS).outcome
        if sentinels is not None:
            traces = sentinels.traces(result.error)
            if traces:
                sentinels.restore()
    assert not result.passed
    assert not traces
    assert seconds < program.limits.timeout_seconds + GRACE_SECONDS
    assert not program.expects or result.outcome in program.expects, result.error
    error = result.error or ""
    assert len(error) <= 200 and error.isprintable()
    assert next_ones == ("passed", "wrong_answer")


def assert_it_succeeds_unheld(program: Hostile, sentinels: Sentinels, tmp_path: Path) -> None:
    """Run it as a naive harness would: it passes, or leaves a trace."""
    with _beside_others(reaches_them=program.group == "signals"):
        sentinels.begin()
        passed, said = run_unheld(sentinels.source(program), program.tests, tmp_path)
        traces = sentinels.traces(said, settle_seconds=0.1)
        # A process between its fork and its end can be missed by a look at all processes.
        deadline = time.monotonic() + APPEAR_SECONDS
        while program.group != "forgeries" and not traces and time.monotonic() < deadline:
            traces = sentinels.traces(said, settle_seconds=0.1)
        if traces:
            sentinels.restore()
    assert passed if program.group == "forgeries" else traces


@contextmanager
def _beside_others(*, reaches_them: bool = False) -> Iterator[None]:
    """Other workers of pytest-xdist are in the same process group, where an unheld signal goes."""
    with open(Path(tempfile.gettempdir(), f"hostile-tests-of-{os.getuid()}.lock"), "w") as file:
        fcntl.flock(file, fcntl.LOCK_EX if reaches_them else fcntl.LOCK_SH)
        yield


def run_unheld(code: str, tests: tuple[str, ...], folder: Path) -> tuple[bool, str]:
    """Run a program as a naive harness would; whether it passes, and what it said."""
    job, output = folder / "job", folder / "output"
    job.write_text(json.dumps([code, tests]))
    (folder / "own").mkdir()
    with output.open("wb") as file:
        # No pipe: what the program leaves behind would keep it open.
        status = subprocess.run(
            [sys.executable, "-I", "-c", NAIVE, str(job)],
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=file,
            cwd=folder / "own",
            close_fds=False,
            timeout=8,
        ).returncode
    said = output.read_text(errors="replace")
    return status == 0 and '"failed"' not in said, said
