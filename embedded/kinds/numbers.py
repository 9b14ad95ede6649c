"""Kinds of arithmetic on one or two numbers."""

from random import Random

from embedded.kinds.base import Draft, draft, kind
from embedded.kinds.inputs import numbers, two_numbers
from embedded.kinds.parts import (
    NUMBERS,
    PAIR_RULES,
    any_fold,
    divisor_test,
    number_step,
    number_test,
    two_steps,
)


@kind("two_steps")
def steps_in_turn(rng: Random) -> Draft:
    """Do two steps in order."""
    n = rng.choice(NUMBERS)
    first, second = two_steps(rng)
    return draft(
        rng,
        asks=(
            f"{first.do('a number')} and then {second.do('the result')}",
            f"take a number, {first.do('it')} and then {second.do('it')}",
        ),
        name="two|both steps",
        args=n,
        body=(f"{n} = {first.on(n)}", f"return {second.on(n)}"),
        inputs=numbers(rng, 0, 12),
        details=(first.key, second.key),
    )


@kind("three_steps")
def three_steps(rng: Random) -> Draft:
    """Do three steps in order, one of them a remainder or a division."""
    n = rng.choice(NUMBERS)
    first, last = two_steps(rng)
    k = rng.randint(3, 9)
    if rng.random() < 0.5:
        name, text, code = "rest", f"take its remainder by {k}", f"{n} = {n} % {k}"
    else:
        name, text, code = "whole", f"divide it by {k} rounding down", f"{n} = {n} // {k}"
    return draft(
        rng,
        asks=(
            f"{first.do('a number')}, then {text}, and then {last.do('it')}",
            f"take a number, {first.do('it')}, {text} and at last {last.do('it')}",
        ),
        name="three|all steps",
        args=n,
        body=(f"{n} = {first.on(n)}", code, f"return {last.on(n)}"),
        inputs=numbers(rng, 0, 16),
        details=(first.key, name, k, last.key),
    )


@kind("two_inputs")
def two_inputs(rng: Random) -> Draft:
    """Scale two numbers and combine them."""
    p, q, r = rng.randint(2, 9), rng.randint(2, 9), rng.randint(1, 9)
    word, sign = rng.choice((("plus", "+"), ("minus", "-")))
    order = rng.choice((("first", "second"), ("second", "first")))
    a, b = ("a", "b") if order[0] == "first" else ("b", "a")
    more, end = rng.choice((("plus", "+"), ("minus", "-")))
    return draft(
        rng,
        asks=(
            f"return {p} times the {order[0]} of two numbers {word} {q} times the {order[1]} "
            f"{more} {r}",
            f"For two numbers return the {order[0]} times {p} {word} the {order[1]} times {q}, "
            f"{more} {r}",
        ),
        name="mix|join two|both",
        args="a, b",
        body=(f"return {p} * {a} {sign} {q} * {b} {end} {r}",),
        inputs=two_numbers(rng, 0, 9),
        details=(p, q, r, sign, order[0], end),
    )


@kind("digits")
def digits(rng: Random) -> Draft:
    """Fold the digits that pass a test, changed."""
    n = rng.choice(NUMBERS)
    test, step, fold = number_test(rng, low=2, high=7), number_step(rng), any_fold(rng)
    change = f", each first {step.past}" if fold.key != "count" else ""
    value = step.on("x") if change else "x"
    return draft(
        rng,
        asks=(
            f"return {fold.text} the digits of a number that are {test.text}{change}{fold.note}",
            f"find {fold.text} all digits in a number that are {test.text}{change}{fold.note}",
        ),
        name=f"digits|digit {fold.key}|fold",
        args=n,
        body=(
            f"a = [int(c) for c in str({n})]",
            "return " + fold.on(f"[{value} for x in a if {test.code}]"),
        ),
        inputs=numbers(rng, 100, 9999),
        details=(test.key, fold.key, step.key if change else ()),
    )


@kind("change_digits")
def change_digits(rng: Random) -> Draft:
    """Replace digits on either side of a limit."""
    n = rng.choice(NUMBERS)
    test = number_test(rng, low=2, high=7)
    a, b = rng.sample(range(1, 10), 2)
    return draft(
        rng,
        asks=(
            f"write {a} for each digit of a number that is {test.text} and {b} for the others",
            f"replace the digits of a number that are {test.text} with {a} and all others with {b}",
        ),
        name="change|swap digits",
        args=n,
        body=(
            "t = 0",
            f"for c in str({n}):",
            "    x = int(c)",
            f"    if {test.code}:",
            f"        t = t * 10 + {a}",
            "    else:",
            f"        t = t * 10 + {b}",
            "return t",
        ),
        inputs=numbers(rng, 10, 9999),
        details=(test.key, a, b),
    )


