import re

import pytest

from phase4_5.report.page.colours import MAX_CHARACTERS, colours, utf16_length


def painted(code):
    """The text of each kind."""
    data = code.encode("utf-16-le", "surrogatepass")
    found: dict[str, list[str]] = {}
    start = 0
    for kind, length in re.findall(r"([a-z])(\d+)", colours(code)):
        end = start + 2 * int(length)
        found.setdefault(kind, []).append(data[start:end].decode("utf-16-le", "surrogatepass"))
        start = end
    assert start in (0, len(data))
    return found


def test_the_parts_of_a_program():
    found = painted("def add(a):\n    # sum\n    return a + 12 if a is not None else len('é')\n")
    assert found["k"][:2] == ["def", "return"]
    assert {"if", "is", "not", "None", "else"} <= set(" ".join(found["k"]).split())
    assert found["f"] == ["add"]
    assert found["c"] == ["# sum"]
    assert found["n"] == ["12"]
    assert found["s"] == ["'é'"]
    assert found["b"] == ["len"]
    assert found["o"] == ["+"]


@pytest.mark.parametrize(
    "code",
    [
        "",
        "x\r\ny = '''never closed",
        "def \x00(:\n\t\ud800 = '😀' + \u202e'x'\n",
        "#" * 3000,
        "))))) ]],],],],],],],] class def 0x 1e 'a\"",
        "x = 1" * 500,
    ],
)
def test_any_text_is_covered_or_plain(code):
    painted(code)


def test_emoji_count_as_in_javascript():
    assert utf16_length("a😀") == 3
    assert painted("x = '😀' # 😀")["c"] == ["# 😀"]


def test_plain_and_very_long_texts_need_no_runs():
    assert colours("just words here") in ("", "t15")
    assert colours("x = 1\n" * MAX_CHARACTERS) == ""
