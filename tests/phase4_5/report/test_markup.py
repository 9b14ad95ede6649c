import pytest

from phase4_5.report.markup import WIDTH, block, code, escape, prose, quote, table


@pytest.mark.parametrize(
    ("text", "escaped"),
    [
        ("a plain sentence, 5 % (of 10).", "a plain sentence, 5 % (of 10)."),
        ("<b>&lt;", r"\<b\>\&lt;"),
        ("a|b `c` *d* [e](f) #g ~h~ $i$ !j", r"a\|b \`c\` \*d\* \[e\](f) \#g \~h\~ \$i\$ \!j"),
        ("a\\b", r"a\\b"),
        ("in_a_word _not_ __init__", r"in_a_word \_not\_ \_\_init\_\_"),
        ("two\nlines\r\n and\ttabs", "two lines and tabs"),
        ("\x1b[31m\u202e\ud800\x00", r"?\[31m???"),
    ],
)
def test_escaped_text_has_no_markup(text, escaped):
    assert escape(text) == escaped


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a name", "`a name`"),
        ("a `b`", "`` a `b` ``"),
        ("``", "``` `` ```"),
        ("<b>|\n", "`<b>|?`"),
        ("", "`  `"),
    ],
)
def test_code_is_as_it_was_written(text, shown):
    assert code(text) == shown


def test_a_block_ends_where_it_should():
    assert block(["a", "b"]) == "```text\na\nb\n```"
    assert block(["  ````", "x\ny"]) == "`````text\n  ````\nx?y\n`````"


def test_a_quote_keeps_its_paragraphs_and_nothing_else():
    assert quote("one\n\ntwo\r\nthree") == "> one\n>\n> two\n>\n> three"
    assert quote("- a\n+ b\n=== c\n12. d\n3) e\n--- f") == (
        "> \\- a\n>\n> \\+ b\n>\n> \\=== c\n>\n> 12\\. d\n>\n> 3\\) e\n>\n> \\--- f"
    )
    assert quote("0.40 and -5 and +3 stay") == "> 0.40 and -5 and +3 stay"
    assert quote(" \n ") == "> (nothing)"


def test_long_text_is_put_into_lines():
    text = prose("- " + "some words, 20.0 % of them; " * 20, "  ")
    lines = text.splitlines()
    assert len(lines) > 4
    assert all(len(line) <= WIDTH for line in lines)
    assert all(line.startswith("  ") for line in lines[1:])
    assert not any(line.strip().startswith("%") for line in lines)
    # A number at the start of a line would begin a list.
    assert prose("x" * (WIDTH - 1) + " 12. y").splitlines()[1] == r"12\. y"


def test_a_table():
    assert table(["name", "n"], [["a", "1"], ["longer", "1000"]]) == (
        "| name   |    n |\n"
        "| ------ | ---: |\n"
        "| a      |    1 |\n"
        "| longer | 1000 |"
    )  # fmt: skip