@kind("range_fold")
def range_fold(rng: Random) -> Draft:
    """Fold the numbers of a range that pass a test."""
    n = rng.choice(NUMBERS)
    test = divisor_test(rng)
    start = rng.randint(0, 9)
    end = rng.choice(("up to", "below"))
    stop = f"{n} + 1" if end == "up to" else n
    text, code, name = rng.choice(
        (
            ("sum", "sum({})", "sum"),
            ("count", "len({})", "count"),
            ("list", "{}", "list"),
        )
    )
    numbers_code = f"[x for x in range({start}, {stop}) if {test.code}]"
    return draft(
        rng,
        asks=(
            f"{text} the numbers from {start} {end} {n} that are {test.text}",
            f"take all numbers from {start} {end} {n} and {text} those that are {test.text}",
        ),
        name=f"range {name}|nums",
        args=n,
        body=("return " + code.format(numbers_code),),
        inputs=numbers(rng, 10, 20),
        details=(start, end, name, test.key),
    )


@kind("shrink")
def shrink(rng: Random) -> Draft:
    """Divide or subtract while a number is above a limit."""
    n = rng.choice(NUMBERS)
    limit, k = rng.randint(3, 12), rng.randint(2, 5)
    divided, counted = rng.random() < 0.5, rng.random() < 0.5
    verb = f"divide it by {k} rounding down" if divided else f"subtract {k} from it"
    result = "the count of steps" if counted else "what is left"
    return draft(
        rng,
        asks=(
            f"take a number, {verb} while it is above {limit} and return {result}",
            f"As long as a number is above {limit}, {verb}, and return {result}",
        ),
        name="shrink|lower count|steps" if counted else "shrink|lower num|rest",
        args=n,
        body=(
            "count = 0",
            f"while {n} > {limit}:",
            f"    {n} {'//' if divided else '-'}= {k}",
            "    count += 1",
            "return count" if counted else f"return {n}",
        ),
        inputs=numbers(rng, 5, 99 if divided else 30),
        details=(limit, k, divided, counted),
    )


@kind("repeat_rule")
def repeat_rule(rng: Random) -> Draft:
    """Repeat a rule with two branches."""
    n = rng.choice(NUMBERS)
    times, k, more = rng.randint(2, 4), rng.randint(2, 9), rng.randint(1, 9)
    test = number_test(rng, n, high=20)
    halve = rng.random() < 0.5
    first = "halve it rounding down" if halve else f"subtract {k} from it"
    return draft(
        rng,
        asks=(
            f"do this {times} times: if a number is {test.text} {first}, otherwise add {more}",
            f"change a number {times} times: add {more}, but if it is {test.text} {first} instead",
        ),
        name="repeat|loop rule|steps",
        args=n,
        body=(
            f"for i in range({times}):",
            f"    if {test.code}:",
            f"        {n} = {n} // 2" if halve else f"        {n} = {n} - {k}",
            "    else:",
            f"        {n} = {n} + {more}",
            f"return {n}",
        ),
        inputs=numbers(rng, 1, 30),
        details=(times, test.key, 0 if halve else k, more),
    )


@kind("grow")
def grow(rng: Random) -> Draft:
    """Grow a number until a limit is reached."""
    n = rng.choice(NUMBERS)
    start, by, more = rng.randint(1, 5), rng.randint(2, 3), rng.randint(0, 6)
    counted = rng.random() < 0.5
    result = "the count of rounds" if counted else "the result"
    return draft(
        rng,
        asks=(
            f"start from {start}, multiply by {by} and add {more} until it is above {n}, "
            f"and return {result}",
            f"From {start} on, multiply by {by} and add {more} while it is not above {n}; "
            f"return {result}",
        ),
        name="grow|raise count|steps" if counted else "grow|raise num|above",
        args=n,
        body=(
            f"t = {start}",
            "count = 0",
            f"while t <= {n}:",
            f"    t = t * {by} + {more}",
            "    count += 1",
            "return count" if counted else "return t",
        ),
        inputs=numbers(rng, 5, 99),
        details=(start, by, more, counted),
    )


@kind("rule_of_two")
def rule_of_two(rng: Random) -> Draft:
    """Change two numbers and combine them."""
    first, second = two_steps(rng)
    rule = rng.choice(PAIR_RULES)
    return draft(
        rng,
        asks=(
            f"{first.do('the first of two numbers')}, {second.do('the second')} "
            f"and return the {rule.text} of the results",
            f"return the {rule.text} of two numbers, the first {first.past} "
            f"and the second {second.past}",
        ),
        name=f"{rule.key}|change two|both",
        args="a, b",
        body=(f"a = {first.on('a')}", f"b = {second.on('b')}", f"return {rule.code}"),
        inputs=two_numbers(rng, 0, 12),
        details=(first.key, second.key, rule.key),
    )


@kind("quotient_rest")
def quotient_rest(rng: Random) -> Draft:
    """Return a quotient and a remainder in a tuple."""
    n = rng.choice(NUMBERS)
    a, b = rng.sample(range(2, 10), 2)
    whole = (f"its quotient by {a} rounding down", f"{n} // {a}")
    rest = (f"its remainder by {b}", f"{n} % {b}")
    pair = (whole, rest) if rng.random() < 0.5 else (rest, whole)
    return draft(
        rng,
        asks=(
            f"return a tuple of a number, {pair[0][0]} and {pair[1][0]}",
            f"take a number and return it with {pair[0][0]} and {pair[1][0]} as a tuple",
        ),
        name="split|parts num|tuple",
        args=n,
        body=(f"return ({n}, {pair[0][1]}, {pair[1][1]})",),
        inputs=numbers(rng, 5, 60),
        details=(pair[0][0], pair[1][0]),
    )
