"""Kinds that name a value after the range or the rule it falls under."""

from random import Random

from embedded.kinds.base import Draft, draft, kind
from embedded.kinds.inputs import number_lists, numbers, two_numbers, words
from embedded.kinds.parts import (
    LABELS,
    LISTS,
    NUMBERS,
    divisor_test,
    limit_test,
    number_test,
    word_test,
)


@kind("two_labels")
def two_labels(rng: Random) -> Draft:
    """Return one of two labels."""
    n = rng.choice(NUMBERS)
    test = number_test(rng, n)
    yes, no = rng.sample(LABELS, 2)
    return draft(
        rng,
        asks=(
            f"return '{yes}' if a number is {test.text} and '{no}' otherwise",
            f"return '{no}' for a number, or '{yes}' if it is {test.text}",
        ),
        name="label|name num|value",
        args=n,
        body=(f"if {test.code}:", f"    return '{yes}'", f"return '{no}'"),
        inputs=numbers(rng, 0, 20),
        details=(test.key, yes, no),
    )


@kind("three_labels")
def three_labels(rng: Random) -> Draft:
    """Return one of three labels by two limits."""
    n = rng.choice(NUMBERS)
    low, high = rng.randint(4, 9), rng.randint(11, 16)
    a, b, c = rng.sample(LABELS, 3)
    return draft(
        rng,
        asks=(
            f"return '{a}' for a number below {low}, '{c}' for one above {high} "
            f"and '{b}' otherwise",
            f"return '{b}' for a number from {low} to {high}, '{a}' for a smaller one "
            f"and '{c}' for a larger one",
        ),
        name="label|name range|level",
        args=n,
        body=(
            f"if {n} < {low}:",
            f"    return '{a}'",
            f"elif {n} > {high}:",
            f"    return '{c}'",
            f"return '{b}'",
        ),
        inputs=numbers(rng, 0, 22),
        details=(low, high, a, b, c),
    )


@kind("many_labels")
def many_labels(rng: Random) -> Draft:
    """Return one of four or five labels by rising limits."""
    n = rng.choice(NUMBERS)
    limits = sorted(rng.sample(range(3, 25), rng.randint(3, 4)))
    labels = rng.sample(LABELS, len(limits) + 1)
    closed = rng.random() < 0.5
    sign, word = ("<=", "up to") if closed else ("<", "below")
    ranges = ", ".join([f"'{b}' {word} {k}" for b, k in zip(labels, limits, strict=False)])
    body = []
    for place, (label, limit) in enumerate(zip(labels, limits, strict=False)):
        body += [f"{'elif' if place else 'if'} {n} {sign} {limit}:", f"    return '{label}'"]
    return draft(
        rng,
        asks=(
            f"label a number: {ranges}, and '{labels[-1]}' otherwise",
            f"return the label of a number, {ranges} or else '{labels[-1]}'",
        ),
        name="label|name step|level",
        args=n,
        body=(*body, f"return '{labels[-1]}'"),
        inputs=numbers(rng, 0, 28),
        details=(sign, tuple(limits), tuple(labels)),
    )


@kind("nested_labels")
def nested_labels(rng: Random) -> Draft:
    """Return one of four labels by a test within a test."""
    n = rng.choice(NUMBERS)
    outer = divisor_test(rng, n)
    first, second = limit_test(rng, n), limit_test(rng, n)
    a, b, c, d = rng.sample(LABELS, 4)
    return draft(
        rng,
        asks=(
            f"For a number that is {outer.text} return '{a}' if it is {first.text}, else '{b}'; "
            f"for others '{c}' if {second.text}, else '{d}'",
            f"If a number is {outer.text}, return '{a}' when {first.text} or else '{b}'; "
            f"if not, '{c}' when {second.text} or else '{d}'",
        ),
        name="label|name both|deep",
        args=n,
        body=(
            f"if {outer.code}:",
            f"    if {first.code}:",
            f"        return '{a}'",
            f"    return '{b}'",
            f"if {second.code}:",
            f"    return '{c}'",
            f"return '{d}'",
        ),
        inputs=numbers(rng, 0, 24),
        details=(outer.key, first.key, second.key, a, b, c, d),
    )


