"""Kinds that change or measure one word."""

from random import Random

from embedded.kinds.base import Draft, draft, kind
from embedded.kinds.inputs import two_words, words
from embedded.kinds.parts import MARKS, SEPARATORS, two_word_steps, word_step, word_test

TEXTS = ("word", "text")
LETTERS = "aeorntlsp"


@kind("word_steps")
def word_steps(rng: Random) -> Draft:
    """Do two steps in order."""
    w = rng.choice(TEXTS)
    first, second = two_word_steps(rng)
    return draft(
        rng,
        asks=(
            f"{first.do('a word')} and then {second.do('the result')}",
            f"take a word, {first.do('it')} and then {second.do('it')}",
        ),
        name="change|turn word|text",
        args=w,
        body=(f"{w} = {first.on(w)}", f"return {second.on(w)}"),
        inputs=words(rng),
        details=(first.key, second.key),
    )


@kind("word_three_steps")
def word_three_steps(rng: Random) -> Draft:
    """Do three steps in order."""
    w = rng.choice(TEXTS)
    first, second = two_word_steps(rng)
    third = word_step(rng)
    return draft(
        rng,
        asks=(
            f"{first.do('a word')}, then {second.do('it')} and then {third.do('the result')}",
            f"take a word, {first.do('it')}, {second.do('it')} and at last {third.do('it')}",
        ),
        name="change|turn three|all",
        args=w,
        body=(
            f"{w} = {first.on(w)}",
            f"{w} = {second.on(w)}",
            f"return {third.on(w)}",
        ),
        inputs=words(rng),
        details=(first.key, second.key, third.key),
    )


@kind("word_if")
def word_if(rng: Random) -> Draft:
    """Change a word in one of two ways."""
    w = rng.choice(TEXTS)
    test = word_test(rng, w)
    first, second = two_word_steps(rng)
    return draft(
        rng,
        asks=(
            f"{first.do('a word')} if it {test.single} and otherwise {second.do('it')}",
            f"return a word {first.past} if it {test.single}, and {second.past} if not",
        ),
        name="word|text if|change",
        args=w,
        body=(
            f"if {test.code}:",
            f"    return {first.on(w)}",
            f"return {second.on(w)}",
        ),
        inputs=words(rng),
        details=(test.key, first.key, second.key),
    )


@kind("count_letters")
def count_letters(rng: Random) -> Draft:
    """Count two letters with different weights."""
    w = rng.choice(TEXTS)
    a, b = rng.sample(LETTERS, 2)
    p, q = rng.randint(1, 5), rng.randint(1, 5)
    return draft(
        rng,
        asks=(
            f"score a word: {p} for each '{a}' and {q} for each '{b}'",
            f"count each '{a}' in a word as {p} and each '{b}' as {q}, and return the sum",
        ),
        name="count|score letters|word",
        args=w,
        body=(f"return {p} * {w}.count('{a}') + {q} * {w}.count('{b}')",),
        inputs=words(rng),
        details=(a, p, b, q),
    )


@kind("surround")
def surround(rng: Random) -> Draft:
    """Put marks before and after a word."""
    w = rng.choice(TEXTS)
    a, b = rng.sample(MARKS, 2)
    k, m = rng.randint(2, 4), rng.randint(2, 4)
    return draft(
        rng,
        asks=(
            f"put {k} times '{a}' before a word and {m} times '{b}' after it",
            f"add '{b}' {m} times to the end of a word and '{a}' {k} times to its start",
        ),
        name="put|add marks|ends",
        args=w,
        body=(f"return '{a}' * {k} + {w} + '{b}' * {m}",),
        inputs=words(rng),
        details=(a, k, b, m),
    )


