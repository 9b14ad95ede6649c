"""Reading a model's program as a syntax tree, whatever the model wrote.

Nothing is compiled or run. Every function here takes any text and raises nothing.
"""

import ast
import re
import warnings
from collections.abc import Iterator
from typing import NamedTuple

MAX_CHARACTERS = 100_000
"""A longer text isn't parsed; 500 tokens give some thousand characters."""

# Python's parser is recursive: on a small stack (a thread's), deep nesting ends the process.
# Brackets and indentation are bounded by Python itself (200 and 100 levels); these are not.
MAX_NESTING = 200
_PREFIXES = re.compile(
    r"(?:(?:[-+~]|not\b|await\b|lambda\b[^:\n]{0,80}:)(?:[ \t\f]|\\\r?\n)*+)"
    rf"{{{MAX_NESTING + 1}}}"
)
_CONDITIONAL_ELSE = re.compile(r"\belse\b(?!\s*+:)")


def _is_nested_deeply(code: str) -> bool:
    """Whether `code` may nest prefix operators or conditional expressions too deeply."""
    conditionals = sum(1 for _ in _CONDITIONAL_ELSE.finditer(code))
    return conditionals > MAX_NESTING or _PREFIXES.search(code) is not None


_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
_SCOPES = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)


def parse(code: str) -> ast.Module | None:
    """The syntax tree of `code`, or None where Python's parser refuses it.

    More than `MAX_CHARACTERS` characters count as refused, and so do more than `MAX_NESTING`
    prefix operators in a row or conditional expressions. The tree may be deep: walk it with
    `ast.walk`, not with recursion.
    """
    if len(code) > MAX_CHARACTERS or _is_nested_deeply(code):
        return None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return ast.parse(code)
    except (SyntaxError, ValueError, RecursionError, MemoryError, OverflowError):
        return None


def has_valid_syntax(code: str) -> bool:
    """Whether `code` parses, says something, and no `return`, `break` or the like is misplaced.

    The misplaced ones are what lost indentation leaves; Python's compiler refuses them. An empty
    text parses, but is what steering leaves of a program that has fallen apart.
    """
    tree = parse(code)
    return tree is not None and bool(tree.body) and not _has_misplaced_statement(tree)


def _has_misplaced_statement(tree: ast.Module) -> bool:
    # A node with whether it stands in a function, and in a loop of that function.
    pending: list[tuple[ast.AST, bool, bool]] = [(tree, False, False)]
    while pending:
        node, in_function, in_loop = pending.pop()
        if isinstance(node, ast.Return | ast.Yield | ast.YieldFrom | ast.Await) and not in_function:
            return True
        if isinstance(node, ast.Break | ast.Continue) and not in_loop:
            return True
        if isinstance(node, (*_FUNCTIONS, ast.Lambda)):
            in_function, in_loop = True, False
        elif isinstance(node, ast.ClassDef):
            in_function, in_loop = False, False
        after_loop = node.orelse if isinstance(node, ast.For | ast.AsyncFor | ast.While) else []
        pending += [(child, in_function, in_loop) for child in after_loop]
        in_body = in_loop or isinstance(node, ast.For | ast.AsyncFor | ast.While)
        pending += [
            (child, in_function, in_body)
            for child in ast.iter_child_nodes(node)
            if child not in after_loop
        ]
    return False


class Signature(NamedTuple):
    """How a function can be called; the names of its positional parameters don't matter."""

    positional: int
    positional_defaults: int
    takes_more: bool
    keyword_only: tuple[tuple[str, bool], ...]
    """Sorted names, each with whether it has a default."""
    takes_keywords: bool


def _signature(arguments: ast.arguments) -> Signature:
    return Signature(
        positional=len(arguments.posonlyargs) + len(arguments.args),
        positional_defaults=len(arguments.defaults),
        takes_more=arguments.vararg is not None,
        keyword_only=tuple(
            sorted(
                (argument.arg, default is not None)
                for argument, default in zip(
                    arguments.kwonlyargs, arguments.kw_defaults, strict=True
                )
            )
        ),
        takes_keywords=arguments.kwarg is not None,
    )


def signatures(code: str) -> dict[str, Signature]:
    """The functions that `code` defines at module level, by name; the last definition counts.

    A lambda given a name is a function too. Where `code` doesn't parse, the `def` lines that
    can be read by themselves are taken.
    """
    tree = parse(code)
    if tree is None:
        return _signatures_in_lines(code)
    found = {}
    for statement in module_statements(tree):
        if isinstance(statement, _FUNCTIONS):
            found[statement.name] = _signature(statement.args)
        elif isinstance(statement, ast.Assign) and isinstance(statement.value, ast.Lambda):
            for target in statement.targets:
                if isinstance(target, ast.Name):
                    found[target.id] = _signature(statement.value.args)
    return found


def module_statements(tree: ast.Module) -> Iterator[ast.stmt]:
    """The statements that run in the module's own scope, in order.

    Those inside `if`, `try`, loops and `with` are among them, those of functions and classes
    are not.
    """
    pending: list[ast.AST] = list(reversed(tree.body))
    while pending:
        node = pending.pop()
        if isinstance(node, ast.stmt):
            yield node
        if not isinstance(node, (*_SCOPES, ast.expr)):
            pending += reversed(list(ast.iter_child_nodes(node)))


def defined_names(tree: ast.Module) -> set[str]:
    """The names that the module's own scope binds: functions, classes, imports, variables."""
    names: set[str] = set()
    for statement in module_statements(tree):
        if isinstance(statement, _SCOPES):
            names.add(statement.name)
        elif isinstance(statement, ast.Import | ast.ImportFrom):
            names |= {(alias.asname or alias.name).partition(".")[0] for alias in statement.names}
        elif isinstance(statement, ast.Assign | ast.AnnAssign):
            targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target]
            names |= {
                node.id
                for target in targets
                for node in ast.walk(target)
                if isinstance(node, ast.Name)
            }
    return names


_DEF_LINE = re.compile(r"^(?:async[ \t]+)?def[ \t]+\w+[ \t]*\([^\n]{0,500}", re.MULTILINE)
_MAX_COLONS = 20


def _signatures_in_lines(code: str) -> dict[str, Signature]:
    found = {}
    for line in _DEF_LINE.findall(code[:MAX_CHARACTERS]):
        # The header ends at one of the colons; those before it stand in annotations or lambdas.
        colons = [match.start() for match in re.finditer(":", line)][:_MAX_COLONS]
        for colon in colons:
            tree = parse(f"{line[:colon]}: pass")
            if tree is not None and isinstance(tree.body[0], _FUNCTIONS):
                found[tree.body[0].name] = _signature(tree.body[0].args)
                break
    return found
