import pytest

from phase4_5.analysis.changes import what_changed

BASELINE = "def f(a, b):\n    if a > 1:\n        return len(b) + 1\n    return 2"


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("", "", []),
        ("return 2", "return 2  # two\n", []),
        ("return 2", "return (2)", []),
        ("b", "c", ["names"]),
        ("def f", "def g", ["names"]),
        ("a > 1", "a < 1", ["operators"]),
        ("a > 1", "a > 1.0", ["literals"]),
        ("a > 1", "a > True", ["literals"]),
        ("return 2", "return 3", ["literals"]),
        ("len(b)", "sum(b)", ["calls"]),
        ("if a", "while a", ["control_flow"]),
        ("a > 1", "a > 1 and b", ["names", "operators"]),
        ("a > 1", "1 > a", ["structure"]),
        ("def f", "import os\ndef f", ["calls", "structure"]),
        ("a > 1:", "a > 1", ["syntax"]),
        (BASELINE, "", ["names", "operators", "control_flow", "literals", "calls", "structure"]),
    ],
)
def test_what_changed(old, new, expected):
    assert what_changed(BASELINE, BASELINE.replace(old, new) if old else BASELINE) == expected
    assert what_changed(BASELINE.replace(old, new) if old else BASELINE, BASELINE) == expected


def test_how_often_counts():
    assert what_changed("x = a + b", "x = a + b + b") == ["names", "operators"]


def test_the_same_unparseable_text_is_no_change():
    assert what_changed("def f(", "def f(") == []
    assert what_changed("def f(", "def g(") == ["syntax"]


def test_a_lost_condition_is_control_flow():
    assert what_changed("if a: b", "a\nb") == ["control_flow"]


def test_nesting_is_structure():
    inside = "def f(a):\n    for x in a:\n        g(x)\n        h()"
    outside = "def f(a):\n    for x in a:\n        g(x)\n    h()"
    assert what_changed(inside, outside) == ["structure"]


def test_names_that_are_no_nodes_are_seen():
    assert what_changed("def f():\n    global a", "def f():\n    global b") == ["structure"]
