"""The share of repeated 3-grams, on texts where it can be counted by hand."""

import pytest

from phase4_5.analysis.repetition import repeated_share


@pytest.mark.parametrize(
    ("text", "share"),
    [
        ("a b c d e", 0.0),
        ("a a a a a", 2 / 3),  # aaa three times, of which two were there before
        ("a b c a b c", 1 / 4),  # abc bca cab abc
        ("a b a b a b a b", 4 / 6),
        ("a b c", 0.0),
    ],
)
def test_the_share_of_3_grams_that_occurred_before(text, share):
    assert repeated_share(text.split()) == pytest.approx(share)


@pytest.mark.parametrize("tokens", [[], [1], [1, 2]])
def test_a_text_of_fewer_tokens_has_none(tokens):
    assert repeated_share(tokens) is None
