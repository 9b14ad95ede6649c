"""Verdicts on programs that work, fail, hang, flood, end early, or pretend to have passed."""

import fcntl
import os
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import pytest

from common.errors import InputError, RunError
from common_simplified import sandbox
from common_simplified.sandbox import (
    ExecutionResult,
    Isolation,
    ProgramJob,
    SandboxLimits,
    evaluate_many,
    isolation,
    pool,
    run_program,
)

NEXT = "def f(x):\n    return x + 1\n"
TESTS = ["assert f(1) == 2", "assert f(2) == 3"]
SHORT = SandboxLimits(timeout_seconds=0.7)
PATIENT = SandboxLimits(timeout_seconds=20, memory_bytes=2**28)


def use(monkeypatch: pytest.MonkeyPatch, found: Isolation) -> pool.Pool:
    """Run programs in a pool of their own, at the given isolation; returns the pool."""
    own = pool.Pool()
    monkeypatch.setattr(pool, "isolation", lambda: found)
    monkeypatch.setattr(sandbox, "POOL", own)
    return own


def run(code: str, limits: SandboxLimits = PATIENT) -> ExecutionResult:
    return run_program(code, TESTS, limits=limits)


def test_a_right_program_passes_every_test() -> None:
    result = run(NEXT)
    assert (result.outcome, result.passed, result.tests_passed) == ("passed", True, 2)
    assert result.error is None and result.error_type is None
    assert 0 < result.duration_seconds < PATIENT.timeout_seconds


@pytest.mark.parametrize(
    ("code", "outcome", "error", "tests_passed"),
    [
        ("def f(x): return 2", "wrong_answer", "AssertionError", 1),
        ("def f(x): return x + ''", "exception", "TypeError: unsupported operand", 0),
        ("def f(x): assert x > 1; return 3", "exception", "AssertionError", 0),
        ("def f(x): assert x < 2, 'too big'; return 2", "exception", "AssertionError: too big", 1),
        ("g = 1", "exception", "NameError: name 'f' is not defined", 0),
        ("class E(BaseException): pass\nraise E('odd')", "exception", "E: odd", 0),
        ("raise KeyboardInterrupt", "exception", "KeyboardInterrupt", 0),
        ("def f(x): return f(x)", "exception", "RecursionError", 0),
        ("input()", "exception", "EOFError", 0),
        ("open('x', 'w').write('x' * 2**25)", "exception", "OSError: [Errno 27]", 0),
        ("def f(x) return x", "syntax_error", "SyntaxError: expected ':'", 0),
        ("def f(x):\nreturn x", "syntax_error", "IndentationError", 0),
        ("def f(x): import sys; sys.exit(0)", "exited", "SystemExit: 0", 0),
        ("import os\nos._exit(0)", "exited", "ended with status 0", 0),
        ("import os\ndef f(x): return 2 if x == 1 else os._exit(3)", "exited", "status 3", 1),
        ("import ctypes\nctypes.string_at(0)", "exited", "killed by SIGSEGV", 0),
        ("", "empty", "no code", 0),
        (" \n# Only a comment\n\n", "empty", "no code", 0),
    ],
)
def test_each_failure_has_its_name(code: str, outcome: str, error: str, tests_passed: int) -> None:
    result = run(code)
    assert (result.outcome, result.tests_passed) == (outcome, tests_passed)
    assert error in (result.error or "")
    assert not result.passed


@pytest.mark.parametrize(
    ("code", "tests_passed"),
    [
        ("def f(x):\n  while x > 1: pass\n  return 2", 1),
        ("import time\ntime.sleep(60)", 0),
        ("import os\nos.closerange(0, 60)\nwhile True: pass", 0),
    ],
)
def test_a_program_is_stopped_in_time(code: str, tests_passed: int) -> None:
    begin = time.monotonic()
    result = run(code, SHORT)
    assert time.monotonic() - begin < 5
    assert (result.outcome, result.tests_passed) == ("timeout", tests_passed)
    assert result.error == "not finished after 0.7 s" and result.error_type is None


@pytest.mark.skipif(sys.platform != "linux", reason="the platform doesn't limit memory")
@pytest.mark.parametrize(
    ("code", "tests_passed"),
    [
        ("def f(x): return 2 if x == 1 else 'x' * 2**28", 1),
        ("x = []\nwhile True: x.append('x' * 10**6)", 0),
        ("x = []\nwhile True: x.append([0])", 0),
    ],
)
def test_a_program_can_not_exhaust_the_memory(code: str, tests_passed: int) -> None:
    result = run(code)
    assert (result.outcome, result.error_type) == ("memory", "MemoryError")
    assert result.tests_passed == tests_passed


HOSTILE = {
    "null character": "x = 1\0",
    "lone surrogate": "x = '\ud800'",
    "deep parentheses": "(" * 20_000,
    "deep minus": "x = " + "-" * 200_000 + "1",
    "wrong long line": "x = '" + "a" * 1_000_000,
}


