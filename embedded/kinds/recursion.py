"""Kinds whose reference solutions call themselves."""

from random import Random

from embedded.kinds.base import Draft, draft, kind, pick_name
from embedded.kinds.inputs import number_lists, numbers, words
from embedded.kinds.parts import (
    LISTS,
    MARKS,
    number_step,
    number_test,
    word_step,
)

# Every function here has a fixed name, since its body has to know it.


@kind("rec_linear")
def rec_linear(rng: Random) -> Draft:
    """f(n) = p * f(n - k) + q, with a base value."""
    f = pick_name(rng, "rec|chain value|term")
    p, q, k, base = rng.randint(1, 3), rng.randint(1, 9), rng.randint(1, 3), rng.randint(0, 9)
    limit = rng.randint(0, 2)
    times = f"{p} times " if p > 1 else ""
    code = f"{p} * {f}(n - {k})" if p > 1 else f"{f}(n - {k})"
    return draft(
        rng,
        asks=(
            f"use recursion: f(n) is {base} if n is at most {limit}, "
            f"else {times}f(n - {k}) plus {q}",
            f"return f(n) by recursion, which is {times}f(n - {k}) plus {q}, "
            f"or {base} for n up to {limit}",
        ),
        name=f,
        args="n",
        body=(f"if n <= {limit}:", f"    return {base}", f"return {code} + {q}"),
        inputs=numbers(rng, 1, 9),
        details=(p, q, k, base, limit),
    )


@kind("rec_two_terms")
def rec_two_terms(rng: Random) -> Draft:
    """f(n) = p * f(n - 1) + q * f(n - 2), with two base values."""
    f = pick_name(rng, "rec|next term|value")
    a, b = rng.randint(0, 5), rng.randint(1, 6)
    p, q = rng.randint(2, 3), rng.randint(2, 3)
    word, sign = rng.choice((("plus", "+"), ("minus", "-")))
    return draft(
        rng,
        asks=(
            f"return f(n) where f(0) is {a}, f(1) is {b} and later terms are {p} times "
            f"the last one {word} {q} times the one before",
            f"use recursion: start with {a} and {b}, then each term is {p} times the last "
            f"{word} {q} times the one before; return term n from 0",
        ),
        name=f,
        args="n",
        body=(
            "if n == 0:",
            f"    return {a}",
            "if n == 1:",
            f"    return {b}",
            f"return {p} * {f}(n - 1) {sign} {q} * {f}(n - 2)",
        ),
        inputs=numbers(rng, 0, 6),
        details=(a, b, p, q, sign),
    )


@kind("rec_list")
def rec_list(rng: Random) -> Draft:
    """Add up the changed numbers that pass a test, one by one."""
    f = pick_name(rng, "rec sum|total")
    nums = rng.choice(LISTS)
    test, step = number_test(rng), number_step(rng)
    base = rng.randint(0, 9)
    return draft(
        rng,
        asks=(
            f"use recursion to add to {base} the numbers of a list that are {test.text}, "
            f"each {step.past}",
            f"By recursion, sum from {base} each number of a list {step.past}, "
            f"but only those that are {test.text}",
        ),
        name=f,
        args=nums,
        body=(
            f"if not {nums}:",
            f"    return {base}",
            f"x = {nums}[0]",
            f"t = {f}({nums}[1:])",
            f"if {test.code}:",
            f"    return t + {step.on('x')}",
            "return t",
        ),
        inputs=number_lists(rng),
        details=(test.key, step.key, base),
    )


