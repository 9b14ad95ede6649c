"""The levels of isolation: what a program can reach at each, and what the user is told."""

import platform
import sys

import pytest

from common.errors import InputError
from common_simplified import sandbox
from common_simplified.sandbox import Isolation, isolation, pool, require_isolation, run_program

NEXT = "def f(x):\n    return x + 1\n"
TESTS = ["assert f(1) == 2"]
REFUSALS = ("PermissionError", "FileNotFoundError", "OSError", "ValueError")
NONE = Isolation(None, 0, False)
# A system call with arguments of 64 bits, of which the kernel takes what it needs.
CALL = """
import ctypes
def call(number, *arguments):
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.syscall(*map(ctypes.c_long, (number, *arguments))) < 0:
        raise OSError(ctypes.get_errno(), "refused")
"""
NUMBERS = {"x86_64": {"fcntl": 72, "prctl": 157}, "aarch64": {"fcntl": 25, "prctl": 167}}.get(
    platform.machine(), {"fcntl": -1, "prctl": -1}
)


def levels():
    """The levels that this machine offers, by their names."""
    found = isolation()
    yield "limits", NONE
    if found.landlock and found.seccomp:
        yield "landlock", Isolation(None, found.landlock, True)
    if found.bubblewrap and found.seccomp:
        yield "bubblewrap", Isolation(found.bubblewrap, 0, True)
        yield "all", found


LEVELS = dict(levels()) if sys.platform == "linux" else {"limits": NONE}
FULL = {name: level for name, level in LEVELS.items() if level.full}


@pytest.fixture
def use(monkeypatch):
    def use(level):
        monkeypatch.setattr(pool, "isolation", lambda: level)
        monkeypatch.setattr(sandbox, "POOL", pool.Pool())

    return use


@pytest.mark.parametrize("name", LEVELS)
def test_honest_programs_pass_at_every_level(use, name):
    use(LEVELS[name])
    code = "open('note', 'w').write('x')\ndef f(x): return x + len(open('note').read())"
    for _ in range(3):
        result = run_program(code, TESTS)
        assert result.passed, result
    assert run_program("import os\nassert os.listdir() == []\n" + NEXT, TESTS).passed


@pytest.mark.parametrize("name", FULL)
@pytest.mark.parametrize(
    "attack",
    [
        "open({secret!r}).read()",
        "open({canary!r}, 'w')",
        "os.unlink({canary!r})",
        "os.listdir(os.path.dirname({secret!r}))",
        "os.rename({canary!r}, 'mine')",
        "os.link({secret!r}, 'mine')",
        "os.symlink({secret!r}, 'link'); open('link')",
        "os.chmod({canary!r}, 0)",
        "open('/etc/passwd')",
        "open(f'/proc/{{os.getppid()}}/environ')",
        "os.fork()",
        "os.execv('/bin/true', ['true'])",
        "os.kill(os.getppid(), 0)",
        "fcntl.fcntl(0, fcntl.F_SETOWN, os.getppid())",
        "call({fcntl}, 0, fcntl.F_SETOWN | 1 << 32, os.getppid())",
        "call({prctl}, 1, 0)",  # to outlive its keepers: PR_SET_PDEATHSIG
        "call({prctl}, 1 | 1 << 32, 0)",
        "socket.socket(socket.AF_UNIX)",
        "socket.create_connection(('127.0.0.1', 1))",
        "resource.setrlimit(resource.RLIMIT_AS, (-1, -1))",
    ],
)
def test_full_isolation_keeps_programs_from_files_processes_and_networks(
    use, tmp_path, name, attack
):
    use(FULL[name])
    secret, canary = tmp_path / "secret", tmp_path / "canary"
    secret.write_text("hidden")
    canary.write_text("alive")
    line = attack.format(secret=str(secret), canary=str(canary), **NUMBERS)
    code = f"import fcntl, os, resource, socket\n{CALL if 'call(' in line else ''}{line}\n{NEXT}"
    result = run_program(code, TESTS)
    assert result.outcome == "exception", result
    assert result.error_type in REFUSALS, result
    assert canary.read_text() == "alive"
    assert secret.stat().st_nlink == 1
    assert canary.stat().st_mode & 0o777 != 0


def test_strict_refuses_what_is_not_full(monkeypatch):
    monkeypatch.setattr(isolation_module_of(require_isolation), "isolation", lambda: NONE)
    with pytest.raises(InputError, match="PVA_SAE_SANDBOX=strict.*partial .resource limits.*apt"):
        require_isolation("strict")


def test_otherwise_it_is_told_once(monkeypatch, caplog):
    module = isolation_module_of(require_isolation)
    monkeypatch.setattr(module, "isolation", lambda: NONE)
    module._warn_once.cache_clear()
    for _ in range(3):
        require_isolation("auto")
    assert sum("partial (resource limits)" in line for line in caplog.messages) == 1
    module._warn_once.cache_clear()


def isolation_module_of(function):
    return sys.modules[function.__module__]


@pytest.mark.skipif(sys.platform != "linux", reason="Landlock and seccomp are Linux's")
def test_this_machines_level_says_what_it_is_made_of():
    found = isolation()
    assert str(found).startswith("full (" if found.full else "partial (")
    assert ("seccomp" in str(found)) == found.seccomp
    assert require_isolation("auto") == found
