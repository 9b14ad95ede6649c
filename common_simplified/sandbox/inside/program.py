"""The process of one program: it runs the program, and then calls what the grader asks for.

Nothing that it says is believed: it gives back values, and which ones are right is decided in the
grader's process (`grader`).
"""

import mmap
import operator
import os
import sys
from collections.abc import Callable, Iterator
from functools import partial
from itertools import islice
from types import CodeType
from typing import Any

from . import wire
from .confinement import Confinement, leave_but

MAX_ERROR_CHARACTERS = 200
# Freed before a failure is described, so that a program out of memory can still be reported.
_RESERVE = mmap.mmap(-1, 4 * 2**20)
_TEST_FILE = "<test>"
ITEMS_AT_ONCE = 256


def main(descriptor: int, confinement: Confinement) -> None:
    """Take a program from the grader, run it, then serve the grader until it hangs up.

    Ends the process: neither exit handlers nor threads of the program run on.
    """
    leave = os._exit
    try:
        leave_but(descriptor)
        confinement.apply()
        channel = wire.Channel(descriptor, descriptor)
        _Program(channel).run(*channel.take_order())
    finally:
        leave(0)


class _Program:
    def __init__(self, channel: wire.Channel) -> None:
        # The program shares this interpreter: what is needed is bound before it runs.
        self._send, self._receive = channel.send, channel.take_order
        self._namespace = _new_main_module()
        self._held: list[Any] = []
        self._failed: dict[int, Exception] = {}

    def run(self, code: str, setup: str, names: list[str]) -> None:
        """Run the program; tell what the tests' `names` mean to it; answer until the end."""
        compiled = self._try(partial(_compiled, code, "<program>"), syntax=True)
        if compiled is None:
            return
        if "random" in code:  # The same program gives the same verdict.
            __import__("random").seed(0)
        if self._try(partial(self._run, setup, compiled)) is None:
            return
        known = {name: self._namespace[name] for name in names if name in self._namespace}
        self._send(["ran", {name: self._encoded(value) for name, value in known.items()}])
        while True:
            try:
                request = self._receive()
            except wire.Closed:
                return
            if self._try(partial(self._answer, request)) is None:
                return

    def _run(self, setup: str, program: CodeType) -> bool:
        exec(_compiled(setup, "<setup>"), self._namespace)
        exec(program, self._namespace)
        return True

    def _try(self, work: Callable[[], Any], *, syntax: bool = False) -> Any:
        """The result of `work`; None after a failure, which has then been reported."""
        try:
            return work()
        except BaseException as error:
            _RESERVE.close()
            outcome = "syntax_error" if syntax else _outcome_of(error)
            error.__traceback__ = None
            self._send(["raised", outcome, type(error).__name__, _describe(error)])
            return None

    def _answer(self, request: list[Any]) -> bool:
        kind, *rest = request
        value: Any = None
        if kind == "test":
            exec(_compiled(rest[0], _TEST_FILE), self._namespace)
        elif kind == "name":
            value = self._look_up(rest[0])
        elif kind == "take":
            value = self._take(rest[0])
        else:
            values = [wire.decode(sent, lambda number, *_: self._held[number]) for sent in rest]
            value = _OPERATIONS[kind](*values)
        self._send(["value", self._encoded(value)])
        return True

    def _look_up(self, name: str) -> Any:
        if name not in self._namespace:
            raise NameError(f"name {name!r} is not defined")
        return self._namespace[name]

    def _encoded(self, value: Any) -> Any:
        try:
            return wire.encode(value, self._hold)
        except (wire.NotData, RecursionError, RuntimeError, MemoryError):
            # Nested too deeply: it stays here as a whole.
            return wire.encode(self._hold(value), self._hold)

    def _hold(self, value: Any) -> wire.Held:
        self._held.append(value)
        is_iterator = isinstance(value, Iterator)
        return wire.Held(len(self._held) - 1, type(value).__name__, iterator=is_iterator)

    def _take(self, number: int) -> list[Any]:
        """The next items of an iterator; none if it has ended."""
        if number in self._failed:
            raise self._failed.pop(number)
        items: list[Any] = []
        try:
            items.extend(islice(self._held[number], ITEMS_AT_ONCE))
        except Exception as error:
            if not items:
                raise
            self._failed[number] = error  # Raised when what came before has been used.
        return items


def _call(target: Any, args: list[Any], named: dict[str, Any]) -> Any:
    return target(*args, **named)


_OPERATIONS: dict[str, Callable[..., Any]] = {
    "call": _call,
    "attribute": lambda target, name: getattr(target, name),
    "operator": lambda name, *operands: getattr(operator, name)(*operands),
    "builtin": lambda name, *operands: _BUILTINS[name](*operands),
}
_BUILTINS: dict[str, Callable[..., Any]] = {
    function.__name__: function
    for function in (bool, len, iter, str, repr, int, float, abs, hash, reversed, round)
}


def _compiled(source: str, name: str) -> CodeType:
    return compile(source, name, "exec", dont_inherit=True, optimize=0)


def _new_main_module() -> dict[str, Any]:
    """Put an empty module in the place of `__main__` and return its namespace."""
    module = type(sys)("__main__")
    sys.modules["__main__"] = module
    return module.__dict__


def _outcome_of(error: BaseException) -> str:
    """Name what an error means for the verdict."""
    if isinstance(error, MemoryError):
        return "memory"
    if isinstance(error, SystemExit):
        return "exited"
    if isinstance(error, AssertionError):
        trace = error.__traceback__
        while trace is not None and trace.tb_next is not None:
            trace = trace.tb_next
        if trace is not None and trace.tb_frame.f_code.co_filename == _TEST_FILE:
            return "wrong_answer"
    return "exception"


def _describe(error: BaseException) -> str:
    """The start of the error's message, "" when the program's own `__str__` fails."""
    try:
        return str(error)[:MAX_ERROR_CHARACTERS]
    except BaseException:
        return ""