@kind("rec_word")
def rec_word(rng: Random) -> Draft:
    """Rebuild a word letter by letter, in order or reversed."""
    f = pick_name(rng, "rec word|text")
    w = rng.choice(("word", "text"))
    step = word_step(rng)
    while step.key[0] in ("reverse", "skip", "cut", "head"):
        step = word_step(rng)
    end = rng.choice(MARKS + ("-", "*", "+", ""))
    turned = rng.random() < 0.5
    order = "from last to first" if turned else "from first to last"
    rest = f"{f}({w}[1:])"
    closing = f", with '{end}' at the end" if end else ""
    if turned:
        rest = f"{f}({w}[:-1])"
    letter = f"{w}[-1]" if turned else f"{w}[0]"
    return draft(
        rng,
        asks=(
            f"use recursion to join the letters of a word {order}, each {step.past}{closing}",
            f"By recursion, take the letters of a word {order}, {step.do('each')} "
            f"and join them{closing}",
        ),
        name=f,
        args=w,
        body=(
            f"if not {w}:",
            f"    return '{end}'",
            f"c = {letter}",
            f"return {step.on('c')} + {rest}",
        ),
        inputs=words(rng),
        details=(step.key, end, turned),
    )


@kind("rec_branch")
def rec_branch(rng: Random) -> Draft:
    """Count down in one of two ways, adding up."""
    f = pick_name(rng, "rec|path count|sum")
    test = number_test(rng, "n", low=3, high=12)
    k, m = rng.randint(1, 3), rng.randint(2, 4)
    p, q = rng.randint(1, 9), rng.randint(1, 9)
    base = rng.randint(0, 9)
    return draft(
        rng,
        asks=(
            f"use recursion: f(n) is {base} for n up to 0, {p} plus f(n - {k}) if n is "
            f"{test.text}, else {q} plus f(n - {m})",
            f"return f(n): f(n - {k}) plus {p} if n is {test.text}, else f(n - {m}) plus {q}, "
            f"and {base} if n is at most 0",
        ),
        name=f,
        args="n",
        body=(
            "if n <= 0:",
            f"    return {base}",
            f"if {test.code}:",
            f"    return {p} + {f}(n - {k})",
            f"return {q} + {f}(n - {m})",
        ),
        inputs=numbers(rng, 1, 15),
        details=(test.key, k, m, p, q, base),
    )


@kind("rec_digits")
def rec_digits(rng: Random) -> Draft:
    """Add up digits by two rules, from the last one on."""
    f = pick_name(rng, "rec digits|digit")
    test, step = number_test(rng, low=2, high=7), number_step(rng)
    k = rng.randint(0, 9)
    return draft(
        rng,
        asks=(
            f"use recursion to sum the digits of n, each {step.past} if it is {test.text} "
            f"and counted as {k} if not",
            f"By recursion, add up {k} for each digit of n, but the digit {step.past} "
            f"if it is {test.text}",
        ),
        name=f,
        args="n",
        body=(
            "if n == 0:",
            "    return 0",
            "x = n % 10",
            f"y = {step.on('x')} if {test.code} else {k}",
            f"return y + {f}(n // 10)",
        ),
        inputs=numbers(rng, 10, 9999),
        details=(test.key, step.key, k),
    )


@kind("rec_down")
def rec_down(rng: Random) -> Draft:
    """List the changed numbers on the way down or up."""
    f = pick_name(rng, "rec|list down|back")
    k, limit, step = rng.randint(2, 5), rng.randint(0, 5), number_step(rng)
    up = rng.random() < 0.5
    if up:
        f = pick_name(rng, "rec|list up|steps")
    order = "from the last back to n" if up else "from n on"
    return draft(
        rng,
        asks=(
            f"use recursion to list n, n - {k} and so on while above {limit}, {order}, "
            f"each {step.past}",
            f"By recursion, go down from n by {k} while above {limit}, {step.do('each number')} "
            f"and list them {order}",
        ),
        name=f,
        args="n",
        body=(
            f"if n <= {limit}:",
            "    return []",
            f"return {f}(n - {k}) + [{step.on('n')}]"
            if up
            else f"return [{step.on('n')}] + {f}(n - {k})",
        ),
        inputs=numbers(rng, 6, 18),
        details=(k, limit, step.key, up),
    )
