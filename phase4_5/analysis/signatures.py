"""The function that tests call: which it is, and how it can be called."""

import ast
import builtins
from collections.abc import Sequence

from common.prompt_utils import as_assert
from phase4_5.analysis.syntax import Signature, defined_names, parse, signatures

# Functions that tests wrap around the one they test.
_WRAPPERS = frozenset(dir(builtins)) | {
    "allclose",
    "Counter",
    "Decimal",
    "defaultdict",
    "deque",
    "Fraction",
    "isclose",
    "OrderedDict",
}


def expected_function(test_list: Sequence[str]) -> str | None:
    """The function that the first test calls, or None if it can't be told.

    It is the outermost call by a plain name, leftmost if there are several; built-in functions
    and the like around it (`set(f(x))`, `math.isclose(f(x), y)`) are looked through.
    """
    tree = parse(as_assert(test_list[0])) if test_list else None
    if tree is None:
        return None
    # Breadth first: a call is met before its arguments, the left side before the right.
    called = [
        node.func.id
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
    ]
    return next((name for name in called if name not in _WRAPPERS), next(iter(called), None))


def signature_of(code: str, name: str) -> Signature | None:
    """How the function `name` of `code` can be called; None if no such function is seen.

    Also found in code that doesn't parse, if its `def` line can be read by itself.
    """
    return signatures(code).get(name)


def signature_intact(code: str, baseline_code: str, name: str | None) -> bool:
    """Whether steering left the signature of the tests' function `name` as it was.

    The parameters must be the same in number and kind; other names for positional ones don't
    matter. A baseline that doesn't define `name` has no such signature to lose: then `name`
    must be there, or all functions that the baseline does define.
    """
    before, after = signatures(baseline_code), signatures(code)
    if name in before:
        return after.get(name) == before[name]
    if name in after:
        return True
    return all(after.get(other) == signature for other, signature in before.items())


def defines(code: str, name: str) -> bool:
    """Whether `code` defines `name`; also if that can't be told."""
    tree = parse(code)
    return tree is None or name in defined_names(tree)
