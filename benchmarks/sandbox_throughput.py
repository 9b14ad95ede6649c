"""How many programs a second the sandbox judges: `python3 -m benchmarks.sandbox_throughput`.

Three ways in turn, each on all processors, on the same programs (reference solutions with their
tests), several times over so that a busy machine shows:

- fresh: a fresh `python -I` for each program, with nothing to hold it;
- guarded: a `multiprocessing.Process` for each, whose guard switches off dangerous functions and
  then calls `exec`, the way of human-eval's harness (its guard says that it is no sandbox);
- sandbox: this project's, with all the isolation that the machine offers.
"""

import argparse
import multiprocessing
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from common.config import load_config
from common.problems import Problem, load_problems
from common_simplified.sandbox import ProgramJob, evaluate_many, isolation

_TIMEOUT_SECONDS = 5.0
_SWITCHED_OFF = (
    *("kill", "system", "putenv", "remove", "removedirs", "rmdir", "fchdir", "setuid", "fork"),
    *("forkpty", "killpg", "rename", "renames", "truncate", "replace", "unlink", "fchmod"),
    *("fchown", "chmod", "chown", "chroot", "lchown", "getcwd", "chdir"),
)

Verdicts = list[bool]


def fresh(problems: Sequence[Problem], workers: int) -> Verdicts:
    """A fresh interpreter for each program."""
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(workers) as pool:

        def run(problem: Problem) -> bool:
            path = Path(folder) / f"{problem.task_id}.py"
            path.write_text(_script(problem), encoding="utf-8")
            finished = subprocess.run(
                [sys.executable, "-I", str(path)],
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                timeout=_TIMEOUT_SECONDS,
            )
            return finished.returncode == 0

        return list(pool.map(run, problems))


def guarded(problems: Sequence[Problem], workers: int) -> Verdicts:
    """A forked process for each program, with a guard, as human-eval does it."""
    with ThreadPoolExecutor(workers) as pool:
        return list(pool.map(_run_guarded, problems))


def _run_guarded(problem: Problem) -> bool:
    with multiprocessing.Manager() as manager:
        verdicts = manager.list()
        process = multiprocessing.Process(
            target=_execute_guarded, args=(_script(problem), verdicts)
        )
        process.start()
        process.join(_TIMEOUT_SECONDS + 1)
        if process.is_alive():
            process.kill()
        return list(verdicts) == ["passed"]


def _execute_guarded(script: str, verdicts: list[str]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        kept = {name: getattr(os, name) for name in _SWITCHED_OFF}
        for name in _SWITCHED_OFF:
            setattr(os, name, None)
        try:
            exec(script, {})
            verdicts.append("passed")
        except BaseException as error:
            verdicts.append(f"failed: {error}")
        for name, function in kept.items():
            setattr(os, name, function)
        os.chdir("/")


def sandboxed(problems: Sequence[Problem], workers: int) -> Verdicts:
    """This project's sandbox."""
    jobs = [
        ProgramJob(problem.code, problem.test_list, problem.test_setup_code) for problem in problems
    ]
    return [result.passed for result in evaluate_many(jobs, workers=workers)]


def _script(problem: Problem) -> str:
    return "\n".join([problem.test_setup_code, problem.code, *problem.test_list, ""])


def _rate(way: Callable[..., Verdicts], problems: Sequence[Problem], workers: int) -> float:
    start = time.perf_counter()
    verdicts = way(problems, workers)
    seconds = time.perf_counter() - start
    if not all(verdicts):
        failed = [p.task_id for p, passed in zip(problems, verdicts, strict=True) if not passed]
        raise SystemExit(f"{way.__name__}: reference solutions that don't pass: {failed}")
    return len(problems) / seconds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--problems", help="a JSONL or parquet file (default: the embedded ones)")
    parser.add_argument("--count", type=int, default=214)
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    problems = load_problems(load_config(problems_path=arguments.problems))[: arguments.count]
    workers = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 2
    ways = (fresh, guarded, sandboxed)
    sandboxed(problems[:8], workers)  # The servers are started.
    rates: dict[str, list[float]] = {way.__name__: [] for way in ways}
    for _ in range(arguments.rounds):
        for way in ways:
            rates[way.__name__].append(_rate(way, problems, workers))
    _say(f"{len(problems)} programs, {workers} at a time; sandbox: {isolation()}\n")
    _say("| | programs a second, median of rounds | to fresh, median of the rounds' ratios |")
    _say("|---|---|---|")
    for name, found in rates.items():
        ratios = [rate / base for rate, base in zip(found, rates["fresh"], strict=True)]
        _say(f"| {name} | {statistics.median(found):.0f} | {statistics.median(ratios):.1f} |")


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")


if __name__ == "__main__":
    main()
