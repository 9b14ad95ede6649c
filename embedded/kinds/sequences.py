"""Kinds about the order of a list: slices, positions, neighbours, running results."""

from random import Random

from embedded.kinds.base import Draft, draft, kind
from embedded.kinds.inputs import number_lists
from embedded.kinds.parts import (
    LISTS,
    PAIR_RULES,
    number_step,
    number_test,
    value_fold,
)


@kind("ends")
def ends(rng: Random) -> Draft:
    """Put a number at each end."""
    nums = rng.choice(LISTS)
    a, b = rng.randint(0, 9), rng.randint(0, 9)
    return draft(
        rng,
        asks=(
            f"put {a} at the start of a list and {b} at the end",
            f"add {b} to the end of a list and {a} to the start",
        ),
        name="add|put ends|both",
        args=nums,
        body=(f"return [{a}] + {nums} + [{b}]",),
        inputs=number_lists(rng),
        details=(a, b),
    )


@kind("take_part")
def take_part(rng: Random) -> Draft:
    """Take a part of a list and put a number at one end."""
    nums = rng.choice(LISTS)
    k, extra = rng.randint(1, 3), rng.randint(0, 9)
    text, part = rng.choice(
        (
            (f"take the first {k} numbers of a list", f"[:{k}]"),
            (f"take the last {k} numbers of a list", f"[-{k}:]"),
            (f"drop the first {k} numbers of a list", f"[{k}:]"),
            (f"drop the last {k} numbers of a list", f"[:-{k}]"),
        )
    )
    end = rng.choice(("start", "end"))
    code = f"[{extra}] + {nums}{part}" if end == "start" else f"{nums}{part} + [{extra}]"
    return draft(
        rng,
        asks=(
            f"{text} and put {extra} at the {end}",
            f"{text}, then add {extra} at the {end} of the result",
        ),
        name="take|cut part|list",
        args=nums,
        body=(f"return {code}",),
        inputs=number_lists(rng, least=4),
        details=(part, extra, end),
    )


@kind("every_kth")
def every_kth(rng: Random) -> Draft:
    """Fold the changed numbers at regular places."""
    nums = rng.choice(LISTS)
    k, start = rng.randint(2, 3), rng.randint(0, 2)
    step, fold = number_step(rng), value_fold(rng)
    which = "second" if k == 2 else "third"
    note = fold.note
    return draft(
        rng,
        asks=(
            f"take every {which} number of a list from index {start}, {step.do('each')} "
            f"and return {fold.text} the results{note}",
            f"return {fold.text} every {which} number of a list from index {start}, "
            f"each first {step.past}{note}",
        ),
        name="fold|every second|step" if k == 2 else "fold|every third|step",
        args=nums,
        body=("return " + fold.on(f"[{step.on('x')} for x in {nums}[{start}::{k}]]"),),
        inputs=number_lists(rng, least=4),
        details=(k, start, step.key, fold.key),
    )


@kind("first_where")
def first_where(rng: Random) -> Draft:
    """Find the first or last number that passes a test, changed."""
    nums = rng.choice(LISTS)
    test, step = number_test(rng), number_step(rng)
    default = rng.choice((-1, 0, 1, 50, 99))
    last = rng.random() < 0.5
    which = "last" if last else "first"
    return draft(
        rng,
        asks=(
            f"find the {which} number of a list that is {test.text} and {step.do('it')}, "
            f"or return {default} if there is none",
            f"return the {which} number of a list that is {test.text}, {step.past}, "
            f"or {default} if no number is",
        ),
        name=f"find|get {which}",
        args=nums,
        body=(
            f"for x in {nums}[::-1]:" if last else f"for x in {nums}:",
            f"    if {test.code}:",
            f"        return {step.on('x')}",
            f"return {default}",
        ),
        inputs=number_lists(rng),
        details=(which, test.key, step.key, default),
    )


@kind("running")
def running(rng: Random) -> Draft:
    """List the running total, largest or smallest from a start value."""
    nums = rng.choice(LISTS)
    start = rng.randint(1, 12)
    text, code, name = rng.choice(
        (
            ("total", "t + x", "total"),
            ("difference", "t - x", "minus"),
            ("largest", "max(t, x)", "max"),
            ("smallest", "min(t, x)", "min"),
        )
    )
    verb = "subtract" if name == "minus" else "add"
    simple = name in ("total", "minus")
    return draft(
        rng,
        asks=(
            f"start from {start}, {verb} each number of a list in turn and list every result"
            if simple
            else f"start from {start} and list the {text} number so far after each one of a list",
            f"return the running {text} of a list that starts from {start}",
        ),
        name=f"running|so_far {name}",
        args=nums,
        body=(
            f"t = {start}",
            "out = []",
            f"for x in {nums}:",
            f"    t = {code}",
            "    out.append(t)",
            "return out",
        ),
        inputs=number_lists(rng),
        details=(name, start),
    )


