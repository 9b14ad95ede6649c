"""Kinds that choose between calculations."""

from random import Random

from embedded.kinds.base import Draft, draft, kind
from embedded.kinds.inputs import COUNT, number_lists, numbers, two_numbers
from embedded.kinds.parts import (
    LISTS,
    NUMBERS,
    PAIR_RULES,
    divisor_test,
    limit_test,
    number_step,
    number_test,
    two_steps,
)


@kind("step_if")
def step_if(rng: Random) -> Draft:
    """Do one of two steps."""
    n = rng.choice(NUMBERS)
    test = number_test(rng, n)
    first, second = two_steps(rng)
    return draft(
        rng,
        asks=(
            f"{first.do('a number')} if it is {test.text}, and otherwise {second.do('it')}",
            f"return a number {first.past} if it is {test.text} and {second.past} if not",
        ),
        name="step|change if|num",
        args=n,
        body=(
            f"if {test.code}:",
            f"    return {first.on(n)}",
            f"return {second.on(n)}",
        ),
        inputs=numbers(rng, 0, 20),
        details=(test.key, first.key, second.key),
    )


@kind("step_by_range")
def step_by_range(rng: Random) -> Draft:
    """Do one of three steps by two limits."""
    n = rng.choice(NUMBERS)
    low, high = rng.randint(4, 9), rng.randint(11, 16)
    first, second = two_steps(rng)
    third = number_step(rng)
    return draft(
        rng,
        asks=(
            f"{first.do('a number')} if it is below {low}, {second.do('it')} if above {high}, "
            f"and otherwise {third.do('it')}",
            f"return a number {first.past} if below {low}, {second.past} if above {high}, "
            f"and {third.past} otherwise",
        ),
        name="step|change range|level",
        args=n,
        body=(
            f"if {n} < {low}:",
            f"    return {first.on(n)}",
            f"elif {n} > {high}:",
            f"    return {second.on(n)}",
            "else:",
            f"    return {third.on(n)}",
        ),
        inputs=numbers(rng, 0, 22),
        details=(low, high, first.key, second.key, third.key),
    )


@kind("pair_rule_if")
def pair_rule_if(rng: Random) -> Draft:
    """Combine two numbers in one of two ways."""
    rule, other = rng.sample(PAIR_RULES, 2)
    which, letter = rng.choice((("first", "a"), ("second", "b")))
    test = number_test(rng, letter)
    return draft(
        rng,
        asks=(
            f"return the {rule.text} of two numbers if the {which} is {test.text}, "
            f"else their {other.text}",
            f"If the {which} of two numbers is {test.text} return their {rule.text}, "
            f"and if not their {other.text}",
        ),
        name="pair|two rule|if",
        args="a, b",
        body=(f"if {test.code}:", f"    return {rule.code}", f"return {other.code}"),
        inputs=two_numbers(rng),
        details=(rule.key, which, test.key, other.key),
    )