@pytest.mark.parametrize("code", HOSTILE.values(), ids=HOSTILE)
def test_code_that_can_not_compile_is_a_syntax_error(code: str) -> None:
    assert run(code).outcome == "syntax_error"


def test_long_and_deep_programs_run() -> None:
    assert run("x = '" + "a" * 1_000_000 + "'\n" + NEXT).passed
    assert run("def f(x, depth=900):\n  return f(x, depth - 1) if depth else x + 1").passed


FORGERIES = {
    "prints": "print('passed')\nimport sys\nsys.stderr.write('passed')\nsys.exit(0)",
    "writes to every descriptor": (
        "import os\nfor number in range(30):\n"
        "  try: os.write(number, b'[\"passed\"]\\n')\n  except OSError: pass\n" + NEXT
    ),
    "floods every descriptor": (
        "import os\nwhile True:\n  for number in range(30):\n"
        "    try: os.write(number, b'x' * 9999)\n    except OSError: pass\n"
    ),
    "closes every descriptor": "import os\nos.closerange(0, 60)\n" + NEXT,
    "replaces builtins": (
        "import builtins\nbuiltins.print = builtins.exec = lambda *a, **k: None\n"
        "builtins.compile = lambda *a, **k: (lambda: None).__code__\n"
        "builtins.AssertionError = None\ndef f(x): return 7\n"
    ),
    "catches everything": "def f(x):\n  try: raise SystemExit\n  except BaseException: return 7",
    "exits at the end of a test": "import os\ndef f(x): os._exit(0) if x == 2 else 0\n",
    "goes on in a copy": "import os\nif os.fork(): os._exit(0)\n" + NEXT,
    "looks for the nonce": (
        "import __main__, sys\nfor name, value in list(vars(__main__).items()):\n"
        "  if 'report' in name or 'nonce' in name: value('passed')\n"
        "assert not sys.stdin.read() and len(sys.argv) < 2\nsys.exit()"
    ),
}


@pytest.mark.parametrize("code", FORGERIES.values(), ids=FORGERIES)
def test_a_program_that_did_not_finish_its_tests_can_not_pass(code: str) -> None:
    result = run(code)
    assert result.outcome in ("exited", "exception", "wrong_answer")
    assert len(result.error or "") <= 200


@pytest.mark.parametrize(
    "message",
    ["chr(0xD800) + chr(10) + 'b' * 1000", "chr(0) + chr(27) + chr(0x2028) + 'x'", "'é' * 10**6"],
)
def test_an_error_is_one_short_valid_line(message: str) -> None:
    error = run(f"raise ValueError({message})").error or ""
    assert error.startswith("ValueError: ")
    assert len(error) <= 200 and error.isprintable()
    error.encode()


def test_an_error_without_a_message_keeps_its_type() -> None:
    code = "class Odd(Exception):\n  def __str__(self): raise SystemExit\nraise Odd"
    result = run(code)
    assert (result.outcome, result.error, result.error_type) == ("exception", "Odd", "Odd")


def test_a_flood_of_output_is_no_failure() -> None:
    assert run("print('x' * 10**7)\n" + NEXT).passed


def test_setup_code_runs_first_and_its_names_are_shared() -> None:
    tests = ["y = f(3)", "assert math.isclose(y, 3.14, abs_tol=0.01)"]
    code = "def f(x): return math.pi"
    assert run_program(code, tests, "import math").passed
    assert run_program(code, tests).error_type == "NameError"
    assert run_program(code, tests, "import no_such").error_type == "ModuleNotFoundError"


def test_a_test_that_can_not_compile_is_no_pass() -> None:
    result = run_program(NEXT, ["assert f(1) == 2", "assert f(1 ="])
    assert (result.outcome, result.tests_passed) == ("exception", 1)


@pytest.mark.parametrize("tests", [[], ["", " "]])
def test_without_a_test_nothing_is_graded(tests: list[str]) -> None:
    with pytest.raises(InputError, match="test_list"):
        run_program(NEXT, tests)


def test_the_program_is_a_main_module() -> None:
    code = (
        "from __future__ import annotations\nimport pickle\nfrom dataclasses import dataclass\n"
        "@dataclass\nclass A:\n    x: int\n"
        "def f(x): return pickle.loads(pickle.dumps(A(x))).x + (__name__ == '__main__')\n"
    )
    assert run(code).passed


def test_sets_have_the_same_order_in_every_run() -> None:
    code = "def f(x): raise ValueError(''.join({'a', 'b', 'c', 'd', 'e', 'f', 'g', 'h'}))"
    assert len({run(code).error for _ in range(4)}) == 1