@kind("compare_two")
def compare_two(rng: Random) -> Draft:
    """Label two numbers by how far they are apart."""
    gap, other = rng.randint(1, 6), rng.randint(1, 6)
    a, b, c = rng.sample(LABELS, 3)
    return draft(
        rng,
        asks=(
            f"return '{a}' if the first of two numbers is more than {gap} above the second, "
            f"'{b}' if it is more than {other} below, else '{c}'",
            f"For two numbers, return '{a}' if the first is larger by more than {gap}, "
            f"'{b}' if smaller by more than {other}, else '{c}'",
        ),
        name="compare|label two|both",
        args="a, b",
        body=(
            f"if a > b + {gap}:",
            f"    return '{a}'",
            f"elif a < b - {other}:",
            f"    return '{b}'",
            f"return '{c}'",
        ),
        inputs=two_numbers(rng),
        details=(gap, other, a, b, c),
    )


@kind("both_one_none")
def both_one_none(rng: Random) -> Draft:
    """Label a number by whether it passes both, one or none of two tests."""
    n = rng.choice(NUMBERS)
    first, second = limit_test(rng, n), divisor_test(rng, n)
    a, b, c = rng.sample(LABELS, 3)
    return draft(
        rng,
        asks=(
            f"return '{a}' if a number is {first.text} and {second.text}, "
            f"'{b}' if it is only one of these, else '{c}'",
            f"label a number '{a}' if it is both {first.text} and {second.text}, "
            f"'{b}' if just one of them, '{c}' if none",
        ),
        name="both|one none|label",
        args=n,
        body=(
            f"if {first.code} and {second.code}:",
            f"    return '{a}'",
            f"if {first.code} or {second.code}:",
            f"    return '{b}'",
            f"return '{c}'",
        ),
        inputs=numbers(rng, 0, 24),
        details=(first.key, second.key, a, b, c),
    )


@kind("label_list")
def label_list(rng: Random) -> Draft:
    """Label every number of a list."""
    nums = rng.choice(LISTS)
    low, high = rng.randint(4, 9), rng.randint(11, 16)
    a, b, c = rng.sample(LABELS, 3)
    return draft(
        rng,
        asks=(
            f"label each number in a list '{a}' if below {low}, '{b}' if above {high}, else '{c}'",
            f"return a list with '{a}' for each number below {low}, '{b}' for each above {high} "
            f"and '{c}' for the rest",
        ),
        name="label|name list|each",
        args=nums,
        body=(
            "out = []",
            f"for x in {nums}:",
            f"    if x < {low}:",
            f"        out.append('{a}')",
            f"    elif x > {high}:",
            f"        out.append('{b}')",
            "    else:",
            f"        out.append('{c}')",
            "return out",
        ),
        inputs=number_lists(rng),
        details=(low, high, a, b, c),
    )


@kind("label_word")
def label_word(rng: Random) -> Draft:
    """Label a word by two tests in order."""
    first = second = word_test(rng, "word")
    while first.key[0] == second.key[0]:
        second = word_test(rng, "word")
    a, b, c = rng.sample(LABELS, 3)
    return draft(
        rng,
        asks=(
            f"return '{a}' if a word {first.single}, '{b}' if it {second.single}, else '{c}'",
            f"label a word '{a}' if it {first.single}, or else '{b}' if it {second.single}, "
            f"or else '{c}'",
        ),
        name="label|name word|text",
        args="word",
        body=(
            f"if {first.code}:",
            f"    return '{a}'",
            f"elif {second.code}:",
            f"    return '{b}'",
            f"return '{c}'",
        ),
        inputs=words(rng),
        details=(first.key, second.key, a, b, c),
    )