@kind("all_any")
def all_any(rng: Random) -> Draft:
    """Check all or any numbers of a list."""
    nums = rng.choice(LISTS)
    text, code = rng.choice(
        (
            ("all numbers in a list are", "all"),
            ("any number in a list is", "any"),
            ("no number in a list is", "not any"),
        )
    )
    test = limit_test(rng, low=5, high=14)
    return draft(
        rng,
        asks=(f"check if {text} {test.text}", f"return whether {text} {test.text}"),
        name="check|test nums|list",
        args=nums,
        body=(f"return {code}([{test.code} for x in {nums}])",),
        # Low and high lists, so that both answers come up.
        inputs=number_lists(rng, high=9)[: COUNT // 2] + number_lists(rng, low=10)[: COUNT // 2],
        details=(code, test.key),
    )


@kind("all_any_step")
def all_any_step(rng: Random) -> Draft:
    """Choose the way to fold a list by a check of it."""
    nums = rng.choice(LISTS)
    word = rng.choice(("all", "any"))
    test = limit_test(rng, low=3 if word == "all" else 9, high=9 if word == "all" else 16)
    subject = "all numbers in a list are" if word == "all" else "any number in a list is"
    (text, code), (other_text, other_code) = rng.sample(
        (
            ("sum", f"sum({nums})"),
            ("largest number", f"max({nums})"),
            ("smallest number", f"min({nums})"),
            ("length", f"len({nums})"),
            ("first number", f"{nums}[0]"),
            ("last number", f"{nums}[-1]"),
        ),
        2,
    )
    return draft(
        rng,
        asks=(
            f"If {subject} {test.text}, return its {text}, and otherwise its {other_text}",
            f"return the {text} of the list if {subject} {test.text}, and if not the {other_text}",
        ),
        name=f"check|if {word}|fold",
        args=nums,
        body=(
            f"if {word}([{test.code} for x in {nums}]):",
            f"    return {code}",
            f"return {other_code}",
        ),
        inputs=number_lists(rng),
        details=(word, test.key, text, other_text),
    )


@kind("in_range")
def in_range(rng: Random) -> Draft:
    """Check whether a number is within or outside of two limits."""
    n = rng.choice(NUMBERS)
    low, high = rng.randint(3, 8), rng.randint(11, 16)
    open_low, open_high, outside = (rng.random() < 0.5 for _ in range(3))
    low_text = f"greater than {low}" if open_low else f"at least {low}"
    high_text = f"less than {high}" if open_high else f"at most {high}"
    code = f"{low} {'<' if open_low else '<='} {n} {'<' if open_high else '<='} {high}"
    verb = "is not" if outside else "is"
    return draft(
        rng,
        asks=(
            f"check that a number {verb} both {low_text} and {high_text}",
            f"return whether a number {verb} both {low_text} and {high_text}",
        ),
        name="check|test range|limits",
        args=n,
        body=(f"return not {code}" if outside else f"return {code}",),
        inputs=numbers(rng, 0, 20),
        details=(low, high, open_low, open_high, outside),
    )


@kind("price")
def price(rng: Random) -> Draft:
    """Work out a price with two extras."""
    base, young = rng.randint(5, 20), rng.randint(6, 18)
    less, more = rng.randint(2, 5), rng.randint(2, 9)
    thing, limit = rng.choice((("bags", rng.randint(1, 3)), ("stops", rng.randint(4, 6))))
    return draft(
        rng,
        asks=(
            f"price a trip from age and {thing}: {base}, minus {less} for age below {young}, "
            f"plus {more} if {thing} are above {limit}",
            f"return a price for age and {thing}: start at {base}, add {more} if {thing} are "
            f"above {limit}, subtract {less} if age is below {young}",
        ),
        name="trip|ticket price|cost",
        args=f"age, {thing}",
        body=(
            f"t = {base}",
            f"if age < {young}:",
            f"    t -= {less}",
            f"if {thing} > {limit}:",
            f"    t += {more}",
            "return t",
        ),
        inputs=tuple([(rng.randint(2, 24), rng.randint(0, 2 * limit)) for _ in range(COUNT)]),
        details=(base, young, less, thing, limit, more),
    )


@kind("points")
def points(rng: Random) -> Draft:
    """Give points by the first test that each number passes."""
    nums = rng.choice(LISTS)
    first, second = limit_test(rng), divisor_test(rng)
    if rng.random() < 0.5:
        first, second = second, first
    p, q, r = rng.sample(range(1, 10), 3)
    return draft(
        rng,
        asks=(
            f"count points for a list: {p} for each number that is {first.text}, "
            f"else {q} if it is {second.text}, else minus {r}",
            f"give {p} points for a number that is {first.text}, {q} for another that is "
            f"{second.text}, and minus {r} for the rest of a list",
        ),
        name="points|score nums|list",
        args=nums,
        body=(
            "t = 0",
            f"for x in {nums}:",
            f"    if {first.code}:",
            f"        t += {p}",
            f"    elif {second.code}:",
            f"        t += {q}",
            "    else:",
            f"        t -= {r}",
            "return t",
        ),
        inputs=number_lists(rng),
        details=(first.key, p, second.key, q, r),
    )


@kind("capped_points")
def capped_points(rng: Random) -> Draft:
    """Give points for double tests, with a highest score."""
    nums = rng.choice(LISTS)
    first, second, third = limit_test(rng), divisor_test(rng), limit_test(rng)
    word = rng.choice(("and", "or"))
    p, q = rng.sample(range(2, 10), 2)
    cap = rng.randint(15, 30)
    return draft(
        rng,
        asks=(
            f"give {p} points for each number in a list that is {first.text} {word} {second.text}, "
            f"else {q} if it is {third.text}, at most {cap} in all",
            f"score a list, at most {cap}: {p} for each number {first.text} {word} {second.text}, "
            f"else {q} for one {third.text}",
        ),
        name="capped|limit points|score",
        args=nums,
        body=(
            "t = 0",
            f"for x in {nums}:",
            f"    if {first.code} {word} {second.code}:",
            f"        t += {p}",
            f"    elif {third.code}:",
            f"        t += {q}",
            f"    if t > {cap}:",
            f"        return {cap}",
            "return t",
        ),
        inputs=number_lists(rng),
        details=(first.key, word, second.key, p, third.key, q, cap),
    )


@kind("sort_out")
def sort_out(rng: Random) -> Draft:
    """Treat each number by one of four rules."""
    nums = rng.choice(LISTS)
    first, second = divisor_test(rng), limit_test(rng)
    one, two = two_steps(rng)
    k = rng.randint(0, 9)
    return draft(
        rng,
        asks=(
            f"For each number in a list: if {first.text} and {second.text} {one.do('it')}, "
            f"if only {first.text} {two.do('it')}, if only {second.text} use {k}, else drop it",
            f"return a list where numbers {first.text} and {second.text} are {one.past}, those "
            f"only {first.text} {two.past}, those only {second.text} are {k}, others dropped",
        ),
        name="sort|rule out|each",
        args=nums,
        body=(
            "out = []",
            f"for x in {nums}:",
            f"    if {first.code} and {second.code}:",
            f"        out.append({one.on('x')})",
            f"    elif {first.code}:",
            f"        out.append({two.on('x')})",
            f"    elif {second.code}:",
            f"        out.append({k})",
            "return out",
        ),
        inputs=number_lists(rng),
        details=(first.key, second.key, one.key, two.key, k),
    )


@kind("count_rules")
def count_rules(rng: Random) -> Draft:
    """Sum points for each rule that two numbers pass together."""
    first, second = limit_test(rng, "a"), limit_test(rng, "b")
    third = divisor_test(rng, "a")
    p, q, r, s = rng.sample(range(1, 10), 4)
    return draft(
        rng,
        asks=(
            f"score a and b: {p} if a is {first.text} and b is {second.text}, "
            f"else {q} if either is so, else {r}; and add {s} if a is {third.text}",
            f"return {p} if a is {first.text} and b is {second.text}, {q} if just one holds, "
            f"else {r}; add {s} if a is {third.text}",
        ),
        name="score|rate pair|two",
        args="a, b",
        body=(
            f"t = {r}",
            f"if {first.code} and {second.code}:",
            f"    t = {p}",
            f"elif {first.code} or {second.code}:",
            f"    t = {q}",
            f"if {third.code}:",
            f"    t += {s}",
            "return t",
        ),
        inputs=two_numbers(rng),
        details=(first.key, second.key, third.key, p, q, r, s),
    )
