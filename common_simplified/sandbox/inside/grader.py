"""The grader: it runs the tests and decides, and asks the program's process for values.

A test is `assert f(3) == [1, 2]`. Here `f` is a stand-in: called, it has the program's process
call the program's `f` and gets back a plain value, which is compared here, in another process. So
a program can't forge its verdict: it doesn't see what a test expects, and whatever it does to its
own process (patched builtins, early exits, copies of the harness's messages, values that claim to
equal everything) it can only give back a value, right or wrong.

Two kinds of test can't be divided so and are run whole in the program's process, which is then
believed: those of more than one statement, and those that pass it a function.
"""

import ast
import builtins
import importlib
import symtable
import sys
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import lru_cache
from types import CodeType
from typing import Any

from . import wire

MAX_ERROR_CHARACTERS = 200
_SETUP, _TEST = "<setup>", "<test>"
_BUILTIN_NAMES = frozenset(dir(builtins))
_ARITHMETIC = ("add", "sub", "mul", "truediv", "floordiv", "mod", "pow", "matmul")


class Raised(Exception):
    """The program's process raised."""

    def __init__(self, outcome: str, type_name: str, text: str) -> None:
        super().__init__(text)
        self.outcome, self.type_name, self.text = outcome, type_name, text


def verdict_on(channel: wire.Channel, code: str, setup: str, tests: list[str]) -> list[Any]:
    """Send a program to its process at the other end of `channel`, and grade it.

    Returns:
        `[outcome, error type, error text, tests passed]`; the outcome "gone" says that the
        program's process hung up, "nonsense" that it said what no honest one says, "stopped"
        that it was too late.
    """
    grader = _Grader(channel)
    passed = 0
    ending: list[Any] = ["passed", None, None]
    try:
        grader.begin(code, setup, tests)
        for test in tests:
            grader.run(test)
            passed += 1
    except wire.TooLate:
        ending = ["stopped", None, None]
    except wire.Closed:
        ending = ["gone", None, None]
    except wire.Nonsense:
        ending = ["nonsense", None, None]
    except Raised as error:
        ending = [error.outcome, error.type_name, error.text]
    except Exception as error:
        ending = [_outcome_of(error), type(error).__name__, str(error)[:MAX_ERROR_CHARACTERS]]
    return [*ending, passed]


def _outcome_of(error: Exception) -> str:
    if isinstance(error, AssertionError):
        return "wrong_answer"
    return "memory" if isinstance(error, MemoryError) else "exception"


class _Grader:
    def __init__(self, channel: wire.Channel) -> None:
        self._channel = channel
        self._imported: dict[str, Any] = {}
        self._stand_ins: dict[str, Any] = {}

    def begin(self, code: str, setup: str, tests: list[str]) -> None:
        """Have the program run, and get what stands for the names that the tests use."""
        self._imported = _what_is_imported_by(setup)
        used: set[str] = set()
        modules: set[str] = set()
        for test in tests:
            with suppress(SyntaxError, ValueError):  # It is raised when that test is run.
                used |= _prepared(test)[1]
                modules |= _modules_in(test, _prepared(test)[1])
        self._channel.give_order([code, setup, sorted(used - self._imported.keys())])
        said = self._listen()
        if said[0] != "ran" or not isinstance(said[1], dict):
            raise wire.Nonsense
        for name, sent in said[1].items():
            self._stand_ins[name] = self._decoded(sent)
        for name in modules & self._stand_ins.keys():
            # Of what the program has imported, and the tests use, the grader uses its own.
            self._stand_ins[name] = importlib.import_module(name)

    def run(self, test: str) -> None:
        """Run one test.

        Raises:
            AssertionError: it isn't true.
            Raised: the program's process raised while it ran.
            wire.Closed: the program's process hung up.
        """
        compiled, used = _prepared(test)
        if compiled is None:
            self.ask("test", test)
            return
        # The program's own `set` or `sum` has no say in a test of something else; a test of
        # nothing else can only be about a function that is called as a builtin one.
        others = used - _BUILTIN_NAMES
        names = others - self._imported.keys() if others else used & self._stand_ins.keys()
        stand_ins = {name: self._stand_in(name) for name in names}
        try:
            exec(compiled, {**self._imported, **stand_ins})
        except wire.NotData:
            self.ask("test", test)

    def _stand_in(self, name: str) -> Any:
        if name in self._stand_ins:
            return self._stand_ins[name]
        # Defined by an earlier test, or not at all.
        return self.ask("name", name)

    def ask(self, kind: str, *operands: Any) -> Any:
        """Have the program's process do something and get the value."""
        sent: list[Any] = list(operands)
        if kind not in ("test", "name", "take"):
            sent = [wire.encode(operand, _refuse) for operand in operands]
        self._channel.give_order([kind, *sent])
        said = self._listen()
        if said[:1] != ["value"]:
            raise wire.Nonsense
        return self._decoded(said[1])

    def _decoded(self, sent: Any) -> Any:
        return wire.decode(sent, self._stub)

    def _stub(self, number: int, type_name: str, iterator: bool) -> wire.Held:
        return (_Iterator if iterator else _Object)(self, number, type_name)

    def _listen(self) -> list[Any]:
        said = self._channel.receive()
        if not isinstance(said, list) or len(said) < 2:
            raise wire.Nonsense
        if said[0] == "raised":
            words = [str(word)[:MAX_ERROR_CHARACTERS] for word in said[1:]]
            if len(words) != 3 or words[0] == "passed":
                raise wire.Nonsense
            raise Raised(*words)
        return said


