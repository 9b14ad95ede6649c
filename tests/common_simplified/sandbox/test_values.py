"""How a test is graded by values: what crosses from the program's process, and what doesn't."""

import json
import math
import os
from collections import Counter, OrderedDict, defaultdict, deque, namedtuple
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import IntEnum
from fractions import Fraction

import pytest

from common_simplified.sandbox import SandboxLimits, run_program
from common_simplified.sandbox.inside import wire


def hold(value):
    raise wire.NotData(type(value).__name__)


def crossed(value):
    return wire.decode(wire.encode(value, hold), lambda *held: held)


@pytest.mark.parametrize(
    "value",
    [
        *(None, True, 0, -7, 2**53, -(2**200), 0.1, -0.0, math.inf, 3 + 4j),
        *("", "é\n\ud800", b"\x00\xff", bytearray(b"ab"), range(3, 9, 2)),
        *([1, [2, []]], (1, (2,)), frozenset({(1, 2)}), {"a": [1], (1,): {2: None}}),
        # The order in it differs from process to process, and so would a name made of it.
        pytest.param({1, "a"}, id="a set"),
        *(deque([1, 2]), Counter("aab"), OrderedDict(b=1, a=2), Fraction(1, 3), Decimal("1.10")),
        *(date(2024, 2, 29), datetime(2024, 1, 2, 3, 4), time(5, 6), timedelta(days=-1, seconds=3)),
    ],
    ids=repr,
)
def test_data_crosses_as_it_is(value):
    assert crossed(value) == value
    assert type(crossed(value)) is type(value)
    assert math.copysign(1, crossed(-0.0)) == -1
    assert math.isnan(crossed(math.nan))


@pytest.mark.parametrize(
    "message",
    [
        *([], [1, -2, [3.5, None, True]], {"a": {}}, {"a": 1, "b": [2]}, 'a"b\\c\n', "é\ud800"),
        *([0] * 100, ["x" * 1000], {'"': "'"}, -(10**30), math.inf),
    ],
    ids=lambda message: repr(message)[:20],
)
def test_what_is_written_is_json(message):
    source, sink = os.pipe()
    channel = wire.Channel(source, sink)
    channel.send(message)
    assert channel.receive() == message
    frame = wire.json_frame(message)
    assert json.loads(frame[8:]) == message
    assert frame[8:].isascii()
    os.close(source)
    os.close(sink)


def test_subclasses_cross_as_the_plain_type():
    class Color(IntEnum):
        RED = 3

    class Text(str):
        def __eq__(self, other):
            return True

        __hash__ = str.__hash__

    Point = namedtuple("Point", "x y")
    point = Point(1, 2)
    counted = defaultdict(int, a=1)
    for value, plain in ((Color.RED, 3), (Text("a"), "a"), (point, (1, 2)), (counted, {"a": 1})):
        assert type(crossed(value)) is type(plain)
        assert crossed(value) == plain


def test_views_of_keys_cross_as_such():
    assert crossed({"b": 1, "a": 2}.keys()) == {"a", "b"}


@pytest.mark.parametrize(
    "sent",
    [{"set": [[]]}, {"nothing": 1}, {"int": "x"}, {"set": [1], "dict": []}, {"float": []}, {}],
    ids=repr,
)
def test_what_no_honest_program_sends_is_refused(sent):
    with pytest.raises(wire.Nonsense):
        wire.decode(sent, lambda *held: held)


NODE = "class Node:\n    def __init__(self, v): self.v = v\n    def up(self): return self.v + 1\n"
POINT = NODE + "    def __eq__(self, other): return self.v == other.v\n"


@pytest.mark.parametrize(
    ("code", "test"),
    [
        ("def f(x): return (i for i in range(x))", "assert list(f(3)) == [0, 1, 2]"),
        ("def f(x): return iter(range(x))", "assert list(f(3)) == [0, 1, 2] and next(f(1)) == 0"),
        ("def f(x): return (1 // i for i in x)", "assert next(f([1, 0])) == 1 and f([0]) != [1]"),
        ("def g(x): return map(str, x)\ndef f(x): return list(x)", "assert f(g([1])) == ['1']"),
        ("def f(x): return iter(range(10**6))", "assert sum(f(1)) == 499999500000"),
        ("import itertools\nf = itertools.count", "assert next(f(3)) == 3 and 7 in f(1)"),
        ("def f(x): return [x, x]", "assert sorted(set(f(2))) == [2]"),
        ("def f(x): return x", "assert all(f(x) == y for x, y in [(1, 1), (2, 2)])"),
        ("def f(x): return x / 3", "assert round(f(1), 2) == 0.33"),
        ("import math\ndef f(x): return x", "assert math.isclose(f(3.14), math.pi, rel_tol=0.01)"),
        ("def f(g, x): return g(x)", "assert f(lambda x: x + 1, 1) == 2"),
        ("def f(g, xs): return max(xs, key=g)", "assert f(len, ['a', 'bb']) == 'bb'"),
        ("def sum(xs): return 'mine'", "assert sum([1]) == 'mine'"),
        ("def f(xs): return {*xs}\ndef set(xs): return 0", "assert f([1]) == set([1])"),
        ("def g(x): return x + 1\ndef f(x): return x * 2", "assert f(g(1)) == 4"),
        ("LIMIT = 3", "assert LIMIT == 3"),
        (NODE, "assert Node(3).v == 3 and Node(3).up() == 4"),
        (NODE + "def f(n): return n.v", "assert f(Node(5)) == 5"),
        (POINT, "assert Node(1) == Node(1) and Node(1) != Node(2)"),
        (NODE + "    def __len__(self): return 7", "assert len(Node(1)) == 7"),
        (NODE + "    def __add__(self, n): return self.v + n.v", "assert Node(1) + Node(2) == 3"),
        ("def bisect(xs): return xs", "assert bisect([1]) == [1]"),
        (NODE + "    def __getitem__(self, n): return n * 2", "assert Node(1)[4] == 8"),
        (NODE + "    def __str__(self): return 'me'", "assert str(Node(1)) == 'me'"),
        ("def f(x):\n    yield x\n    yield x + 1", "assert tuple(f(1)) == (1, 2)"),
        ("def f(xs): xs.sort()", "x = [2, 1]\nf(x)\nassert x == [1, 2]"),
        ("def f(x): return None", "assert f(1) is None"),
        ("def f(x): return x == 1", "assert f(1) is True and not f(2)"),
        ("def f(*xs, **named): return [xs, named]", "assert f(1, *[2], k=3) == [(1, 2), {'k': 3}]"),
        (
            "from collections import Counter\ndef f(x): return Counter(x)",
            "assert f('aa') == {'a': 2}",
        ),
        ("def f(n): return [] if n == 0 else [f(n - 1)]", "assert len(f(300)) == 1"),
        ("def f(n): return 10**n", "assert f(5000) % 7 == 2"),
    ],
)
def test_a_right_program_passes(code, test):
    # Longer than usual: other tests take the cores.
    result = run_program(code, [test], limits=SandboxLimits(timeout_seconds=20))
    assert result.passed, result


