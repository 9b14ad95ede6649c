"""Where a generated program runs: held by all that the machine offers, with an honest verdict.

`run_program` runs one program and its tests; `evaluate_many` many of them, on all processors. A
program passes only if every test, run after it, is true; the tests are graded in another process
than the program's (`inside.grader`), which can neither see nor touch the verdict.

- `isolation`: which means there are here, and how a server begins.
- `pool`: the servers, seen from the run.
- `inside`: what runs in the sandbox: the server, which forks for each program a process of its
  own.
"""

import math
import signal
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple, cast, get_args

from common.errors import InputError
from common_simplified.processors import usable_processors
from common_simplified.sandbox.isolation import (
    Isolation,
    SandboxMode,
    isolation,
    require_isolation,
)
from common_simplified.sandbox.pool import POOL

__all__ = [
    "ExecutionResult",
    "Isolation",
    "Outcome",
    "ProgramJob",
    "SandboxLimits",
    "SandboxMode",
    "evaluate_many",
    "isolation",
    "require_isolation",
    "run_program",
]

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
_OUTCOMES = get_args(Outcome)
_MAX_ERROR_CHARACTERS = 200


@dataclass(frozen=True)
class SandboxLimits:
    """What one program may use.

    `timeout_seconds` is wall time for the program and its tests together; `output_bytes` bounds
    each file that the program writes (its standard output and error are discarded).
    """

    timeout_seconds: float = 5.0
    memory_bytes: int = 2**30
    output_bytes: int = 16 * 2**20


DEFAULT_LIMITS = SandboxLimits()


class ProgramJob(NamedTuple):
    """One program with the tests that grade it."""

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
        """Whether every test ran to its end and was true."""
        return self.outcome == "passed"


def run_program(
    code: str,
    test_list: Sequence[str],
    test_setup_code: str = "",
    limits: SandboxLimits = DEFAULT_LIMITS,
) -> ExecutionResult:
    """Run `test_setup_code`, `code` and each test of `test_list`, in that order.

    Stops at the first test that isn't true.

    Raises:
        InputError: there is no test, so nothing could be graded.
        RunError: the sandbox can't be started.
    """
    if isinstance(test_list, str) or not any(test.strip() for test in test_list):
        raise InputError("test_list: holds no test to grade a program by; give a list of asserts")
    if not _has_code(code):
        return ExecutionResult("empty", "no code")
    job = {
        "code": str(code),
        "setup": test_setup_code,
        "tests": list(test_list),
        "limits": _resource_limits(limits),
        "timeout": limits.timeout_seconds,
    }
    return _result(POOL.ask(job, limits.timeout_seconds), len(test_list), limits)


def evaluate_many(
    jobs: Iterable[ProgramJob],
    limits: SandboxLimits = DEFAULT_LIMITS,
    workers: int | None = None,
) -> list[ExecutionResult]:
    """Run many programs, `workers` at once (default: one a processor); results in jobs' order."""
    with ThreadPoolExecutor(workers or usable_processors()) as pool:
        return list(
            pool.map(
                lambda job: run_program(job.code, job.test_list, job.test_setup_code, limits), jobs
            )
        )


def _has_code(code: str) -> bool:
    return any(line.strip() and not line.lstrip().startswith("#") for line in code.split("\n"))


def _resource_limits(limits: SandboxLimits) -> dict[str, int]:
    return {
        "RLIMIT_AS": limits.memory_bytes,
        "RLIMIT_CPU": math.ceil(limits.timeout_seconds) + 1,
        "RLIMIT_FSIZE": limits.output_bytes,
    }


def _result(answer: Any, n_tests: int, limits: SandboxLimits) -> ExecutionResult:
    """Turn a server's answer into a result; what can't be understood is no pass."""
    said, error_type, text, tests_passed, duration, status = answer

    def result(outcome: Outcome, error: str | None, of_type: str | None = None) -> ExecutionResult:
        return ExecutionResult(outcome, error, of_type, tests_passed, duration)

    if said == "passed" and tests_passed == n_tests:
        return result("passed", None)
    if said == "stopped" or (said == "gone" and status == -signal.SIGXCPU):
        return result("timeout", f"not finished after {limits.timeout_seconds:g} s")
    if said == "gone":
        return result("exited", f"{_status_text(status)} before the tests had finished")
    if said in _OUTCOMES and said != "passed":
        error_type = _one_line(error_type)
        error = f"{error_type}: {text}" if text else error_type
        return result(cast(Outcome, said), _one_line(error), error_type)
    return result("exited", "its answers make no sense")


def _one_line(text: str) -> str:
    """Return `text` as one printable line of at most 200 characters (lone surrogates replaced)."""
    printable = "".join(
        c if c.isprintable() else " " if c.isspace() else "\N{REPLACEMENT CHARACTER}" for c in text
    )
    return " ".join(printable.split())[:_MAX_ERROR_CHARACTERS]


def _status_text(status: int) -> str:
    if status >= 0:
        return f"ended with status {status}"
    try:
        return f"killed by {signal.Signals(-status).name}"
    except ValueError:
        return f"killed by signal {-status}"