class _Object(wire.Held):
    """What stands here for an object in the program's process that isn't plain data.

    It equals, contains and exceeds no plain data, whatever the object itself may claim.
    """

    def __init__(self, grader: _Grader, number: int, type_name: str) -> None:
        super().__init__(number, type_name)
        self._held_grader = grader

    def __call__(self, *args: Any, **named: Any) -> Any:
        return self._held_grader.ask("call", self, list(args), named)

    def __getattr__(self, name: str) -> Any:
        return self._held_grader.ask("attribute", self, name)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, _Object):
            return False
        return self._held_grader.ask("operator", "eq", self, other) is True

    def __hash__(self) -> int:
        return int(self._held_grader.ask("builtin", "hash", self))

    def __iter__(self) -> Iterator[Any]:
        return iter(self._held_grader.ask("builtin", "iter", self))

    def __contains__(self, item: Any) -> bool:
        if not isinstance(item, _Object):
            return False
        return self._held_grader.ask("operator", "contains", self, item) is True


class _Iterator(wire.Held):
    """What stands here for an iterator; its items come as they are asked for."""

    def __init__(self, grader: _Grader, number: int, type_name: str) -> None:
        super().__init__(number, type_name, iterator=True)
        self._held_grader = grader
        self._items: deque[Any] = deque()

    def __iter__(self) -> Iterator[Any]:
        return self

    def __next__(self) -> Any:
        if not self._items:
            self._items = deque(self._held_grader.ask("take", self._held_number))
        if not self._items:
            raise StopIteration
        return self._items.popleft()


def _between(name: str) -> Callable[..., Any]:
    """An operator between two objects; with plain data, of which a test is made, there is none."""

    def operate(self: _Object, other: Any) -> Any:
        if not isinstance(other, _Object):
            return NotImplemented
        return self._held_grader.ask("operator", name, self, other)

    return operate


def _operator(name: str) -> Callable[..., Any]:
    def operate(self: _Object, *others: Any) -> Any:
        return self._held_grader.ask("operator", name, self, *others)

    return operate


def _builtin(name: str) -> Callable[..., Any]:
    def operate(self: _Object, *others: Any) -> Any:
        return self._held_grader.ask("builtin", name, self, *others)

    return operate


for _operation in ("lt", "le", "gt", "ge", *_ARITHMETIC):
    setattr(_Object, f"__{_operation}__", _between(_operation))
for _operation in ("getitem", "neg", "pos", "invert", "index"):
    setattr(_Object, f"__{_operation}__", _operator(_operation))
for _operation in ("bool", "len", "str", "repr", "int", "float", "abs", "reversed", "round"):
    setattr(_Object, f"__{_operation}__", _builtin(_operation))


def _modules_in(test: str, names: frozenset[str]) -> set[str]:
    """Those of the names that a test uses as modules of the standard library: `math.pi`."""
    if not names & sys.stdlib_module_names:
        return set()
    return {
        node.value.id
        for node in ast.walk(ast.parse(test))
        if isinstance(node, ast.Attribute)
        and isinstance(node.value, ast.Name)
        and node.value.id in names & sys.stdlib_module_names
    }


def _what_is_imported_by(setup: str) -> dict[str, Any]:
    """What the tests' setup imports; what it defines itself is the program's, which gets it too."""
    if not setup.strip():
        return {}
    names: dict[str, Any] = {"__name__": _SETUP}
    exec(compile(setup, _SETUP, "exec", dont_inherit=True), names)
    return {
        name: value
        for name, value in names.items()
        if _SETUP not in (getattr(value, "__module__", None), type(value).__module__)
    }


@lru_cache(maxsize=1024)
def _prepared(test: str) -> tuple[CodeType | None, frozenset[str]]:
    """A test that is one assert, compiled, and the names it uses; None if it is something else."""
    if not _is_one_assert(test):
        return None, frozenset()
    table = symtable.symtable(test, _TEST, "exec")
    compiled = compile(test, _TEST, "exec", dont_inherit=True)
    return compiled, frozenset(_global_names(table, top=True))


def _is_one_assert(test: str) -> bool:
    if test.startswith("assert ") and "\n" not in test.strip() and ";" not in test:
        return True  # No need to look closer.
    body = ast.parse(test).body
    return len(body) == 1 and isinstance(body[0], ast.Assert)


def _global_names(table: symtable.SymbolTable, *, top: bool) -> Iterator[str]:
    """Names that a test uses and doesn't bind itself (in a comprehension or a lambda)."""
    for symbol in table.get_symbols():
        if symbol.is_referenced() and (symbol.is_global() or (top and not symbol.is_assigned())):
            yield symbol.get_name()
    for inner in table.get_children():
        yield from _global_names(inner, top=False)


def _refuse(value: Any) -> wire.Held:
    raise wire.NotData(type(value).__name__)
