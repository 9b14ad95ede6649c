"""Kinds that sort a list of numbers."""

from random import Random

from embedded.kinds.base import Draft, draft, kind
from embedded.kinds.inputs import number_lists
from embedded.kinds.parts import LISTS, number_step, number_test


@kind("sort_take")
def sort_take(rng: Random) -> Draft:
    """Sort, take a part, change it."""
    nums = rng.choice(LISTS)
    falling = rng.random() < 0.5
    k = rng.randint(1, 3)
    step = number_step(rng)
    text, part = rng.choice(
        (
            (f"take the first {k}", f"[:{k}]"),
            (f"drop the first {k}", f"[{k}:]"),
            (f"take the last {k}", f"[-{k}:]"),
            (f"drop the last {k}", f"[:-{k}]"),
        )
    )
    order = "falling" if falling else "rising"
    return draft(
        rng,
        asks=(
            f"sort a list in {order} order, {text} and {step.do('each number left')}",
            f"put a list in {order} order, {text} and return each number left {step.past}",
        ),
        name="sort|order take|part",
        args=nums,
        body=(
            f"a = sorted({nums}, reverse=True)" if falling else f"a = sorted({nums})",
            f"return [{step.on('x')} for x in a{part}]",
        ),
        inputs=number_lists(rng, least=4),
        details=(falling, part, step.key),
    )


@kind("sort_by")
def sort_by(rng: Random) -> Draft:
    """Sort by a computed key."""
    nums = rng.choice(LISTS)
    if rng.random() < 0.5:
        k = rng.randint(3, 8)
        text, key, name = f"remainder by {k}", f"x % {k}", "rest"
    else:
        k = rng.randint(4, 15)
        text, key, name = f"distance from {k}", f"abs(x - {k})", "gap"
    sign, order = rng.choice((("", "rising"), ("-", "falling")))
    value_sign, value_order = rng.choice((("", "rising"), ("-", "falling")))
    return draft(
        rng,
        asks=(
            f"sort a list by {order} {text}, and equal ones by {value_order} value",
            f"order the numbers of a list by {order} {text}, then by {value_order} value",
        ),
        name=f"sort|order {name}",
        args=nums,
        body=(
            f"return sorted({nums}, key=lambda x: ({sign}({key}), {value_sign}x))"
            if sign and name == "rest"
            else f"return sorted({nums}, key=lambda x: ({sign}{key}, {value_sign}x))",
        ),
        inputs=number_lists(rng, least=4),
        details=(name, k, order, value_order),
    )


@kind("distinct")
def distinct(rng: Random) -> Draft:
    """Sort the different numbers that pass a test."""
    nums = rng.choice(LISTS)
    test = number_test(rng, low=3, high=6)
    falling = rng.random() < 0.5
    order = "falling" if falling else "rising"
    code = "{" + f"x for x in {nums} if {test.code}" + "}"
    return draft(
        rng,
        asks=(
            f"return the different numbers of a list that are {test.text} in {order} order",
            f"list each number that is {test.text} once, in {order} order",
        ),
        name="once|unique sort|nums",
        args=nums,
        body=(f"return sorted({code}, reverse=True)" if falling else f"return sorted({code})",),
        inputs=number_lists(rng, high=9, least=5),
        details=(test.key, order),
    )
