"""Programs whose values equal everything, and whose builtins say so."""

from pathlib import Path

import pytest
from hostile_checks import assert_it_gets_nowhere, assert_it_succeeds_unheld
from hostile_programs import LINUX, Hostile, group_of, name_of, provable
from sentinels import Sentinels

ANY = """
class Any{base}:
    def yes(self, *_): return True
    __eq__ = __ge__ = __le__ = __lt__ = __gt__ = __contains__ = __bool__ = yes
    def __ne__(self, _): return False
    __hash__ = None
def f(x): return {value}
"""

PROGRAMS = [
    *group_of(
        "forgeries",
        {
            "equals everything": ANY.format(base="", value="Any()"),
            "a number that equals everything": ANY.format(base="(int)", value="Any(7)"),
            "a text that equals everything": ANY.format(base="(str)", value="Any(7)"),
            "a list that equals everything": ANY.format(base="(list)", value="Any([7])"),
            "a class that equals everything": ANY.format(
                base="(type)", value="Any('B', (), {})"
            ).replace("__hash__ = None", "__hash__ = object.__hash__"),
        },
        provable=True,
    ),
    *[
        Hostile(f"equals everything: {test}", "forgeries", code, (test,), provable=True)
        for test, code in {
            "assert 2 == f(1)": ANY.format(base="(int)", value="Any(7)"),
            "assert f(1) in (2, 3)": ANY.format(base="", value="Any()"),
            "assert not f(1) != 2": ANY.format(base="", value="Any()"),
            "assert f(1) > 1 and f(1) < 3": ANY.format(base="", value="Any()"),
            "assert f(1) == (2, 3)": ANY.format(base="", value="(Any(), Any())"),
            "assert f(1) == {'a': [2]}": ANY.format(base="(str)", value="{'a': [Any()]}"),
            "assert sorted(f(1)) == [2, 3]": ANY.format(base="", value="[Any(), Any()]"),
            "assert abs(f(1) - 2) < 0.1": "class Any:\n    def __sub__(self, _): return 0\n"
            "def f(x): return Any()",
            "assert abs(2 - f(1)) < 0.1": "class Any:\n    def __rsub__(self, _): return 0\n"
            "def f(x): return Any()",
            "assert f(1).__eq__(2)": ANY.format(base="", value="Any()"),
        }.items()
    ],
    *[
        Hostile(f"redefines: {test}", "forgeries", code, (test,), provable=True)
        for test, code in {
            "assert abs(f(1) - 2) < 0.1": "def f(x): return 9\nabs = lambda x: 0",
            "assert sorted(f(1)) == [2]": "def f(x): return [9]\n"
            "class L(list):\n    __eq__ = lambda *_: True\nsorted = L",
            "assert all(x == 2 for x in f(1))": "def f(x): return [9]\nall = lambda _: True",
            "assert len(f(1)) == 2": "def f(x): return [9]\n"
            "import builtins\nbuiltins.len = lambda _: 2",
            "assert math.isclose(f(1), 2)": "def f(x): return 9\n"
            "import math\nmath.isclose = lambda *_: True",
            "assert math.isclose(f(1), 2.0)": "def f(x): return 9\n"
            "class math: isclose = lambda *_: True",
        }.items()
    ],
]


@pytest.mark.parametrize("program", PROGRAMS, ids=name_of)
def test_a_hostile_program_gets_nowhere(program: Hostile, sentinels: Sentinels | None) -> None:
    assert_it_gets_nowhere(program, sentinels)


@pytest.mark.long
@pytest.mark.skipif(not LINUX, reason="nothing but Linux can hold them")
@pytest.mark.parametrize("program", provable(PROGRAMS), ids=name_of)
def test_it_succeeds_where_nothing_holds_it(
    program: Hostile, sentinels: Sentinels, tmp_path: Path
) -> None:
    assert_it_succeeds_unheld(program, sentinels, tmp_path)
