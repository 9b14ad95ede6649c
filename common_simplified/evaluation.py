"""Evaluating programs beside their generation: the tests run while the model writes the next."""

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import Self, TypeVar

from common_simplified.sandbox import ExecutionResult, SandboxLimits, run_program

T = TypeVar("T")


class Evaluator:
    """Runs programs in the sandbox, one beside the model; each program with its tests only once."""

    def __init__(self, limits: SandboxLimits) -> None:
        self._limits = limits
        # One at a time: its processor is taken from the model.
        self._worker = ThreadPoolExecutor(1, thread_name_prefix="evaluator")
        self._verdicts: dict[tuple[str, tuple[str, ...], str], Future[ExecutionResult]] = {}
        self.n_run = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._worker.shutdown(wait=True, cancel_futures=True)

    def remember(
        self, code: str, test_list: Sequence[str], test_setup_code: str, verdict: ExecutionResult
    ) -> None:
        """Take a verdict that was given before."""
        known: Future[ExecutionResult] = Future()
        known.set_result(verdict)
        self._verdicts[code, tuple(test_list), test_setup_code] = known

    def evaluate(
        self, code: str, test_list: Sequence[str], test_setup_code: str
    ) -> Future[ExecutionResult]:
        """Have a program evaluated; the verdict is there when it is asked for."""
        key = (code, tuple(test_list), test_setup_code)
        if key not in self._verdicts:
            self.n_run += 1
            self._verdicts[key] = self._worker.submit(
                run_program, code, test_list, test_setup_code, self._limits
            )
        return self._verdicts[key]


def as_evaluated(
    submitted: Iterable[tuple[T, Future[ExecutionResult]]],
) -> Iterator[tuple[T, ExecutionResult]]:
    """Yield each item with its verdict, in order, as soon as those before it have theirs."""
    waiting: deque[tuple[T, Future[ExecutionResult]]] = deque()
    for entry in submitted:
        waiting.append(entry)
        while waiting and waiting[0][1].done():
            item, verdict = waiting.popleft()
            yield item, verdict.result()
    for item, verdict in waiting:
        yield item, verdict.result()
