"""Kinds that filter, change and fold a list of numbers."""

from random import Random

from embedded.kinds.base import Draft, draft, kind
from embedded.kinds.inputs import number_lists
from embedded.kinds.parts import (
    LISTS,
    any_fold,
    divisor_test,
    limit_test,
    number_step,
    number_test,
    plain_fold,
    two_steps,
    value_fold,
)


@kind("keep_if")
def keep_if(rng: Random) -> Draft:
    """Keep the numbers that pass a test."""
    nums = rng.choice(LISTS)
    test = number_test(rng)
    return draft(
        rng,
        asks=(
            f"keep the numbers of a list that are {test.text}",
            f"return all numbers in a list that are {test.text}",
        ),
        name="keep|pick nums|list",
        args=nums,
        body=(f"return [x for x in {nums} if {test.code}]",),
        inputs=number_lists(rng),
        details=(test.key,),
    )


@kind("drop_if")
def drop_if(rng: Random) -> Draft:
    """Remove the numbers that pass a test and change the rest."""
    nums = rng.choice(LISTS)
    test, step = number_test(rng), number_step(rng)
    return draft(
        rng,
        asks=(
            f"remove the numbers that are {test.text} from a list and {step.do('each other one')}",
            f"drop all numbers of a list that are {test.text} and {step.do('each one left')}",
        ),
        name="drop|remove nums|list",
        args=nums,
        body=(f"return [{step.on('x')} for x in {nums} if {test.negated}]",),
        inputs=number_lists(rng),
        details=(test.key, step.key),
    )


@kind("map_each")
def map_each(rng: Random) -> Draft:
    """Change every number."""
    nums = rng.choice(LISTS)
    step = number_step(rng)
    return draft(
        rng,
        asks=(
            f"{step.do('each number in a list')}",
            f"return a list with each number {step.past}",
        ),
        name="change|map nums|list",
        args=nums,
        body=(f"return [{step.on('x')} for x in {nums}]",),
        inputs=number_lists(rng),
        details=(step.key,),
    )


@kind("filter_map")
def filter_map(rng: Random) -> Draft:
    """Change the numbers that pass a test and drop the others."""
    nums = rng.choice(LISTS)
    test, step = number_test(rng), number_step(rng)
    return draft(
        rng,
        asks=(
            f"keep the numbers of a list that are {test.text} and {step.do('each of them')}",
            f"return the numbers of a list that are {test.text}, each {step.past}",
        ),
        name="keep|change some|nums",
        args=nums,
        body=(f"return [{step.on('x')} for x in {nums} if {test.code}]",),
        inputs=number_lists(rng),
        details=(test.key, step.key),
    )


@kind("filter_fold")
def filter_fold(rng: Random) -> Draft:
    """Add up or count the numbers that pass a test, with a start value."""
    nums = rng.choice(LISTS)
    test = number_test(rng)
    counted = rng.random() < 0.5
    start = rng.randint(0, 9)
    what = "count" if counted else "add up"
    return draft(
        rng,
        asks=(
            f"{what} the numbers in a list that are {test.text}, starting from {start}",
            f"start from {start} and {what} all numbers of a list that are {test.text}",
        ),
        name="count some|nums" if counted else "sum|add some|nums",
        args=nums,
        body=(
            f"total = {start}",
            f"for x in {nums}:",
            f"    if {test.code}:",
            "        total += 1" if counted else "        total += x",
            "return total",
        ),
        inputs=number_lists(rng),
        details=(test.key, counted, start),
    )


@kind("filter_map_fold")
def filter_map_fold(rng: Random) -> Draft:
    """Fold the changed numbers that pass a test."""
    nums = rng.choice(LISTS)
    test, step, fold = number_test(rng), number_step(rng), value_fold(rng)
    return draft(
        rng,
        asks=(
            f"take the numbers in a list that are {test.text}, {step.do('each of them')} "
            f"and return {fold.text} the results{fold.note}",
            f"return {fold.text} the numbers in a list that are {test.text}, "
            f"each first {step.past}{fold.note}",
        ),
        name=f"{fold.key}|fold some|nums|list",
        args=nums,
        body=("return " + fold.on(f"[{step.on('x')} for x in {nums} if {test.code}]"),),
        inputs=number_lists(rng),
        details=(test.key, step.key, fold.key),
    )


