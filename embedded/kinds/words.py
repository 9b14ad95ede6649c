"""Kinds on lists of words."""

from random import Random

from embedded.kinds.base import Draft, draft, kind
from embedded.kinds.inputs import word_lists
from embedded.kinds.parts import SEPARATORS, WORD_LISTS, word_step, word_test


@kind("words_keep")
def words_keep(rng: Random) -> Draft:
    """Keep the words that pass a test, in order or turned around."""
    words = rng.choice(WORD_LISTS)
    test = word_test(rng)
    turned = rng.random() < 0.5
    order = " from last to first" if turned else ""
    return draft(
        rng,
        asks=(
            f"return the words of a list that {test.plural}{order and ','}{order}",
            f"list all words that {test.plural}{order and ','}{order}",
        ),
        name="keep|pick words|texts",
        args=words,
        body=(
            f"return [w for w in {words}[::-1] if {test.code}]"
            if turned
            else f"return [w for w in {words} if {test.code}]",
        ),
        inputs=word_lists(rng),
        details=(test.key, turned),
    )


@kind("words_map")
def words_map(rng: Random) -> Draft:
    """Change every word and join the results."""
    words = rng.choice(WORD_LISTS)
    step, sep = word_step(rng), rng.choice(SEPARATORS)
    return draft(
        rng,
        asks=(
            f"{step.do('each word of a list')} and join them with '{sep}'",
            f"join a list of words with '{sep}', each {step.past}",
        ),
        name="join|change words|all",
        args=words,
        body=(f"return '{sep}'.join([{step.on('w')} for w in {words}])",),
        inputs=word_lists(rng),
        details=(step.key, sep),
    )


@kind("words_filter_map")
def words_filter_map(rng: Random) -> Draft:
    """Change the words that pass a test."""
    words = rng.choice(WORD_LISTS)
    test, step = word_test(rng), word_step(rng)
    return draft(
        rng,
        asks=(
            f"keep the words of a list that {test.plural} and {step.do('each of them')}",
            f"return the words of a list that {test.plural}, each {step.past}",
        ),
        name="keep|change some|words",
        args=words,
        body=(f"return [{step.on('w')} for w in {words} if {test.code}]",),
        inputs=word_lists(rng),
        details=(test.key, step.key),
    )


@kind("words_sort")
def words_sort(rng: Random) -> Draft:
    """Sort words by a key, take some, change them."""
    words = rng.choice(WORD_LISTS)
    text, key = rng.choice(
        (
            ("length", "(len(w), w)"),
            ("last letter", "(w[-1], w)"),
            ("second letter", "(w[1], w)"),
            ("the word reversed", "w[::-1]"),
        )
    )
    tie = "" if key == "w[::-1]" else " and then by the word"
    k = rng.randint(2, 3)
    step = word_step(rng)
    falling = rng.random() < 0.5
    order = "falling" if falling else "rising"
    end = ", reverse=True" if falling else ""
    return draft(
        rng,
        asks=(
            f"sort words by {text}{tie} in {order} order, take the first {k} "
            f"and {step.do('each of them')}",
            f"return the first {k} words, each {step.past}, after a sort by {text}{tie} "
            f"in {order} order",
        ),
        name="sort|order words|some",
        args=words,
        body=(
            f"a = sorted({words}, key=lambda w: {key}{end})",
            f"return [{step.on('w')} for w in a[:{k}]]",
        ),
        inputs=word_lists(rng),
        details=(text, falling, k, step.key),
    )


@kind("words_count")
def words_count(rng: Random) -> Draft:
    """Count words or letters of the words that pass two tests."""
    words = rng.choice(WORD_LISTS)
    first = second = word_test(rng)
    while first.key[0] == second.key[0]:
        second = word_test(rng)
    link = rng.choice(("and", "or"))
    letters = rng.random() < 0.5
    what = "letters in all words of a list" if letters else "words of a list"
    return draft(
        rng,
        asks=(
            f"count the {what} that {first.plural} {link} {second.plural}",
            f"return the count of {what} that {first.plural} {link} {second.plural}",
        ),
        name="count letters|all" if letters else "count words|some",
        args=words,
        body=(
            "t = 0",
            f"for w in {words}:",
            f"    if {first.code} {link} {second.code}:",
            "        t += len(w)" if letters else "        t += 1",
            "return t",
        ),
        inputs=word_lists(rng),
        details=(first.key, link, second.key, letters),
    )


@kind("best_word")
def best_word(rng: Random) -> Draft:
    """Find the first longest or shortest word of those that pass a test, changed."""
    words = rng.choice(WORD_LISTS)
    test, step = word_test(rng), word_step(rng)
    while test.key[0] in ("longer", "shorter"):
        test = word_test(rng)
    name, code = rng.choice((("longest", "max"), ("shortest", "min")))
    default = rng.choice(("", "none", "x"))
    return draft(
        rng,
        asks=(
            f"find the first {name} of the words that {test.plural} and {step.do('it')}, "
            f"or return '{default}' if there is none",
            f"Of the words that {test.plural} return the first {name} one {step.past}, "
            f"or '{default}' if no word is left",
        ),
        name=f"find|get {name}",
        args=words,
        body=(
            f"a = [w for w in {words} if {test.code}]",
            "if not a:",
            f"    return '{default}'",
            f"w = {code}(a, key=len)",
            f"return {step.on('w')}",
        ),
        inputs=word_lists(rng),
        details=(name, test.key, step.key, default),
    )


@kind("initials")
def initials(rng: Random) -> Draft:
    """Join one letter of each word."""
    words = rng.choice(WORD_LISTS)
    text, code = rng.choice(
        (("first", "w[0]"), ("second", "w[1]"), ("last", "w[-1]"), ("first two", "w[:2]"))
    )
    what = f"{text} letters" if text == "first two" else f"{text} letter"
    sep = rng.choice(SEPARATORS)
    upper = rng.random() < 0.5
    end = " in upper case" if upper else ""
    code = f"{code}.upper()" if upper else code
    return draft(
        rng,
        asks=(
            f"join the {what} of each word in a list with '{sep}'{end}",
            f"take the {what} of each word and join them with '{sep}'{end}",
        ),
        name="join|take letters|starts",
        args=words,
        body=(f"return '{sep}'.join([{code} for w in {words}])",),
        inputs=word_lists(rng),
        details=(text, sep, upper),
    )


@kind("number_words")
def number_words(rng: Random) -> Draft:
    """Put a rising number and a mark before or after each word."""
    words = rng.choice(WORD_LISTS)
    start, by = rng.randint(0, 9), rng.randint(1, 3)
    sep = rng.choice(SEPARATORS)
    after = rng.random() < 0.5
    where = "after" if after else "before"
    return draft(
        rng,
        asks=(
            f"put a number and '{sep}' {where} each word of a list, from {start} on by {by}"
            if not after
            else f"put '{sep}' and a number {where} each word of a list, from {start} on by {by}",
            f"number a list of words from {start} in steps of {by}, "
            f"each number {where} the word with '{sep}' between",
        ),
        name="number|count words|names",
        args=words,
        body=(
            "out = []",
            f"n = {start}",
            f"for w in {words}:",
            f"    out.append(w + '{sep}' + str(n))"
            if after
            else f"    out.append(str(n) + '{sep}' + w)",
            f"    n += {by}",
            "return out",
        ),
        inputs=word_lists(rng),
        details=(start, by, sep, after),
    )
