"""Kinds that build, read and change dictionaries."""

from random import Random

from embedded.kinds.base import Draft, draft, kind
from embedded.kinds.inputs import COUNT, WORDS, dictionaries, dictionary, number_lists, word_lists
from embedded.kinds.parts import (
    LISTS,
    WORD_LISTS,
    number_step,
    number_test,
    two_steps,
    value_fold,
    word_step,
    word_test,
)


@kind("dict_words")
def dict_words(rng: Random) -> Draft:
    """Map words to something about them."""
    words = rng.choice(WORD_LISTS)
    test, step = word_test(rng), word_step(rng)
    text, code = rng.choice(
        (
            (f"the word {step.past}", step.on("w")),
            ("its length", "len(w)"),
            ("its first letter", "w[0]"),
            ("its last letter", "w[-1]"),
        )
    )
    return draft(
        rng,
        asks=(
            f"make a dict from each word that {test.single} to {text}",
            f"map the words of a list that {test.plural} in a dict, each to {text}",
        ),
        name="map|dict words|texts",
        args=words,
        body=("return {w: " + code + f" for w in {words} if {test.code}" + "}",),
        inputs=word_lists(rng),
        details=(test.key, code),
    )


@kind("dict_numbers")
def dict_numbers(rng: Random) -> Draft:
    """Map the numbers that pass a test to changed ones."""
    nums = rng.choice(LISTS)
    test, step = number_test(rng), number_step(rng)
    return draft(
        rng,
        asks=(
            f"make a dict from each number of a list that is {test.text} to it when {step.past}",
            f"map each number that is {test.text} in a dict to the number {step.past}",
        ),
        name="map|dict nums|list",
        args=nums,
        body=("return {x: " + step.on("x") + f" for x in {nums} if {test.code}" + "}",),
        inputs=number_lists(rng),
        details=(test.key, step.key),
    )


@kind("dict_keys")
def dict_keys(rng: Random) -> Draft:
    """List the changed keys whose values pass a test."""
    test, step = number_test(rng, "v"), word_step(rng)
    return draft(
        rng,
        asks=(
            f"list the keys of a dict whose value is {test.text}, each {step.past}",
            f"take the keys of a dict with values that are {test.text} and {step.do('each key')}",
        ),
        name="keys|names of|with",
        args="d",
        body=(f"return [{step.on('k')} for k, v in d.items() if {test.code}]",),
        inputs=dictionaries(rng),
        details=(test.key, step.key),
    )


@kind("dict_fold")
def dict_fold(rng: Random) -> Draft:
    """Fold the values whose keys pass a test."""
    test, step, fold = word_test(rng, "k"), number_step(rng), value_fold(rng)
    return draft(
        rng,
        asks=(
            f"return {fold.text} the values in a dict whose keys {test.plural}, "
            f"each first {step.past}{fold.note}",
            f"take the dict values whose keys {test.plural}, {step.do('each')} and "
            f"return {fold.text} the results{fold.note}",
        ),
        name=f"{fold.key}|fold values|dict",
        args="d",
        body=("return " + fold.on(f"[{step.on('v')} for k, v in d.items() if {test.code}]"),),
        inputs=dictionaries(rng),
        details=(test.key, fold.key, step.key),
    )


@kind("dict_change")
def dict_change(rng: Random) -> Draft:
    """Change values in one of two ways."""
    test = number_test(rng, "v")
    first, second = two_steps(rng)
    dropped = rng.random() < 0.4
    rest = "drop the others" if dropped else second.do("the others")
    other = () if dropped else ("    else:", f"        out[k] = {second.on('v')}")
    return draft(
        rng,
        asks=(
            f"{first.do('each value')} in a dict if it is {test.text}, and {rest}",
            f"change a dict: if a value is {test.text} {first.do('it')}, and {rest}",
        ),
        name="change|update values|dict",
        args="d",
        body=(
            "out = {}",
            "for k, v in d.items():",
            f"    if {test.code}:",
            f"        out[k] = {first.on('v')}",
            *other,
            "return out",
        ),
        inputs=dictionaries(rng),
        details=(test.key, first.key, () if dropped else second.key),
    )


@kind("dict_get")
def dict_get(rng: Random) -> Draft:
    """Look a key up, with a default and a step."""
    default, step = rng.randint(0, 20), number_step(rng)
    inputs = []
    for _ in range(COUNT):
        d = dictionary(rng, 2, 2)
        inputs.append((d, rng.choice((*d, rng.choice(WORDS)))))
    return draft(
        rng,
        asks=(
            f"get the value of a key in a dict, or {default} without it, and {step.do('it')}",
            f"look a key up in a dict with default {default} and return the value {step.past}",
        ),
        name="get|find value|key",
        args="d, key",
        body=(f"v = d.get(key, {default})", f"return {step.on('v')}"),
        inputs=tuple(inputs),
        details=(default, step.key),
    )


@kind("dict_group")
def dict_group(rng: Random) -> Draft:
    """Group the numbers that pass a test by their remainder."""
    nums = rng.choice(LISTS)
    k, test = rng.randint(2, 6), number_test(rng)
    counted = rng.random() < 0.5
    verb = "count" if counted else "group"
    return draft(
        rng,
        asks=(
            f"{verb} the numbers of a list that are {test.text} by remainder by {k} in a dict",
            f"make a dict that {verb}s all numbers that are {test.text} by remainder by {k}",
        ),
        name=f"{verb} nums|rest",
        args=nums,
        body=(
            "d = {}",
            f"for x in {nums}:",
            f"    if {test.code}:",
            f"        d[x % {k}] = d.get(x % {k}, 0) + 1"
            if counted
            else f"        d.setdefault(x % {k}, []).append(x)",
            "return d",
        ),
        inputs=number_lists(rng),
        details=(k, test.key, counted),
    )


@kind("dict_turn")
def dict_turn(rng: Random) -> Draft:
    """Swap keys and values where a test holds."""
    test, step = number_test(rng, "v"), number_step(rng)
    kept = rng.random() < 0.5
    code = test.code if kept else test.negated
    verb = "keep only" if kept else "leave out"
    return draft(
        rng,
        asks=(
            f"swap keys and values of a dict, {verb} values that are {test.text}, "
            f"and {step.do('each new key')}",
            f"map the values of a dict, {step.past}, to their keys, but {verb} values "
            f"that were {test.text}",
        ),
        name="swap|turn dict|keys",
        args="d",
        body=("return {" + step.on("v") + f": k for k, v in d.items() if {code}" + "}",),
        inputs=dictionaries(rng),
        details=(test.key, kept, step.key),
    )
