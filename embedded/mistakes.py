"""The small mistakes of hasty authors: valid programs that do almost what was asked.

Mostly they leave something out: a step, a cut, a "not", the order, the start of a count; or they
count a limit in that should be out. A mistake is made on the syntax tree, at one place. Which
place, and which mistake, follows from the program alone, so that hasty authors fail alike and a
model can learn how they write.
"""

import ast
from collections.abc import Callable, Iterator
from typing import NamedTuple, cast

Position = tuple[int, int]


class Place(NamedTuple):
    """Where a mistake can be made."""

    rare: bool
    """Hasty authors make it only where they find nothing more usual."""
    position: Position
    old: ast.AST
    new: ast.AST


_LIMITS: dict[type[ast.cmpop], type[ast.cmpop]] = {ast.Lt: ast.LtE, ast.Gt: ast.GtE}
_RARE_LIMITS: dict[type[ast.cmpop], type[ast.cmpop]] = {ast.LtE: ast.Lt, ast.GtE: ast.Gt}
_RARE_OPERATORS: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Add,
    ast.Mod: ast.FloorDiv,
    ast.FloorDiv: ast.Mod,
}
_RARE_NAMES = {"max": "min", "min": "max", "all": "any", "any": "all"}


def hasty_versions(code: str) -> Iterator[str]:
    """Yield what a hasty author may write instead of `code`, one mistake each.

    The likeliest come first, otherwise in the order in which they are written. Where loops end and
    how a function calls itself is left alone, so that every version comes to an end.
    """
    tree = ast.parse(code)
    for _, _, old, new in _places(tree):
        _Replacement(old, new).visit(tree)
        yield ast.unparse(tree)
        _Replacement(new, old).visit(tree)


class _Replacement(ast.NodeTransformer):
    """Puts one node in the place of another."""

    def __init__(self, old: ast.AST, new: ast.AST) -> None:
        self._old, self._new = old, new

    def visit(self, node: ast.AST) -> ast.AST:
        return self._new if node is self._old else self.generic_visit(node)


def _places(tree: ast.Module) -> list[Place]:
    function = cast(ast.FunctionDef, tree.body[0])
    found: list[Place] = []
    for node in _open_to_mistakes(function, function.name):
        rule = _RULES.get(type(node))
        found += rule(node) if rule else []
    return sorted(found, key=lambda place: place[:2])


def _open_to_mistakes(node: ast.AST, name: str) -> Iterator[ast.AST]:
    """The nodes below `node`, without those on which it depends that a program ends."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Call) and getattr(child.func, "id", "") == name:
            continue
        if isinstance(child, ast.While):
            yield from _open_to_mistakes(ast.Expr(child.test), name)
            continue
        yield child
        # A remainder that is compared is one place, and so is what a slice runs to.
        if isinstance(child, ast.Slice) or (
            isinstance(child, ast.Compare) and _is_remainder_test(child)
        ):
            continue
        yield from _open_to_mistakes(child, name)


def _start(node: ast.AST) -> Position:
    return node.lineno, node.col_offset  # type: ignore[attr-defined]


def _end(node: ast.AST) -> Position:
    return node.end_lineno, node.end_col_offset  # type: ignore[attr-defined]


def _is_remainder_test(node: ast.Compare) -> bool:
    return (
        isinstance(node.ops[0], (ast.Eq, ast.NotEq))
        and isinstance(node.left, ast.BinOp)
        and isinstance(node.left.op, ast.Mod)
    )


def _comparison(node: ast.AST) -> list[Place]:
    """A limit counts that shouldn't; a forgotten not; the wrong remainder."""
    compare = cast(ast.Compare, node)
    left, first, rest = compare.left, compare.ops[0], compare.comparators
    if _is_remainder_test(compare):
        rest_is_odd = _number(rest[0]) == 1
        other = ast.Constant(0 if rest_is_odd else 1)
        new = ast.Compare(left, [first], [other])
        return [Place(rest_is_odd, _start(rest[0]), node, new)]
    kind = type(first)
    if isinstance(first, ast.NotIn):
        return [Place(False, _end(left), node, ast.Compare(left, [ast.In()], rest))]
    if isinstance(first, ast.In):
        return [Place(True, _end(left), node, ast.Compare(left, [ast.NotIn()], rest))]
    if kind not in _LIMITS and kind not in _RARE_LIMITS:
        return []
    ops = [(_LIMITS | _RARE_LIMITS)[kind](), *compare.ops[1:]]
    return [Place(kind in _RARE_LIMITS, _end(left), node, ast.Compare(left, ops, rest))]


