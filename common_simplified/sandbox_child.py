"""The child's side of the sandbox: one job in, one program run, a line a test reported.

Run as a script in a fresh interpreter by `common_simplified.sandbox`, never imported. It imports
next to nothing, because its start is paid for once a program.
"""

from __future__ import annotations

import marshal
import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import CodeType

MAX_ERROR_CHARACTERS = 200
# Freed before a failure is described, so that a program out of memory can still be reported.
RESERVE_BYTES = 4 * 2**20


def set_limits(limits: dict[str, int]) -> None:
    """Lower the resource limits, e.g. `{"RLIMIT_AS": 2**30}`; skip what the platform lacks."""
    import resource

    if os.geteuid() == 0:
        limits.pop("RLIMIT_NPROC", None)
    for name, value in limits.items():
        try:
            number = getattr(resource, name)
            hard = resource.getrlimit(number)[1]
            if hard != resource.RLIM_INFINITY:
                value = min(value, hard)
            resource.setrlimit(number, (value, value))
        except (AttributeError, ValueError, OSError):
            continue


def quote(text: str) -> str:
    """Return `text` as an ASCII JSON string; the json module would double the time to start."""
    units = text.encode("utf-16-be", "replace").hex("|", 2)
    return '"\\u' + units.replace("|", "\\u") + '"' if units else '""'


def open_report(nonce: str) -> Callable[..., None]:
    """Move the report pipe away from standard output and return the function that writes to it.

    Standard input and output become the null device. Each line is a JSON list that begins with
    the nonce. What the function needs is bound here, before the program can replace it.
    """
    pipe = os.dup(1)
    null = os.open(os.devnull, os.O_RDWR)
    for standard in (0, 1, 2):
        os.dup2(null, standard)
    os.close(null)
    write, get_pid, owner = os.write, os.getpid, os.getpid()

    def report(*words: str, quote: Callable[[str], str] = quote) -> None:
        # A copy of this process that the program forked has no say.
        if get_pid() == owner:
            write(
                pipe, ("[" + ",".join([quote(word) for word in (nonce, *words)]) + "]\n").encode()
            )

    return report


def describe(error: BaseException) -> str:
    """Return the start of the error's message, "" when the program's own `__str__` fails."""
    try:
        return str(error)[:MAX_ERROR_CHARACTERS]
    except BaseException:
        return ""


def outcome_of(error: BaseException, own_file: str | None) -> str:
    """Name what an error means; `own_file` is the file name of the test that raised it, if any."""
    if isinstance(error, MemoryError):
        return "memory"
    if isinstance(error, SystemExit):
        return "exited"
    if isinstance(error, AssertionError) and own_file is not None:
        trace = error.__traceback__
        while trace is not None and trace.tb_next is not None:
            trace = trace.tb_next
        if trace is not None and trace.tb_frame.f_code.co_filename == own_file:
            return "wrong_answer"
    return "exception"


def new_main_module() -> dict[str, object]:
    """Put an empty module in the place of `__main__` and return its namespace."""
    module = type(sys)("__main__")
    sys.modules["__main__"] = module
    return module.__dict__


def judge(code: str, setup: str, tests: list[str], report: Callable[..., None]) -> None:
    """Run the program, then its tests one after the other, and report each step."""
    # The program shares this interpreter: what decides is bound before the program runs.
    compile_source, execute, explain, name_outcome = compile, exec, describe, outcome_of
    reserve: bytearray | None = bytearray(RESERVE_BYTES)
    own_file = None

    def compiled(source: str, name: str) -> CodeType:
        return compile_source(source, name, "exec", dont_inherit=True, optimize=0)

    try:
        program = compiled(code, "<program>")
    except BaseException as error:
        report("failed", "syntax_error", type(error).__name__, explain(error))
        return
    namespace = new_main_module()
    try:
        execute(compiled(setup, "<setup>"), namespace)
        execute(program, namespace)
        for number, test in enumerate(tests, start=1):
            own_file = f"<test {number}>"
            execute(compiled(test, own_file), namespace)
            report("test", str(number))
    except BaseException as error:
        reserve = None  # noqa: F841
        outcome = name_outcome(error, own_file)
        error.__traceback__ = None
        report("failed", outcome, type(error).__name__, explain(error))
    else:
        report("passed")


def main() -> None:
    """Read the job from standard input, run it, report, and end at once."""
    leave = os._exit
    with open(0, "rb", closefd=False) as pipe:
        nonce, code, setup, tests, limits = marshal.loads(pipe.read())
    report = open_report(nonce)
    set_limits(limits)
    report("ready")
    judge(code, setup, tests, report)
    # Neither exit handlers nor threads of the program run on.
    leave(0)


if __name__ == "__main__":
    main()
