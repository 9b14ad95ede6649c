"""The prompts that ask a model for a program."""

import ast

from common.problems import Problem

SOLUTION_MARKER = "# Solution:"


class PromptBuilder:
    """Builds the prompt of a problem in one of two styles.

    `solution`: the description, the asserts as they stand, then `# Solution:`; the model
    writes the whole function. `function`: the description and the asserts as a docstring, then
    `def name(args):`; the model writes the body.
    """

    def __init__(self, style: str = "solution") -> None:
        if style not in ("solution", "function"):
            raise ValueError(f"unknown prompt style {style!r}: solution or function")
        self.style = style

    def build(self, problem: Problem) -> str:
        """The prompt of `problem`, ending in a newline.

        Raises:
            ValueError: the style is `function` and the reference code defines no function.
        """
        tests = "\n".join(as_assert(test) for test in problem.test_list)
        if self.style == "solution":
            return f"{problem.text.strip()}\n\n{tests}\n\n{SOLUTION_MARKER}\n"
        docstring = f'"""\n{problem.text.strip()}\n{tests}\n"""'
        return f"{docstring}\n{function_header(problem.code)}\n"


def as_assert(test: str) -> str:
    """A test that begins with exactly one `assert`."""
    test = test.strip()
    while test.startswith("assert assert"):
        test = test.removeprefix("assert ").lstrip()
    return test if test.startswith("assert") else f"assert {test}"


def function_header(code: str) -> str:
    """The line `def name(args):` of the last function at the top level of `code`.

    Raises:
        ValueError: there is none.
    """
    try:
        body = ast.parse(code).body
    except SyntaxError as error:
        raise ValueError(f"the reference code doesn't parse: {error}") from error
    functions = [node for node in body if isinstance(node, ast.FunctionDef)]
    if not functions:
        raise ValueError("the reference code defines no function")
    last = functions[-1]
    return f"def {last.name}({ast.unparse(last.args)}):"
