"""Evaluating beside generating: in order, once for the same program, and known verdicts kept."""

import threading
import time

import pytest

from common_simplified import evaluation
from common_simplified.evaluation import Evaluator, as_evaluated
from common_simplified.sandbox import ExecutionResult, SandboxLimits

LIMITS = SandboxLimits(timeout_seconds=5)
RIGHT = "def f(n):\n    return n + 1"
WRONG = "def f(n):\n    return n"
TESTS = ("assert f(1) == 2",)


def test_programs_are_evaluated_while_others_are_written():
    with Evaluator(LIMITS) as evaluator:
        slow = evaluator.evaluate("def f(n):\n    while True: pass", TESTS, "")
        start = time.perf_counter()
        evaluator.evaluate(RIGHT, TESTS, "")
        assert time.perf_counter() - start < 1
        assert slow.result().outcome == "timeout"
        assert evaluator.evaluate(RIGHT, TESTS, "").result().passed


def test_the_same_program_with_the_same_tests_runs_once():
    with Evaluator(LIMITS) as evaluator:
        first, second = (
            evaluator.evaluate(RIGHT, TESTS, ""),
            evaluator.evaluate(RIGHT, list(TESTS), ""),
        )
        assert first.result() is second.result()
        assert evaluator.n_run == 1
        assert not evaluator.evaluate(RIGHT, ("assert f(1) == 3",), "").result().passed
        assert not evaluator.evaluate(RIGHT, TESTS, "def f(n): return 0\nf = 3 / 0").result().passed
        assert evaluator.n_run == 3


def test_a_known_verdict_is_taken_and_nothing_run():
    known = ExecutionResult("wrong_answer", "AssertionError")
    with Evaluator(LIMITS) as evaluator:
        evaluator.remember(WRONG, TESTS, "", known)
        assert evaluator.evaluate(WRONG, TESTS, "").result() is known
        assert evaluator.n_run == 0


def test_verdicts_come_in_the_order_of_the_texts():
    with Evaluator(LIMITS) as evaluator:
        evaluator.evaluate(RIGHT, TESTS, "").result()
        texts = [("slow", "import time\ntime.sleep(0.3)\n" + RIGHT), ("known", RIGHT)]
        texts += [("wrong", WRONG)]
        found = as_evaluated((name, evaluator.evaluate(code, TESTS, "")) for name, code in texts)
        assert [(name, result.passed) for name, result in found] == [
            ("slow", True),
            ("known", True),
            ("wrong", False),
        ]


def test_what_is_evaluated_is_given_before_the_next_text_is_written():
    with Evaluator(LIMITS) as evaluator:
        verdicts = [evaluator.evaluate(code, TESTS, "") for code in (RIGHT, WRONG)]
        for verdict in verdicts:
            verdict.result()

        def endless():
            yield from enumerate(verdicts)
            raise AssertionError("asked for a text before the verdicts were given")

        found = as_evaluated(endless())
        assert [next(found)[0], next(found)[0]] == [0, 1]


def test_an_error_of_the_sandbox_reaches_the_run(monkeypatch):
    def broken(*_arguments):
        raise OSError("no more processes")

    monkeypatch.setattr(evaluation, "run_program", broken)
    with Evaluator(LIMITS) as evaluator, pytest.raises(OSError, match="no more processes"):
        list(as_evaluated([(1, evaluator.evaluate(RIGHT, TESTS, ""))]))


def test_leaving_does_not_evaluate_what_still_waits():
    before = threading.active_count()
    start = time.perf_counter()
    with Evaluator(LIMITS) as evaluator:
        for number in range(50):
            evaluator.evaluate(f"import time\ntime.sleep(0.5)\nx = {number}\n" + RIGHT, TESTS, "")
    assert time.perf_counter() - start < 5
    assert threading.active_count() == before
