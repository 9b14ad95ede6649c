"""What steering changed in a program, by its syntax tree."""

import ast
from collections import Counter
from collections.abc import Hashable, Iterator

from phase4_5.analysis.syntax import parse

CHANGES = {
    "syntax": "syntax",
    "names": "names",
    "operators": "operators",
    "control_flow": "control flow",
    "literals": "literals",
    "calls": "calls",
    "structure": "structure",
}
"""The kinds of change with what people call them, in the order in which they are told."""

_CONTROL_FLOW = (
    ast.If,
    ast.IfExp,
    ast.For,
    ast.AsyncFor,
    ast.While,
    ast.Break,
    ast.Continue,
    ast.Return,
    ast.Yield,
    ast.YieldFrom,
    ast.Raise,
    ast.Try,
    ast.TryStar,
    ast.ExceptHandler,
    ast.With,
    ast.AsyncWith,
    ast.Assert,
    ast.Match,
    ast.match_case,
    ast.comprehension,
)
_OPERATORS = (ast.operator, ast.unaryop, ast.boolop, ast.cmpop)
_DEFINITIONS = (
    ast.FunctionDef,
    ast.AsyncFunctionDef,
    ast.ClassDef,
    ast.Lambda,
    ast.Import,
    ast.ImportFrom,
)


def what_changed(baseline_code: str, steered_code: str) -> list[str]:
    """The kinds of change between two programs, in the order of `CHANGES`.

    Comments and layout don't count: equal trees give an empty list. Each kind compares how
    often each of its items occurs in the two trees:

    - `syntax`: one of two different texts doesn't parse; nothing else can be told then;
    - `names`: of variables, parameters, functions and classes, where they aren't called;
    - `operators`: arithmetic, comparison, Boolean and bitwise ones;
    - `control_flow`: conditions, loops, comprehensions, returns, exceptions, `with`, `match`;
    - `literals`: numbers, strings and other constants, docstrings too;
    - `calls`: called functions and methods, attributes, imported names;
    - `structure`: how many functions, classes and import statements there are; or the same
      parts of all kinds stand in another order or nesting.
    """
    before, after = parse(baseline_code), parse(steered_code)
    if before is None or after is None:
        return [] if baseline_code == steered_code else ["syntax"]
    if list(_skeleton(before)) == list(_skeleton(after)):
        return []
    counts = Counter(_items(before)), Counter(_items(after))
    differing = {kind for kind, _ in (counts[0] - counts[1]) + (counts[1] - counts[0])}
    return [kind for kind in CHANGES if kind in (differing or {"structure"})]


def _items(tree: ast.Module) -> Iterator[tuple[str, Hashable]]:
    """Each part of the tree that counts, with its kind."""
    nodes = list(ast.walk(tree))
    called = {id(node.func) for node in nodes if isinstance(node, ast.Call)}
    for node in nodes:
        match node:
            case ast.Name(id=name):
                yield ("calls" if id(node) in called else "names"), name
            case ast.arg(arg=name):
                yield "names", name
            case ast.Attribute(attr=name) | ast.alias(name=name) | ast.keyword(arg=name):
                yield "calls", name
            case ast.Constant(value=value):
                # The type too: 1, 1.0 and True are equal.
                yield "literals", (type(value).__name__, value)
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                yield "names", node.name
        if isinstance(node, _CONTROL_FLOW):
            yield "control_flow", type(node).__name__
        elif isinstance(node, _OPERATORS):
            yield "operators", type(node).__name__
        elif isinstance(node, _DEFINITIONS):
            yield "structure", type(node).__name__


def _skeleton(tree: ast.Module) -> Iterator[tuple[Hashable, ...]]:
    """The tree as a flat sequence, the same for equal trees only; no recursion."""
    for node in ast.walk(tree):
        fields: list[Hashable] = [type(node).__name__]
        for _, value in ast.iter_fields(node):
            if isinstance(value, list):
                # Names in a list (`global a, b`) are no nodes, so they are told here.
                fields.append(
                    tuple(item if isinstance(item, str) else item is None for item in value)
                )
            elif isinstance(value, ast.AST):
                fields.append(True)
            else:
                fields += (type(value).__name__, value)
        yield tuple(fields)
