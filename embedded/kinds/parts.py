"""The parts that kinds are composed of: tests and steps on numbers and words, folds, pair rules.

Every part is three things at once: a key for the signature, a phrase, and an expression.
"""

from random import Random
from typing import NamedTuple

# Names of arguments, by what they hold.
LISTS = ("nums", "items", "values")
NUMBERS = ("n", "num")
WORD_LISTS = ("words", "names")

# fmt: off
LABELS = (
    "low", "mid", "high", "big", "small", "cold", "warm", "hot", "red", "blue", "green", "left",
    "right", "up", "down", "yes", "no", "old", "new",
)
# fmt: on
SEPARATORS = ("-", "+", "/", "*", "=", ":")
MARKS = ("x", "z", "q", "k", "v", "j")


class Test(NamedTuple):
    """A condition on a number, e.g. "even"; `negated` is the expression of its contrary."""

    key: tuple[str | int, ...]
    text: str
    code: str
    negated: str


class Step(NamedTuple):
    """A change of a number: `verb` and `code` have a hole for what is changed."""

    key: tuple[str | int, ...]
    verb: str
    past: str
    code: str

    def do(self, thing: str) -> str:
        """Return the step as an infinitive, e.g. "add 3 to each number"."""
        return self.verb.format(thing)

    def on(self, expression: str) -> str:
        """Return the step as an expression, e.g. "x + 3"."""
        return self.code.format(expression)


class Fold(NamedTuple):
    """A way to make one number from several; `note` says what an empty list gives."""

    key: str
    text: str
    code: str
    note: str

    def on(self, expression: str) -> str:
        """Return the fold of a list as an expression."""
        return self.code.format(expression)


class PairRule(NamedTuple):
    """A way to make one number from the numbers `a` and `b`."""

    key: str
    text: str
    code: str


class WordTest(NamedTuple):
    """A condition on a word: `plural` follows "words that", `single` follows "a word that"."""

    key: tuple[str | int, ...]
    plural: str
    single: str
    code: str


_COMPARISONS = (
    ("gt", "greater than", ">", "<="),
    ("lt", "less than", "<", ">="),
    ("ge", "at least", ">=", "<"),
    ("le", "at most", "<=", ">"),
)


def limit_test(rng: Random, x: str = "x", low: int = 4, high: int = 15) -> Test:
    """Return a comparison of `x` with a number from `low` to `high`."""
    key, text, sign, contrary = rng.choice(_COMPARISONS)
    k = rng.randint(low, high)
    return Test((key, k), f"{text} {k}", f"{x} {sign} {k}", f"{x} {contrary} {k}")


def divisor_test(rng: Random, x: str = "x") -> Test:
    """Return a test of what divides `x`: even, odd, divisible by 3, 4 or 5, or not so."""
    choice = rng.randrange(5)
    if choice == 0:
        return Test(("even",), "even", f"{x} % 2 == 0", f"{x} % 2 != 0")
    if choice == 1:
        return Test(("odd",), "odd", f"{x} % 2 == 1", f"{x} % 2 == 0")
    k = rng.randint(3, 5)
    if choice == 2:
        return Test(("rest", k), f"not divisible by {k}", f"{x} % {k} != 0", f"{x} % {k} == 0")
    return Test(("div", k), f"divisible by {k}", f"{x} % {k} == 0", f"{x} % {k} != 0")


def number_test(rng: Random, x: str = "x", low: int = 4, high: int = 15) -> Test:
    """Return a test of either sort."""
    return limit_test(rng, x, low, high) if rng.random() < 0.6 else divisor_test(rng, x)


def number_step(rng: Random) -> Step:
    """Return a step: add, subtract, multiply, subtract from, or square."""
    choice = rng.randrange(9)
    k = rng.randint(2, 9)
    if choice < 2:
        return Step(("add", k), f"add {k} to {{}}", f"increased by {k}", f"{{}} + {k}")
    if choice < 4:
        return Step(("sub", k), f"subtract {k} from {{}}", f"reduced by {k}", f"{{}} - {k}")
    if choice < 6:
        return Step(("mul", k), f"multiply {{}} by {k}", f"multiplied by {k}", f"{{}} * {k}")
    if choice < 8:
        k += 18
        return Step(("from", k), f"subtract {{}} from {k}", f"subtracted from {k}", f"{k} - {{}}")
    return Step(("square",), "square {}", "squared", "{} ** 2")