@pytest.mark.parametrize(
    ("code", "test", "outcome"),
    [
        ("def f(x): return (1 // i for i in x)", "assert list(f([1, 0])) == [1]", "exception"),
        ("def f(x): return (1 // i for i in x)", "assert f([0]) == []", "wrong_answer"),
        ("def f(x): return g(x)", "assert f(1) == 1", "exception"),
        ("def f(x): raise SystemExit", "assert f(1) == 1", "exited"),
        ("def f(x): return [0] * 10**9", "assert f(1) == 1", "memory"),
        ("def f(x): return x", "assert f(1).upper() == 'A'", "exception"),
        ("def f(x): return x", "assert f(1) == g", "exception"),
    ],
)
def test_a_wrong_program_fails_as_in_a_plain_interpreter(code, test, outcome):
    assert run_program(code, [test]).outcome == outcome


ALWAYS = "class Any:\n    def __eq__(self, other): return True\n    __ne__ = __lt__ = __gt__ = "
ALWAYS += "__contains__ = __ge__ = __le__ = __eq__\n    __hash__ = None\n"
ALWAYS += "    __sub__ = __rsub__ = __abs__ = lambda *_: 0\n"
ALWAYS += "class math:\n    isclose = lambda *_: True\n"


@pytest.mark.parametrize(
    "code",
    [
        ALWAYS + "def f(x): return Any()",
        ALWAYS + "class L(Any, list): pass\ndef f(x): return L([3])",
        "class I(int):\n    __eq__ = lambda *_: True\ndef f(x): return I(5)",
        "class S(str):\n    __eq__ = lambda *_: True\n    __hash__ = None\ndef f(x): return S('n')",
        "def f(x): return f",
        "import builtins\nbuiltins.sorted = lambda x: [1]\ndef f(x): return [2]",
    ],
)
@pytest.mark.parametrize(
    "test",
    [
        *("assert f(1) == 1", "assert 1 in f(1)", "assert sorted([f(1)]) == [1]"),
        *("assert abs(f(1) - 1) < 0.1", "assert 1 - f(1) == 0", "assert math.isclose(f(1), 1)"),
    ],
)
def test_an_object_that_claims_to_equal_everything_does_not(code, test):
    assert not run_program(code, [test]).passed


def test_a_program_never_sees_what_is_expected():
    code = (
        "import gc, sys\n"
        "def f(x):\n"
        "    seen = [o for o in gc.get_objects() if isinstance(o, (str, list, dict, tuple))]\n"
        "    expected = str(96303246 // int('2'))\n"
        "    return any(expected in repr(o)[:9999] for o in seen if o is not seen)\n"
    )
    limits = SandboxLimits(timeout_seconds=20)
    assert run_program(code, ["assert f(1) != 48151623 and not f(1)"], limits=limits).passed


def test_random_programs_get_the_same_verdict_every_time():
    code = "import random\ndef f(n): return [random.random() for _ in range(n)]\nf(3)"
    first = run_program(code + "\nraise ValueError(f(2))", ["assert f(1)"]).error
    assert run_program(code + "\nraise ValueError(f(2))", ["assert f(1)"]).error == first


def test_a_name_that_an_earlier_test_defined_is_known_to_the_next():
    assert run_program("def f(x): return x", ["y = f(3)", "assert y == 3"]).tests_passed == 2


def test_classes_of_the_setup_are_the_programs_too():
    setup = "class Pair:\n    def __init__(self, a): self.a = a\nimport math"
    code = "def f(pair): return pair.a + math.floor(0.5)"
    assert run_program(code, ["assert f(Pair(2)) == 2", "assert math.pi > 3"], setup).passed
