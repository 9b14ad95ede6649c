"""Kinds on tuples, pairs and two lists side by side."""

from random import Random

from embedded.kinds.base import Draft, draft, kind
from embedded.kinds.inputs import number_lists, pair_lists, two_lists, two_numbers
from embedded.kinds.parts import (
    LISTS,
    PAIR_RULES,
    number_step,
    number_test,
    two_steps,
)


@kind("swap_pair")
def swap_pair(rng: Random) -> Draft:
    """Swap two numbers and change each."""
    first, second = two_steps(rng)
    return draft(
        rng,
        asks=(
            f"swap two numbers in a tuple and {first.do('the new first one')} "
            f"and {second.do('the new second one')}",
            f"return a tuple of the second of two numbers {first.past} and the first {second.past}",
        ),
        name="swap|turn pair|two",
        args="a, b",
        body=(f"return ({first.on('b')}, {second.on('a')})",),
        inputs=two_numbers(rng),
        details=(first.key, second.key),
    )


@kind("zip_rule")
def zip_rule(rng: Random) -> Draft:
    """Combine two lists and change each result."""
    rule, step = rng.choice(PAIR_RULES), number_step(rng)
    return draft(
        rng,
        asks=(
            f"take the {rule.text} of each two numbers at the same place of two lists "
            f"and {step.do('it')}",
            f"combine two lists place by place by their {rule.text}, {step.past}",
        ),
        name="zip|combine lists|two",
        args="first, second",
        body=(
            "out = []",
            "for a, b in zip(first, second):",
            f"    x = {rule.code}",
            f"    out.append({step.on('x')})",
            "return out",
        ),
        inputs=two_lists(rng),
        details=(rule.key, step.key),
    )


@kind("pairs_pick")
def pairs_pick(rng: Random) -> Draft:
    """Pick one side of the pairs whose other side passes a test."""
    side, other = rng.choice((("a", "b"), ("b", "a")))
    test, step = number_test(rng, other, high=12), number_step(rng)
    name = {"a": "first", "b": "second"}
    return draft(
        rng,
        asks=(
            f"return the {name[side]} number of each pair whose {name[other]} is {test.text}, "
            f"{step.past}",
            f"From pairs with a {name[other]} number that is {test.text} take the {name[side]} "
            f"and {step.do('it')}",
        ),
        name="pick|take side|pairs",
        args="pairs",
        body=(f"return [{step.on(side)} for a, b in pairs if {test.code}]",),
        inputs=pair_lists(rng),
        details=(side, test.key, step.key),
    )


@kind("pairs_sort")
def pairs_sort(rng: Random) -> Draft:
    """Sort pairs by one side and return a side of some."""
    place, side = rng.randint(0, 1), rng.randint(0, 1)
    k, step = rng.randint(2, 3), number_step(rng)
    falling = rng.random() < 0.5
    order = "falling" if falling else "rising"
    end = ", reverse=True" if falling else ""
    name = ("first", "second")
    return draft(
        rng,
        asks=(
            f"sort pairs by {order} {name[place]} number, take the first {k} and return their "
            f"{name[side]} numbers {step.past}",
            f"put pairs in {order} order of the {name[place]} number and from the first {k} "
            f"take the {name[side]} and {step.do('it')}",
        ),
        name="sort|order pairs|side",
        args="pairs",
        body=(
            f"a = sorted(pairs, key=lambda p: p[{place}]{end})",
            f"return [{step.on(f'p[{side}]')} for p in a[:{k}]]",
        ),
        inputs=pair_lists(rng),
        details=(place, side, order, k, step.key),
    )


@kind("low_high")
def low_high(rng: Random) -> Draft:
    """Return the changed extremes in a tuple."""
    nums = rng.choice(LISTS)
    first, second = two_steps(rng)
    names = ["largest", "smallest", "last", "first"]
    codes = {
        "largest": f"max({nums})",
        "smallest": f"min({nums})",
        "last": f"{nums}[-1]",
        "first": f"{nums}[0]",
    }
    one, other = rng.sample(names, 2)
    return draft(
        rng,
        asks=(
            f"return a tuple of the {one} number in a list {first.past} "
            f"and the {other} {second.past}",
            f"For a list, {first.do(f'the {one} number')} and {second.do(f'the {other}')} "
            f"and return both as a tuple",
        ),
        name="tuple|pair ends|two",
        args=nums,
        body=(
            f"a = {codes[one]}",
            f"b = {codes[other]}",
            f"return ({first.on('a')}, {second.on('b')})",
        ),
        inputs=number_lists(rng),
        details=(one, first.key, other, second.key),
    )


@kind("split_two")
def split_two(rng: Random) -> Draft:
    """Split a list in two by a test and change one part."""
    nums = rng.choice(LISTS)
    test, step = number_test(rng), number_step(rng)
    swapped = rng.random() < 0.5
    changed = f"numbers that are {test.text}, {step.past}"
    parts = f"the other numbers, then the {changed}" if swapped else f"the {changed}, then the rest"
    return draft(
        rng,
        asks=(
            f"split a list in a tuple of two lists: {parts}",
            f"return a tuple of two lists made from one: {parts}",
        ),
        name="split|part nums|list",
        args=nums,
        body=(
            "a = []",
            "b = []",
            f"for x in {nums}:",
            f"    if {test.code}:",
            f"        a.append({step.on('x')})",
            "    else:",
            "        b.append(x)",
            "return (b, a)" if swapped else "return (a, b)",
        ),
        inputs=number_lists(rng),
        details=(test.key, step.key, swapped),
    )