def two_steps(rng: Random) -> tuple[Step, Step]:
    """Return two steps of different sorts."""
    first = second = number_step(rng)
    while first.key[0] == second.key[0]:
        second = number_step(rng)
    return first, second


_SUM = Fold("sum", "the sum of", "sum({})", "")
_COUNT = Fold("count", "the count of", "len({})", "")
_LARGEST = Fold("max", "the largest of", "max({}, default=0)", ", or 0 if there are none")
_SMALLEST = Fold("min", "the smallest of", "min({}, default=0)", ", or 0 if there are none")


def value_fold(rng: Random) -> Fold:
    """Return a fold whose result depends on the values: sum, largest or smallest."""
    return rng.choice((_SUM, _LARGEST, _SMALLEST))


def plain_fold(rng: Random) -> Fold:
    """Return a fold that needs no note about empty lists: sum or count."""
    return rng.choice((_SUM, _COUNT))


def any_fold(rng: Random) -> Fold:
    """Return a fold: sum, count, largest or smallest."""
    return rng.choice((_SUM, _COUNT, _LARGEST, _SMALLEST))


PAIR_RULES = (
    PairRule("sum", "sum", "a + b"),
    PairRule("product", "product", "a * b"),
    PairRule("larger", "larger", "max(a, b)"),
    PairRule("smaller", "smaller", "min(a, b)"),
    PairRule("distance", "distance", "abs(a - b)"),
)


def word_test(rng: Random, w: str = "w") -> WordTest:
    """Return a test of a word's length or letters."""
    choice = rng.randrange(6)
    k = rng.randint(3, 4)
    if choice == 0:
        text = f"more than {k} letters"
        return WordTest(("longer", k), f"have {text}", f"has {text}", f"len({w}) > {k}")
    if choice == 1:
        text = f"fewer than {k + 1} letters"
        return WordTest(("shorter", k + 1), f"have {text}", f"has {text}", f"len({w}) < {k + 1}")
    if choice == 2:
        c = rng.choice("bclpst")
        return WordTest(("start", c), f"start with '{c}'", f"starts with '{c}'", f"{w}[0] == '{c}'")
    if choice == 3:
        c = rng.choice("ednrt")
        return WordTest(("end", c), f"end with '{c}'", f"ends with '{c}'", f"{w}[-1] == '{c}'")
    c = rng.choice("aeonrt")
    if choice == 4:
        return WordTest(("has", c), f"contain '{c}'", f"contains '{c}'", f"'{c}' in {w}")
    return WordTest(
        ("lacks", c), f"do not contain '{c}'", f"does not contain '{c}'", f"'{c}' not in {w}"
    )


def word_step(rng: Random) -> Step:
    """Return a change of a word, e.g. "reverse"."""
    choice = rng.randrange(8)
    if choice == 0:
        return Step(("reverse",), "reverse {}", "reversed", "{}[::-1]")
    if choice == 1:
        return Step(("upper",), "put {} in upper case", "in upper case", "{}.upper()")
    if choice == 2:
        return Step(("skip",), "drop the first letter of {}", "without its first letter", "{}[1:]")
    if choice == 3:
        return Step(("cut",), "drop the last letter of {}", "without its last letter", "{}[:-1]")
    if choice == 4:
        return Step(("twice",), "write {} twice", "written twice", "{} * 2")
    if choice == 5:
        k = rng.randint(2, 3)
        text = f"first {k} letters"
        return Step(("head", k), f"keep the {text} of {{}}", f"cut to its {text}", f"{{}}[:{k}]")
    c = rng.choice(MARKS)
    if choice == 6:
        return Step(
            ("before", c), f"put '{c}' before {{}}", f"with '{c}' before it", f"'{c}' + {{}}"
        )
    return Step(("after", c), f"put '{c}' after {{}}", f"with '{c}' after it", f"{{}} + '{c}'")


def two_word_steps(rng: Random) -> tuple[Step, Step]:
    """Return two changes of a word of different sorts."""
    first = second = word_step(rng)
    while first.key[0] == second.key[0]:
        second = word_step(rng)
    return first, second