@kind("neighbours")
def neighbours(rng: Random) -> Draft:
    """Combine each number with the next and test or change the result."""
    nums = rng.choice(LISTS)
    rule = rng.choice(PAIR_RULES)
    test = number_test(rng, "y")
    return draft(
        rng,
        asks=(
            f"take the {rule.text} of each two neighbours in a list "
            f"and keep the results that are {test.text}",
            f"return the {rule.text} of each number in a list and the next one, "
            f"but only results that are {test.text}",
        ),
        name="next|near pair|nums",
        args=nums,
        body=(
            "out = []",
            f"for a, b in zip({nums}, {nums}[1:]):",
            f"    y = {rule.code}",
            f"    if {test.code}:",
            "        out.append(y)",
            "return out",
        ),
        inputs=number_lists(rng, least=4),
        details=(rule.key, test.key),
    )


@kind("groups")
def groups(rng: Random) -> Draft:
    """Split into groups, fold each group, change each result."""
    nums = rng.choice(LISTS)
    k = rng.randint(2, 3)
    step, fold = number_step(rng), value_fold(rng)
    fold_code = fold.code.replace(", default=0", "")
    return draft(
        rng,
        asks=(
            f"split a list into groups of {k}, take {fold.text} each group and {step.do('it')}",
            f"cut a list into parts of {k} numbers and return {fold.text} each part, {step.past}",
        ),
        name="group|part " + fold.key,
        args=nums,
        body=(
            "out = []",
            f"for i in range(0, len({nums}), {k}):",
            f"    y = {fold_code.format(f'{nums}[i:i + {k}]')}",
            f"    out.append({step.on('y')})",
            "return out",
        ),
        inputs=number_lists(rng, least=4),
        details=(k, fold.key, step.key),
    )


@kind("rotate")
def rotate(rng: Random) -> Draft:
    """Move one end of a list to the other and change each number."""
    nums = rng.choice(LISTS)
    k = rng.randint(1, 3)
    step = number_step(rng)
    last = rng.random() < 0.5
    move = f"last {k} numbers of a list to the start"
    if not last:
        move = f"first {k} numbers of a list to the end"
    cut = f"-{k}" if last else f"{k}"
    return draft(
        rng,
        asks=(
            f"move the {move} and {step.do('each number')}",
            f"shift the {move} and return each number {step.past}",
        ),
        name="move|shift list|nums",
        args=nums,
        body=(
            f"a = {nums}[{cut}:] + {nums}[:{cut}]",
            f"return [{step.on('x')} for x in a]",
        ),
        inputs=number_lists(rng, least=4),
        details=(cut, step.key),
    )


@kind("take_until")
def take_until(rng: Random) -> Draft:
    """Collect changed numbers until one passes a test."""
    nums = rng.choice(LISTS)
    test, step = number_test(rng), number_step(rng)
    included = rng.random() < 0.5
    where, part = ("after", "up to and with") if included else ("before", "before")
    stop = (f"    if {test.code}:", "        break")
    add = (f"    out.append({step.on('x')})",)
    return draft(
        rng,
        asks=(
            f"go through a list, {step.do('each number')}, and stop right {where} the first "
            f"one that was {test.text}",
            f"return the numbers of a list {part} the first one that is {test.text}, "
            f"each {step.past}",
        ),
        name="take|stop until|at",
        args=nums,
        body=(
            "out = []",
            f"for x in {nums}:",
            *(add + stop if included else stop + add),
            "return out",
        ),
        inputs=number_lists(rng, least=4),
        details=(test.key, step.key, where),
    )


@kind("positions")
def positions(rng: Random) -> Draft:
    """List the places of the numbers that pass a test."""
    nums = rng.choice(LISTS)
    test = number_test(rng)
    base = rng.randint(0, 3)
    return draft(
        rng,
        asks=(
            f"list the places, counted from {base}, of the numbers in a list that are {test.text}",
            f"count places from {base} and return those of all numbers that are {test.text}",
        ),
        name="find|list places|spots",
        args=nums,
        body=(
            f"return [i for i, x in enumerate({nums}, {base}) if {test.code}]"
            if base
            else f"return [i for i, x in enumerate({nums}) if {test.code}]",
        ),
        inputs=number_lists(rng),
        details=(test.key, base),
    )


@kind("place_sum")
def place_sum(rng: Random) -> Draft:
    """Combine numbers with their places and add up some of the results."""
    nums = rng.choice(LISTS)
    base = rng.randint(0, 3)
    text, code = rng.choice(
        (("times its place", "x * i"), ("plus its place", "x + i"), ("minus its place", "x - i"))
    )
    test = number_test(rng)
    return draft(
        rng,
        asks=(
            f"sum each number of a list that is {test.text} {text}, counting places from {base}",
            f"count places from {base} and add up each number {text}, "
            f"for the numbers that are {test.text}",
        ),
        name="place|spot sum|total",
        args=nums,
        body=(
            "total = 0",
            f"for i, x in enumerate({nums}, {base}):"
            if base
            else f"for i, x in enumerate({nums}):",
            f"    if {test.code}:",
            f"        total += {code}",
            "return total",
        ),
        inputs=number_lists(rng),
        details=(code, test.key, base),
    )