@kind("two_tests")
def two_tests(rng: Random) -> Draft:
    """Fold the numbers that pass both of two tests, or one of them."""
    nums = rng.choice(LISTS)
    first, second, fold = limit_test(rng), divisor_test(rng), any_fold(rng)
    if rng.random() < 0.5:
        first, second = second, first
    word = rng.choice(("and", "or"))
    return draft(
        rng,
        asks=(
            f"return {fold.text} the numbers in a list that are {first.text} {word} "
            f"{second.text}{fold.note}",
            f"find {fold.text} all numbers of a list that are {first.text} {word} "
            f"{second.text}{fold.note}",
        ),
        name=f"{fold.key}|find both|two" if word == "and" else f"{fold.key}|find any|either",
        args=nums,
        body=("return " + fold.on(f"[x for x in {nums} if {first.code} {word} {second.code}]"),),
        inputs=number_lists(rng),
        details=(first.key, word, second.key, fold.key),
    )


@kind("map_if_else")
def map_if_else(rng: Random) -> Draft:
    """Change the numbers that pass a test in one way and the others in another."""
    nums = rng.choice(LISTS)
    test = number_test(rng)
    first, second = two_steps(rng)
    return draft(
        rng,
        asks=(
            f"go through a list, {first.do('each number')} if it is {test.text}, "
            f"and otherwise {second.do('it')}",
            f"return a list where numbers that are {test.text} are {first.past} "
            f"and the others are {second.past}",
        ),
        name="change|map each|both",
        args=nums,
        body=(f"return [{first.on('x')} if {test.code} else {second.on('x')} for x in {nums}]",),
        inputs=number_lists(rng),
        details=(test.key, first.key, second.key),
    )


@kind("replace_if")
def replace_if(rng: Random) -> Draft:
    """Put a fixed number in the place of those that pass a test."""
    nums = rng.choice(LISTS)
    test = number_test(rng)
    k = rng.randint(0, 9)
    return draft(
        rng,
        asks=(
            f"replace each number in a list that is {test.text} with {k}",
            f"put {k} in place of all numbers in a list that are {test.text}",
        ),
        name="replace|swap nums|some",
        args=nums,
        body=(f"return [{k} if {test.code} else x for x in {nums}]",),
        inputs=number_lists(rng, low=1),
        details=(test.key, k),
    )


@kind("clamp_fold")
def clamp_fold(rng: Random) -> Draft:
    """Raise small numbers, cut large ones, and fold the result."""
    nums = rng.choice(LISTS)
    low, high = rng.randint(2, 8), rng.randint(11, 17)
    start = rng.randint(0, 5)
    return draft(
        rng,
        asks=(
            f"add up a list from {start}, but count numbers below {low} as {low} "
            f"and numbers above {high} as {high}",
            f"start from {start} and add all numbers of a list, where those above {high} "
            f"count as {high} and those below {low} as {low}",
        ),
        name="clamp|limit sum|total",
        args=nums,
        body=(
            f"total = {start}",
            f"for x in {nums}:",
            f"    total += max({low}, min(x, {high}))",
            "return total",
        ),
        inputs=number_lists(rng),
        details=(low, high, start),
    )


@kind("fold_gap")
def fold_gap(rng: Random) -> Draft:
    """Subtract a fold of some numbers from a fold of others."""
    nums = rng.choice(LISTS)
    first, second = limit_test(rng), divisor_test(rng)
    if rng.random() < 0.5:
        first, second = second, first
    one, other = plain_fold(rng), plain_fold(rng)
    return draft(
        rng,
        asks=(
            f"return {one.text} the numbers in a list that are {first.text} minus "
            f"{other.text} those that are {second.text}",
            f"take {one.text} the numbers of a list that are {first.text} and subtract "
            f"{other.text} those that are {second.text}",
        ),
        name="fold|list gap|minus",
        args=nums,
        body=(
            "a = " + one.on(f"[x for x in {nums} if {first.code}]"),
            "b = " + other.on(f"[x for x in {nums} if {second.code}]"),
            "return a - b",
        ),
        inputs=number_lists(rng),
        details=(one.key, first.key, other.key, second.key),
    )