@kind("each_letter")
def each_letter(rng: Random) -> Draft:
    """Change the letters of a word by whether they are in a set."""
    w = rng.choice(TEXTS)
    name, text, code = rng.choice(
        (
            ("vowels", "is a vowel", "c in 'aeiou'"),
            ("others", "is not a vowel", "c not in 'aeiou'"),
            ("early", "comes before 'm'", "c < 'm'"),
            ("late", "comes after 'm'", "c > 'm'"),
        )
    )
    mark = rng.choice(MARKS + ("*", "-", "_"))
    options = (
        ("write it twice", "c * 2"),
        ("put it in upper case", "c.upper()"),
        (f"use '{mark}'", f"'{mark}'"),
        (f"put '{mark}' after it", f"c + '{mark}'"),
        ("keep it", "c"),
        ("drop it", "''"),
    )
    (first, yes), (second, no) = rng.sample(options, 2)
    return draft(
        rng,
        asks=(
            f"For each letter of a word, {first} if it {text} and otherwise {second}",
            f"go through the letters of a word: if one {text}, {first}, and if not, {second}",
        ),
        name="each|change letter|letters",
        args=w,
        body=(
            "out = ''",
            f"for c in {w}:",
            f"    out += {yes} if {code} else {no}",
            "return out",
        ),
        inputs=words(rng),
        details=(name, yes, no),
    )


@kind("cut_parts")
def cut_parts(rng: Random) -> Draft:
    """Cut a word into parts, change each and join them."""
    w = rng.choice(TEXTS)
    k, sep = rng.randint(2, 3), rng.choice(SEPARATORS)
    first, second = rng.sample(
        (
            ("reverse each", "reversed", "[::-1]"),
            ("write each twice", "written twice", " * 2"),
            ("put each in upper case", "in upper case", ".upper()"),
            ("keep the first letter of each", "cut to its first letter", "[0]"),
            ("keep the last letter of each", "cut to its last letter", "[-1]"),
        ),
        2,
    )
    turned = rng.random() < 0.5
    order = "from last to first" if turned else "in order"
    return draft(
        rng,
        asks=(
            f"cut a word into parts of {k} letters, {first[0]} and join them {order} with '{sep}'",
            f"join the parts of {k} letters of a word, each {first[1]}, {order} with '{sep}'",
        ),
        name="cut|split parts|word",
        args=w,
        body=(
            "a = []",
            f"for i in range(0, len({w}), {k}):",
            f"    a.append({w}[i:i + {k}]{first[2]})",
            f"return '{sep}'.join(a[::-1])" if turned else f"return '{sep}'.join(a)",
        ),
        inputs=words(rng),
        details=(k, first[2], sep, turned),
    )


@kind("letter_places")
def letter_places(rng: Random) -> Draft:
    """List or add up the places of some letters."""
    w = rng.choice(TEXTS)
    a, b = rng.sample(LETTERS, 2)
    base = rng.randint(0, 3)
    added = rng.random() < 0.5
    verb = "add up" if added else "list"
    code = f"[i for i, c in enumerate({w}, {base}) if c in '{a}{b}']"
    return draft(
        rng,
        asks=(
            f"{verb} the places, counted from {base}, of '{a}' and '{b}' in a word",
            f"count places from {base} and {verb} those where a word has '{a}' or '{b}'",
        ),
        name="letter|find places|spots",
        args=w,
        body=(f"return sum({code})" if added else f"return {code}",),
        inputs=words(rng),
        details=(min(a, b), max(a, b), base, added),
    )


@kind("two_words")
def join_two_words(rng: Random) -> Draft:
    """Change one of two words and join both in an order decided by a rule."""
    sep, step = rng.choice(SEPARATORS), word_step(rng)
    text, code = rng.choice(
        (
            ("was longer", "len(a) > len(b)"),
            ("was shorter", "len(a) < len(b)"),
            ("came before the second", "a < b"),
        )
    )
    return draft(
        rng,
        asks=(
            f"join two words with '{sep}', the first {step.past}, "
            f"but put the second in front if the first {text}",
            f"{step.do('the first of two words')} and join both with '{sep}', "
            f"swapped if the first {text}",
        ),
        name="join|mix words|two",
        args="a, b",
        body=(
            f"c = {step.on('a')}",
            f"if {code}:",
            f"    return b + '{sep}' + c",
            f"return c + '{sep}' + b",
        ),
        inputs=two_words(rng),
        details=(step.key, code, sep),
    )
