"""Kinds with nested loops: grids of numbers and pairs from lists."""

from random import Random

from embedded.kinds.base import Draft, draft, kind
from embedded.kinds.inputs import grids, number_lists, two_numbers
from embedded.kinds.parts import (
    LISTS,
    PAIR_RULES,
    any_fold,
    divisor_test,
    limit_test,
    number_step,
    number_test,
    value_fold,
)


@kind("row_fold")
def row_fold(rng: Random) -> Draft:
    """Fold each row and change the results."""
    fold, step = value_fold(rng), number_step(rng)
    code = fold.code.replace(", default=0", "").format("row")
    return draft(
        rng,
        asks=(
            f"take {fold.text} each row of a grid and {step.do('it')}",
            f"return {fold.text} each row in a grid, {step.past}",
        ),
        name=f"row|line {fold.key}|fold",
        args="grid",
        body=(
            "out = []",
            "for row in grid:",
            f"    x = {code}",
            f"    out.append({step.on('x')})",
            "return out",
        ),
        inputs=grids(rng),
        details=(fold.key, step.key),
    )


@kind("column")
def column(rng: Random) -> Draft:
    """Take a column, change it, keep some."""
    k, step = rng.randint(0, 1), number_step(rng)
    test = number_test(rng)
    name = ("first", "second")[k]
    return draft(
        rng,
        asks=(
            f"return the {name} number of each row in a grid, {step.past}, "
            f"where that number is {test.text}",
            f"take the {name} numbers of all rows, keep those that are {test.text} "
            f"and {step.do('each')}",
        ),
        name="column|row nums|part",
        args="grid",
        body=(
            "out = []",
            "for row in grid:",
            f"    x = row[{k}]",
            f"    if {test.code}:",
            f"        out.append({step.on('x')})",
            "return out",
        ),
        inputs=grids(rng, rows=3),
        details=(k, step.key, test.key),
    )


@kind("flat_filter")
def flat_filter(rng: Random) -> Draft:
    """List or fold the changed cells that pass a test."""
    test, step = number_test(rng), number_step(rng)
    return draft(
        rng,
        asks=(
            f"list all numbers in a grid that are {test.text}, each {step.past}",
            f"make one list of the grid numbers that are {test.text} and {step.do('each')}",
        ),
        name="flat|list grid|cells",
        args="grid",
        body=(f"return [{step.on('x')} for row in grid for x in row if {test.code}]",),
        inputs=grids(rng),
        details=(test.key, step.key),
    )


@kind("cell_points")
def cell_points(rng: Random) -> Draft:
    """Give points to cells by double tests, with a highest score."""
    first, second, third = limit_test(rng), divisor_test(rng), limit_test(rng)
    word = rng.choice(("and", "or"))
    p, q = rng.sample(range(2, 10), 2)
    cap = rng.randint(15, 35)
    return draft(
        rng,
        asks=(
            f"score a grid: {p} for each number {first.text} {word} {second.text}, "
            f"else minus {q} if {third.text}; return at most {cap} and at least 0",
            f"give each grid number {p} points if {first.text} {word} {second.text}, "
            f"else minus {q} if {third.text}; the sum counts from 0 to {cap}",
        ),
        name="grid|cell points|score",
        args="grid",
        body=(
            "t = 0",
            "for row in grid:",
            "    for x in row:",
            f"        if {first.code} {word} {second.code}:",
            f"            t += {p}",
            f"        elif {third.code}:",
            f"            t -= {q}",
            f"if t > {cap}:",
            f"    return {cap}",
            "if t < 0:",
            "    return 0",
            "return t",
        ),
        inputs=grids(rng),
        details=(first.key, word, second.key, p, third.key, q, cap),
    )


@kind("row_choice")
def row_choice(rng: Random) -> Draft:
    """Add up the cells that pass a test, in the rows that pass another."""
    inner = number_test(rng)
    text, code, outer = rng.choice(
        (
            ("sum", "sum(row)", limit_test(rng, "", 15, 35)),
            ("first number", "row[0]", limit_test(rng, "")),
            ("last number", "row[-1]", limit_test(rng, "")),
            ("largest number", "max(row)", limit_test(rng, "", 9, 17)),
        )
    )
    counted = rng.random() < 0.5
    verb = "count" if counted else "sum"
    return draft(
        rng,
        asks=(
            f"{verb} the numbers that are {inner.text} in grid rows whose {text} is {outer.text}",
            f"In all rows of a grid whose {text} is {outer.text}, {verb} the numbers that are "
            f"{inner.text}",
        ),
        name=f"{verb} rows|grid",
        args="grid",
        body=(
            "t = 0",
            "for row in grid:",
            f"    if {code}{outer.code}:",
            "        for x in row:",
            f"            if {inner.code}:",
            "                t += 1" if counted else "                t += x",
            "return t",
        ),
        inputs=grids(rng),
        details=(text, outer.key, inner.key, counted),
    )


@kind("make_grid")
def make_grid(rng: Random) -> Draft:
    """Build a grid from the places of its cells."""
    p, q, r = rng.randint(1, 5), rng.randint(1, 5), rng.randint(0, 9)
    p_text = f"{p} times the row" if p > 1 else "the row"
    q_text = f"{q} times the column" if q > 1 else "the column"
    sign, word = rng.choice((("+", "plus"), ("-", "minus"), ("*", "times")))
    row = f"{p} * i" if p > 1 else "i"
    col = f"{q} * j" if q > 1 else "j"
    cell = f"{row} {sign} {col}"
    end, end_text = (f" + {r}", f", plus {r}") if r else ("", "")
    return draft(
        rng,
        asks=(
            f"make a grid of n rows and m columns, each number {p_text} {word} {q_text}{end_text}, "
            f"both from 0",
            f"return n rows of m numbers, each {p_text} {word} {q_text}{end_text}, counted from 0",
        ),
        name="make|build grid|rows",
        args="n, m",
        body=(f"return [[{cell}{end} for j in range(m)] for i in range(n)]",),
        inputs=two_numbers(rng, 1, 3),
        details=(p, q, r, sign),
    )


@kind("pair_count")
def pair_count(rng: Random) -> Draft:
    """Count or fold the combinations of two places in a list."""
    nums = rng.choice(LISTS)
    rule, fold = rng.choice(PAIR_RULES), any_fold(rng)
    test = number_test(rng, "y", low=6, high=20)
    return draft(
        rng,
        asks=(
            f"take the {rule.text} of each two numbers in a list and return {fold.text} results "
            f"that are {test.text}{fold.note}",
            f"For all pairs of numbers in a list find {fold.text} every {rule.text} "
            f"that is {test.text}{fold.note}",
        ),
        name=f"pairs|pair {fold.key}|fold",
        args=nums,
        body=(
            "out = []",
            f"for i, a in enumerate({nums}):",
            f"    for b in {nums}[i + 1:]:",
            f"        y = {rule.code}",
            f"        if {test.code}:",
            "            out.append(y)",
            f"return {fold.on('out')}",
        ),
        inputs=number_lists(rng, high=15),
        details=(rule.key, fold.key, test.key),
    )