def _operation(node: ast.AST) -> list[Place]:
    """A forgotten step; the wrong operator."""
    binary = cast(ast.BinOp, node)
    left, right = binary.left, binary.right
    found = []
    if _is_given(right):
        found.append(Place(False, _end(left), node, left))
    elif _is_given(left):
        found.append(Place(False, _start(left), node, right))
    if type(binary.op) in _RARE_OPERATORS:
        other = ast.BinOp(left, _RARE_OPERATORS[type(binary.op)](), right)
        found.append(Place(True, _end(left), node, other))
    return found


def _is_given(node: ast.AST) -> bool:
    """Whether `node` is a number or a text that the problem gives, or a list of one."""
    if isinstance(node, ast.List):
        return len(node.elts) == 1 and isinstance(node.elts[0], ast.Constant)
    return isinstance(node, ast.Constant)


def _change(node: ast.AST) -> list[Place]:
    """+= instead of -=, or the contrary."""
    change = cast(ast.AugAssign, node)
    if not isinstance(change.op, (ast.Add, ast.Sub)):
        return []
    rare = isinstance(change.op, ast.Add)
    other = ast.AugAssign(change.target, ast.Sub() if rare else ast.Add(), change.value)
    return [Place(rare, _end(change.target), node, other)]


def _sign(node: ast.AST) -> list[Place]:
    """A forgotten minus or not."""
    unary = cast(ast.UnaryOp, node)
    if isinstance(unary.operand, (ast.Constant, ast.Name)):
        return []
    return [Place(False, _start(node), node, unary.operand)]


def _call(node: ast.AST) -> list[Place]:
    """A forgotten change of a word, a forgotten order or start; the contrary function."""
    call = cast(ast.Call, node)
    function, args = call.func, call.args
    if isinstance(function, ast.Attribute) and function.attr == "upper":
        return [Place(False, _end(function.value), node, function.value)]
    name = getattr(function, "id", "")
    if name in _RARE_NAMES:
        other = ast.Call(ast.Name(_RARE_NAMES[name]), args, call.keywords)
        return [Place(True, _start(function), node, other)]
    if name == "sorted" and call.keywords and call.keywords[-1].arg == "reverse":
        other = ast.Call(function, args, call.keywords[:-1])
        return [Place(False, _end((call.keywords or args)[-2:][0]), node, other)]
    if name == "enumerate" and len(args) == 2:
        return [Place(False, _end(args[0]), node, ast.Call(function, args[:1], []))]
    return []


def _part(node: ast.AST) -> list[Place]:
    """A forgotten cut or turn; the wrong end."""
    subscript = cast(ast.Subscript, node)
    what, which = subscript.value, subscript.slice
    if isinstance(which, ast.Slice):
        both = which.lower is not None and which.upper is not None
        return [] if both else [Place(False, _end(what), node, what)]
    index = _number(which)
    if index is None:
        return []
    others = [ast.Subscript(what, ast.Constant(other)) for other in ((0,) if index else (1, -1))]
    return [Place(True, _start(which), node, other) for other in others]


def _number(node: ast.AST | None) -> int | None:
    """The number that `node` stands for, if it does."""
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        inner = _number(node.operand)
        return None if inner is None else -inner
    value = node.value if isinstance(node, ast.Constant) else None
    return value if isinstance(value, int) else None


_RULES: dict[type[ast.AST], Callable[[ast.AST], list[Place]]] = {
    ast.Compare: _comparison,
    ast.BinOp: _operation,
    ast.AugAssign: _change,
    ast.UnaryOp: _sign,
    ast.Call: _call,
    ast.Subscript: _part,
}
