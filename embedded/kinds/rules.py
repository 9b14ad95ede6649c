"""Kinds with many branches: several rules that apply in turn."""

from random import Random

from embedded.kinds.base import Draft, draft, kind
from embedded.kinds.inputs import grids, number_lists, two_lists, words
from embedded.kinds.parts import (
    LABELS,
    LISTS,
    PAIR_RULES,
    divisor_test,
    limit_test,
    number_step,
)


@kind("grid_rules")
def grid_rules(rng: Random) -> Draft:
    """Go through a grid with a rule for rows, rules for cells, and a last step."""
    first, second, third = limit_test(rng), divisor_test(rng), divisor_test(rng)
    row = limit_test(rng, "row[0]", 5, 14)
    word = rng.choice(("and", "or"))
    p, k = rng.randint(2, 9), rng.randint(2, 9)
    while third.key == second.key:
        third = divisor_test(rng)
    return draft(
        rng,
        asks=(
            f"sum a grid without rows whose first number is {row.text}: {p} for each number "
            f"{first.text} {word} {second.text}, else the number itself if {third.text}; "
            f"return at least {k}",
            f"skip grid rows with a first number {row.text} and add {p} for others {first.text} "
            f"{word} {second.text}, else the number if {third.text}; the sum is at least {k}",
        ),
        name="grid|row rules|score",
        args="grid",
        body=(
            "t = 0",
            "for row in grid:",
            f"    if {row.code}:",
            "        continue",
            "    for x in row:",
            f"        if {first.code} {word} {second.code}:",
            f"            t += {p}",
            f"        elif {third.code}:",
            "            t += x",
            f"if t < {k}:",
            f"    return {k}",
            "return t",
        ),
        inputs=grids(rng),
        details=(row.key, first.key, word, second.key, p, third.key, k),
    )


@kind("zip_rules")
def zip_rules(rng: Random) -> Draft:
    """Score two lists place by place with a rule for each of four cases."""
    first, second = limit_test(rng, "a", 4, 8), limit_test(rng, "b", 4, 8)
    rule = rng.choice(PAIR_RULES)
    p, q = rng.randint(1, 9), rng.randint(1, 9)
    return draft(
        rng,
        asks=(
            f"For each a and b of two lists, add 1 if they are equal, or their {rule.text} if a is "
            f"{first.text} and b {second.text}, or {p} if just one holds, else minus {q}",
            f"score two lists: 1 for equal a and b, else their {rule.text} if a is {first.text} "
            f"and b {second.text}, else {p} if either is so, else minus {q}",
        ),
        name="zip|pair rules|score",
        args="first, second",
        body=(
            "t = 0",
            "for a, b in zip(first, second):",
            "    if a == b:",
            "        t += 1",
            f"    elif {first.code} and {second.code}:",
            f"        t += {rule.code}",
            f"    elif {first.code} or {second.code}:",
            f"        t += {p}",
            "    else:",
            f"        t -= {q}",
            "return t",
        ),
        inputs=two_lists(rng),
        details=(first.key, second.key, rule.key, p, q),
    )


@kind("letter_rules")
def letter_rules(rng: Random) -> Draft:
    """Score the letters of a word by rules in turn, with a lowest score."""
    w = rng.choice(("word", "text"))
    letters = rng.sample("aeorntlsp", 4)
    a, b = "".join(letters[:2]), "".join(letters[2:])
    p, q, r = rng.sample(range(1, 10), 3)
    side, text, sign = rng.choice((("early", "before", "<"), ("late", "after", ">")))
    low = rng.randint(0, 3)
    return draft(
        rng,
        asks=(
            f"score a word: {p} for each '{a[0]}' or '{a[1]}', minus {q} for '{b[0]}' or '{b[1]}', "
            f"{r} for others {text} 'm', and at least {low} in all",
            f"sum letter points, {p} for '{a[0]}' or '{a[1]}', minus {q} for '{b[0]}' or "
            f"'{b[1]}', {r} for others {text} 'm'; return at least {low}",
        ),
        name="letter|word rules|score",
        args=w,
        body=(
            "t = 0",
            f"for c in {w}:",
            f"    if c == '{a[0]}' or c == '{a[1]}':",
            f"        t += {p}",
            f"    elif c == '{b[0]}' or c == '{b[1]}':",
            f"        t -= {q}",
            f"    elif c {sign} 'm':",
            f"        t += {r}",
            f"if t < {low}:",
            f"    return {low}",
            "return t",
        ),
        inputs=words(rng),
        details=(a, p, b, q, side, r, low),
    )


@kind("more_of")
def more_of(rng: Random) -> Draft:
    """Label a list by which of two sorts of numbers it has more of."""
    nums = rng.choice(LISTS)
    first, second = limit_test(rng, low=6, high=12), divisor_test(rng)
    link, third = rng.choice(("and", "or")), limit_test(rng, low=6, high=12)
    a, b, c = rng.sample(LABELS, 3)
    return draft(
        rng,
        asks=(
            f"return '{a}' if a list has more numbers {first.text} than numbers {second.text} "
            f"{link} {third.text}, '{b}' if fewer, else '{c}'",
            f"count numbers {first.text} and numbers {second.text} {link} {third.text} in a list; "
            f"return '{a}' for more of the first, '{b}' for fewer, else '{c}'",
        ),
        name="more|most of|label",
        args=nums,
        body=(
            "a = b = 0",
            f"for x in {nums}:",
            f"    if {first.code}:",
            "        a += 1",
            f"    if {second.code} {link} {third.code}:",
            "        b += 1",
            "if a > b:",
            f"    return '{a}'",
            "elif a < b:",
            f"    return '{b}'",
            f"return '{c}'",
        ),
        inputs=number_lists(rng),
        details=(first.key, second.key, link, third.key, a, b, c),
    )


@kind("list_rules")
def list_rules(rng: Random) -> Draft:
    """Go through a list with a rule to stop, one to skip, and two to add."""
    nums = rng.choice(LISTS)
    stop = limit_test(rng, low=12, high=18)
    while stop.key[0] in ("lt", "le"):
        stop = limit_test(rng, low=12, high=18)
    skip, test = divisor_test(rng), limit_test(rng, low=4, high=11)
    k, step = rng.randint(10, 25), number_step(rng)
    return draft(
        rng,
        asks=(
            f"add up a list: stop before a number {stop.text}, skip those {skip.text}, add others, "
            f"{step.past} if {test.text}; return at most {k} and at least 0",
            f"sum a list: stop before any number {stop.text}, then skip those {skip.text}, and "
            f"others {test.text} are {step.past}; return 0 if below 0, and {k} if above {k}",
        ),
        name="list|sum rules|steps",
        args=nums,
        body=(
            "t = 0",
            f"for x in {nums}:",
            f"    if {stop.code}:",
            "        break",
            f"    if {skip.code}:",
            "        continue",
            f"    if {test.code}:",
            f"        x = {step.on('x')}",
            "    t += x",
            f"if t > {k}:",
            f"    return {k}",
            "if t < 0:",
            "    return 0",
            "return t",
        ),
        inputs=number_lists(rng),
        details=(stop.key, skip.key, test.key, step.key, k),
    )
