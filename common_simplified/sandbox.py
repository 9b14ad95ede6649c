"""Where a generated program runs: a process of its own, with limits and an honest verdict.

A program passes only if every test ran to its end after it. This keeps a model's mistakes away
from the run: endless loops, exhausted memory, an early exit, a flood of output. It is no
protection against a program that sets out to harm the machine or to forge its verdict.
"""

import json
import math
import os
import secrets
import selectors
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import count, takewhile
from marshal import dumps
from pathlib import Path
from typing import Literal, NamedTuple, cast

from common.errors import InputError, RunError

Outcome = Literal[
    "passed",
    "wrong_answer",
    "exception",
    "syntax_error",
    "timeout",
    "memory",
    "exited",
    "empty",
]

REPORTED_FAILURES = ("wrong_answer", "exception", "syntax_error", "memory", "exited")
MAX_ERROR_CHARACTERS = 200
CHILD = Path(__file__).with_name("sandbox_child.py")
# -s -P and an environment made here are what -I means; but -I would ignore PYTHONHASHSEED,
# and the order of a set would differ from run to run. -S: only the standard library.
PYTHON_OPTIONS = ("-s", "-P", "-S", "-B", "-X", "utf8")
# An interpreter that was started with these may not start without them.
KEPT_VARIABLES = ("LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "PYTHONHOME")
START_SECONDS = 60.0
# How often to look whether the process has ended while its own children hold the pipe.
POLL_SECONDS = 0.05
WRITE_BYTES = 512  # POSIX's smallest PIPE_BUF: never blocks on a pipe that is ready
MAX_OPEN_FILES = 64
MAX_PROCESSES = 4096


@dataclass(frozen=True)
class SandboxLimits:
    """What one program may use.

    `timeout_seconds` is wall time from the moment the interpreter is ready; `output_bytes` bounds
    each file that the program writes (its standard output and error are discarded).
    """

    timeout_seconds: float = 5.0
    memory_bytes: int = 2**30
    output_bytes: int = 16 * 2**20


DEFAULT_LIMITS = SandboxLimits()


class ProgramJob(NamedTuple):
    """One program with the tests that judge it."""

    code: str
    test_list: Sequence[str]
    test_setup_code: str = ""


@dataclass(frozen=True)
class ExecutionResult:
    """The verdict on one program.

    `error` is one line of at most 200 characters, e.g. "TypeError: unsupported operand";
    `error_type` is the exception's class name, None where no exception was seen.
    """

    outcome: Outcome
    error: str | None = None
    error_type: str | None = None
    tests_passed: int = 0
    duration_seconds: float = 0.0

    @property
    def passed(self) -> bool:
        """Whether every test ran to its end."""
        return self.outcome == "passed"


def run_program(
    code: str,
    test_list: Sequence[str],
    test_setup_code: str = "",
    limits: SandboxLimits = DEFAULT_LIMITS,
) -> ExecutionResult:
    """Run `test_setup_code`, `code` and each test of `test_list` in one namespace, in that order.

    Stops at the first test that isn't true.

    Raises:
        InputError: there is no test, so nothing could be judged.
        RunError: the interpreter for the program can't be started.
    """
    if isinstance(test_list, str) or not any(test.strip() for test in test_list):
        raise InputError("test_list: holds no test to judge a program by; give a list of asserts")
    if not _has_code(code):
        return ExecutionResult("empty", "no code")
    nonce = secrets.token_hex(16)
    job = (nonce, str(code), test_setup_code, list(test_list), _resource_limits(limits))
    conversation = _Conversation(max_bytes=4096 + 256 * len(test_list))
    folder = tempfile.mkdtemp(prefix="program-")
    try:
        process = _start(folder)
        try:
            conversation.hold(process, dumps(job), limits.timeout_seconds)
        finally:
            _end(process)
    finally:
        _remove_folder(folder)
    return _verdict(conversation, process.returncode, nonce, len(test_list), limits)


def run_programs(
    jobs: Iterable[ProgramJob],
    limits: SandboxLimits = DEFAULT_LIMITS,
    workers: int | None = None,
) -> list[ExecutionResult]:
    """Run many programs, `workers` at once (default: one a processor); results in jobs' order."""
    with ThreadPoolExecutor(workers or _usable_processors()) as pool:
        return list(
            pool.map(
                lambda job: run_program(job.code, job.test_list, job.test_setup_code, limits), jobs
            )
        )


def _usable_processors() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _has_code(code: str) -> bool:
    return any(line.strip() and not line.lstrip().startswith("#") for line in code.split("\n"))


def _resource_limits(limits: SandboxLimits) -> dict[str, int]:
    return {
        "RLIMIT_AS": limits.memory_bytes,
        "RLIMIT_CPU": math.ceil(limits.timeout_seconds) + 1,
        "RLIMIT_FSIZE": limits.output_bytes,
        "RLIMIT_NOFILE": MAX_OPEN_FILES,
        "RLIMIT_CORE": 0,
        "RLIMIT_NPROC": MAX_PROCESSES,
    }


def _start(folder: str) -> subprocess.Popen[bytes]:
    environment = {name: os.environ[name] for name in KEPT_VARIABLES if name in os.environ}
    environment |= {"PYTHONHASHSEED": "0", "TMPDIR": folder}
    try:
        return subprocess.Popen(
            [sys.executable, *PYTHON_OPTIONS, str(CHILD)],
            bufsize=0,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            cwd=folder,
            env=environment,
            start_new_session=True,
        )
    except OSError as error:
        raise RunError(
            f"{sys.executable}: can't be started to run a program ({error.strerror}); "
            "check memory and process limits"
        ) from error


def _end(process: subprocess.Popen[bytes]) -> None:
    """Kill what is left of the process and its group, and close its pipes."""
    # All of the group may have ended; macOS says "not permitted" of a dead one.
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            pipe.close()
    process.wait()


def _remove_folder(folder: str) -> None:
    """Remove what a program left, however deep: folders inside are first moved beside it.

    (shutil.rmtree recurses, and a path can be too long to name.)
    """
    names = (f"{folder}-{number}" for number in count())
    waiting = [folder]
    while waiting:
        current = waiting.pop()
        with suppress(OSError):
            with os.scandir(current) as scan:
                entries = list(scan)
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    os.chmod(entry.path, 0o700)
                    waiting.append(next(names))
                    os.rename(entry.path, waiting[-1])
                else:
                    os.unlink(entry.path)
            os.rmdir(current)


@dataclass
class _Conversation:
    """Job out, report in, and the clock: what the parent hears before the process ends."""

    max_bytes: int
    report: bytearray = field(default_factory=bytearray)
    ready_at: float | None = None
    ended_at: float = 0.0
    timed_out: bool = False

    def hold(self, process: subprocess.Popen[bytes], job: bytes, timeout_seconds: float) -> None:
        """Send the job and listen until the process ends, goes silent for good, or is too late."""
        assert process.stdin is not None and process.stdout is not None
        unsent = memoryview(job)
        deadline = time.monotonic() + START_SECONDS
        with selectors.DefaultSelector() as selector:
            selector.register(process.stdin, selectors.EVENT_WRITE)
            selector.register(process.stdout, selectors.EVENT_READ)
            while len(self.report) <= self.max_bytes:
                patience = deadline - time.monotonic()
                if patience <= 0:
                    self.timed_out = True
                    break
                events = selector.select(min(patience, POLL_SECONDS))
                if not events and process.poll() is not None:
                    break
                listened = True
                for key, _ in events:
                    if key.fileobj is process.stdin:
                        unsent = _send(process.stdin.fileno(), unsent)
                        if not unsent:
                            selector.unregister(process.stdin)
                            process.stdin.close()
                    else:
                        listened = self._listen(process.stdout.fileno())
                if not listened:
                    self._await_end(process, deadline)
                    break
                if self.ready_at is None and b"\n" in self.report:
                    self.ready_at = time.monotonic()
                    deadline = self.ready_at + timeout_seconds
        self.ended_at = time.monotonic()

    def _listen(self, pipe: int) -> bool:
        data = os.read(pipe, 4096)
        self.report += data
        return bool(data)

    def _await_end(self, process: subprocess.Popen[bytes], deadline: float) -> None:
        """Wait for a process that has closed its report, to learn how it ended."""
        try:
            process.wait(max(0.0, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            self.timed_out = True


def _send(pipe: int, unsent: memoryview) -> memoryview:
    try:
        return unsent[os.write(pipe, unsent[:WRITE_BYTES]) :]
    except BrokenPipeError:
        return unsent[:0]  # it ended before it read all: the report tells


def _verdict(
    conversation: _Conversation,
    status: int,
    nonce: str,
    n_tests: int,
    limits: SandboxLimits,
) -> ExecutionResult:
    """Turn what was heard into a result; whatever can't be understood is no pass."""
    lines = bytes(conversation.report).split(b"\n")[:-1]
    messages = [_message(line, nonce) for line in lines]
    if messages[:1] != [["ready"]]:
        raise RunError(
            f"{sys.executable}: ended with status {status} before it could run a program; "
            f"check that it runs, and that {limits.memory_bytes} bytes of memory are enough"
        )
    assert conversation.ready_at is not None
    duration = conversation.ended_at - conversation.ready_at
    expected = (["test", str(number)] for number in range(1, n_tests + 1))
    tests_passed = sum(
        1
        for _ in takewhile(
            lambda pair: pair[0] == pair[1], zip(messages[1:], expected, strict=False)
        )
    )
    ending = messages[1 + tests_passed :]

    def result(
        outcome: Outcome, error: str | None, error_type: str | None = None
    ) -> ExecutionResult:
        return ExecutionResult(outcome, error, error_type, tests_passed, duration)

    match ending:
        case [["passed"]] if tests_passed == n_tests:
            return result("passed", None)
        case [["failed", outcome, error_type, text]] if outcome in REPORTED_FAILURES:
            error_type = _one_line(error_type)
            error = f"{error_type}: {text}" if text else error_type
            return result(cast(Outcome, outcome), _one_line(error), error_type)
        case [] if len(conversation.report) <= conversation.max_bytes:
            if conversation.timed_out or status == -signal.SIGXCPU:
                return result("timeout", f"not finished after {limits.timeout_seconds:g} s")
            return result("exited", f"{_status_text(status)} before the tests had finished")
        case _:
            return result("exited", "its report of the tests is malformed")


def _message(line: bytes, nonce: str) -> list[str] | None:
    """Return the words of one report line, None if the harness can't have written it."""
    try:
        words = json.loads(line)
    except (ValueError, RecursionError):
        return None
    if not isinstance(words, list) or not all(isinstance(word, str) for word in words):
        return None
    return words[1:] if words[:1] == [nonce] else None


def _one_line(text: str) -> str:
    """Return `text` as one printable line of at most 200 characters (lone surrogates replaced)."""
    printable = "".join(
        c if c.isprintable() else " " if c.isspace() else "\N{REPLACEMENT CHARACTER}" for c in text
    )
    return " ".join(printable.split())[:MAX_ERROR_CHARACTERS]


def _status_text(status: int) -> str:
    if status >= 0:
        return f"ended with status {status}"
    try:
        return f"killed by {signal.Signals(-status).name}"
    except ValueError:
        return f"killed by signal {-status}"