def test_the_environment_and_this_project_are_out_of_reach(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET_TOKEN", "x")
    code = (
        "import os, sys\nassert 'SECRET_TOKEN' not in os.environ and 'PATH' not in os.environ\n"
        "assert not any('common_simplified' in path for path in sys.path)\n"
        "assert not os.listdir() and os.getsid(0) == os.getpid()\n" + NEXT
    )
    assert run(code).passed


def test_other_descriptors_are_not_inherited(tmp_path: Path) -> None:
    with (tmp_path / "open").open("w") as file:
        os.set_inheritable(file.fileno(), True)
        higher = fcntl.fcntl(file.fileno(), fcntl.F_DUPFD, file.fileno() + 20)
        result = run(f"import os\nos.fstat({higher})")
        os.close(higher)
    assert "Bad file descriptor" in (result.error or "")


def test_what_a_program_leaves_is_removed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    code = (
        "import os, tempfile\ntempfile.mkstemp()\nopen('x', 'w').close()\n"
        "os.symlink('/', 'link')\nos.mkdir('locked', 0)\n"
        "for _ in range(1500):\n    os.mkdir('d')\n    os.chdir('d')\n" + NEXT
    )
    try:
        assert run(code).passed
        assert list(tmp_path.iterdir()) == []
    finally:
        # What is left is too deep for pytest's own removal.
        subprocess.run(["rm", "-rf", *tmp_path.iterdir()], check=True)


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    if not Path("/proc/self/stat").exists():
        return True
    try:
        # A killed process nobody has waited for yet is a zombie.
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux adopts orphans")
@pytest.mark.parametrize("ending", [NEXT, "os._exit(0)", "time.sleep(60)"])
def test_without_a_filter_what_a_program_started_is_killed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ending: str
) -> None:
    use(monkeypatch, Isolation(None, 0, False))
    note = tmp_path / "pid"
    code = (
        "import os, time\nif not os.fork():\n    os.setsid()\n    if os.fork(): os._exit(0)\n"
        f"    with open({str(note)!r}, 'w') as file: file.write(str(os.getpid()))\n"
        f"    time.sleep(60)\ntime.sleep(0.3)\n{ending}"
    )
    begin = time.monotonic()
    run(code, SHORT)
    assert time.monotonic() - begin < 5
    pid = int(note.read_text())
    deadline = time.monotonic() + 5
    while _is_alive(pid) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not _is_alive(pid)


def test_threads_and_exit_handlers_do_not_delay_the_verdict() -> None:
    code = (
        "import atexit, threading, time\natexit.register(time.sleep, 60)\n"
        "threading.Thread(target=time.sleep, args=(60,)).start()\n" + NEXT
    )
    assert run(code).passed


def test_descriptors_of_this_process_are_closed() -> None:
    run(NEXT)
    before = os.dup(0)
    os.close(before)
    for code in (NEXT, "while True: pass", "import os\nos._exit(0)"):
        run(code, SHORT)
    after = os.dup(0)
    os.close(after)
    assert after == before


def test_many_programs_keep_their_order_and_run_at_once() -> None:
    sleeper = ProgramJob("import time\ntime.sleep(1)\n" + NEXT, TESTS)
    jobs = [sleeper, ProgramJob("", TESTS), ProgramJob(NEXT, ["assert f(-1)"]), sleeper]
    jobs += [sleeper, ProgramJob("def f(x): return math.pi", ["assert f(1)"], "import math")]
    begin = time.monotonic()
    results = evaluate_many([*jobs, sleeper], PATIENT, workers=4)
    assert time.monotonic() - begin < 3
    outcomes = [result.outcome for result in results]
    assert outcomes == ["passed", "empty", "wrong_answer", *["passed"] * 4]


def test_many_tests_are_all_counted() -> None:
    result = run_program(NEXT, ["assert f(1) == 2"] * 3000, limits=PATIENT)
    assert (result.outcome, result.tests_passed) == ("passed", 3000)


@pytest.mark.parametrize("python", ["/nowhere/python", "/bin/false"])
def test_an_interpreter_that_can_not_run_is_an_error(
    monkeypatch: pytest.MonkeyPatch, python: str
) -> None:
    use(monkeypatch, Isolation(None, 0, False))
    monkeypatch.setattr(pool, "server_command", lambda _found: [python])
    with pytest.raises(RunError, match="the sandbox can't be started.*`" + python):
        run(NEXT)


def test_an_interrupt_leaves_no_process(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    own = use(monkeypatch, Isolation(None, 0, False))
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    assert run(NEXT).passed
    server = own._idle[0]

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(server, "ask", interrupt)
    with pytest.raises(KeyboardInterrupt):
        run("while True: pass")
    assert server._process.returncode is not None
    assert own._idle == []
    assert list(tmp_path.iterdir()) == []


def test_a_program_too_long_to_be_sent_is_no_pass() -> None:
    assert run("#" * 2**24 + "\n" + NEXT).outcome == "exited"
    assert run(NEXT).passed


def test_a_server_that_was_killed_is_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    own = use(monkeypatch, isolation())
    assert run(NEXT).passed
    own._idle[0]._process.kill()
    assert run(NEXT).passed


def test_it_can_be_called_from_many_threads() -> None:
    outcomes: list[str] = []
    threads = [
        threading.Thread(target=lambda: outcomes.append(run(NEXT).outcome)) for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert outcomes == ["passed"] * 8
