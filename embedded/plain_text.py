"""A small grammar of plain English sentences about everyday things."""

from collections.abc import Iterator
from random import Random

# fmt: off
_THINGS = (
    "bag", "ball", "bell", "bird", "boat", "book", "bread", "cake", "cat", "chair", "coat",
    "corn", "cup", "lake", "lamp", "leaf", "lemon", "pan", "pear", "pen", "plant", "plate",
    "pond", "sand", "seed", "sheep", "ship", "shoe", "spoon", "star", "stone", "table", "tent",
    "tiger", "train", "tree", "door", "egg", "farm", "garden", "hat", "horse", "rose", "net",
    "moon",
)
_LOOKS = (
    "big", "small", "old", "new", "red", "blue", "green", "brown", "warm", "cold", "soft",
    "quiet", "bright", "heavy",
)
_PEOPLE = (
    "mother", "father", "brother", "sister", "farmer", "baker", "teacher", "neighbour", "boy",
    "girl", "cook", "sailor",
)
_DOINGS = (
    "saw", "found", "lost", "carried", "painted", "washed", "sold", "liked", "forgot", "wanted",
    "dropped", "hid", "cleaned", "fixed",
)
# fmt: on
_MOVES = ("stood", "slept", "rested", "waited", "sat", "lay", "stayed", "sang")
_PLACES = ("near", "behind", "beside", "under", "by")
# fmt: off
_TIMES = (
    "in the morning", "at night", "last summer", "after lunch", "every day", "in the rain",
    "before dinner", "on a cold day", "in spring", "at noon",
)
# fmt: on
_STATES = ("wet", "dry", "lost", "broken", "clean", "dirty", "ready", "safe")
_LINKS = ("and", "but", "while", "because")


def plain_sentences(seed: int) -> Iterator[str]:
    """Yield endless sentences of plain English, without a word of programming."""
    rng = Random(seed)
    while True:
        yield _sentence(rng)


def plain_paragraphs(seed: int) -> Iterator[str]:
    """Yield endless paragraphs of two to four sentences."""
    rng = Random(seed)
    while True:
        yield " ".join([_sentence(rng) for _ in range(rng.randint(2, 4))])


def _sentence(rng: Random) -> str:
    form = rng.randrange(4)
    if form == 0:
        text = f"{_clause(rng)} {rng.choice(_TIMES)}"
    elif form == 1:
        text = f"{rng.choice(_TIMES)} {_clause(rng)}"
    elif form == 2:
        text = f"{_clause(rng)} {rng.choice(_LINKS)} {_clause(rng)}"
    else:
        text = _clause(rng)
    return f"{text[0].upper()}{text[1:]}."


def _clause(rng: Random) -> str:
    form = rng.randrange(3)
    if form == 0:
        return f"{_person(rng)} {rng.choice(_DOINGS)} {_thing(rng)}"
    if form == 1:
        return f"{_person(rng)} {rng.choice(_MOVES)} {_place(rng)}"
    return f"{_thing(rng)} was {rng.choice(_STATES)} and stood {_place(rng)}"


def _person(rng: Random) -> str:
    return f"{rng.choice(('the', 'my', 'our', 'a'))} {rng.choice(_PEOPLE)}"


def _thing(rng: Random) -> str:
    return f"the {rng.choice(_LOOKS)} {rng.choice(_THINGS)}"


def _place(rng: Random) -> str:
    return f"{rng.choice(_PLACES)} {_thing(rng)}"
