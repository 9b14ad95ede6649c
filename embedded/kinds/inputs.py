"""Candidate inputs for the asserts: small numbers, short words, and lists of them."""

from random import Random

from embedded.kinds.base import Arguments

# How many candidates a draft offers.
COUNT = 20

# fmt: off
WORDS = (
    "ant", "bag", "ball", "bat", "bear", "bell", "bird", "boat", "book", "bread", "cake", "cat",
    "chair", "coat", "corn", "cup", "lake", "lamp", "leaf", "lemon", "pan", "pear", "pen",
    "pet", "plant", "plate", "pond", "sand", "seed", "sheep", "ship", "shoe", "spoon", "star",
    "stone", "sun", "table", "tent", "tiger", "train", "tree", "door", "egg", "farm", "garden",
    "hat", "horse", "rose", "wind", "net", "rain", "moon",
)
# fmt: on


def _numbers(rng: Random, size: int, low: int, high: int) -> list[int]:
    return rng.choices(range(low, high + 1), k=size)


def number_list(rng: Random, low: int = 0, high: int = 20, least: int = 3) -> list[int]:
    """Return `least` to 5 numbers from `low` to `high`."""
    return _numbers(rng, rng.randint(least, 5), low, high)


def number_lists(
    rng: Random, low: int = 0, high: int = 20, least: int = 3
) -> tuple[Arguments, ...]:
    """Return candidates of one list of numbers."""
    return tuple([(number_list(rng, low, high, least),) for _ in range(COUNT)])


def two_lists(rng: Random) -> tuple[Arguments, ...]:
    """Return candidates of two lists of numbers of the same length."""
    sizes = [rng.randint(3, 4) for _ in range(COUNT)]
    return tuple([(_numbers(rng, n, 0, 12), _numbers(rng, n, 0, 12)) for n in sizes])


def numbers(rng: Random, low: int, high: int) -> tuple[Arguments, ...]:
    """Return candidates of one number from `low` to `high`, all different."""
    return tuple([(n,) for n in rng.sample(range(low, high + 1), min(COUNT, high - low + 1))])


def two_numbers(rng: Random, low: int = 0, high: int = 20) -> tuple[Arguments, ...]:
    """Return candidates of two numbers from `low` to `high`."""
    return tuple([tuple(_numbers(rng, 2, low, high)) for _ in range(COUNT)])


def words(rng: Random) -> tuple[Arguments, ...]:
    """Return candidates of one word, all different."""
    return tuple([(word,) for word in rng.sample(WORDS, COUNT)])


def two_words(rng: Random) -> tuple[Arguments, ...]:
    """Return candidates of two different words."""
    return tuple([tuple(rng.sample(WORDS, 2)) for _ in range(COUNT)])


def word_lists(rng: Random) -> tuple[Arguments, ...]:
    """Return candidates of one list of 3 or 4 different words."""
    return tuple([(rng.sample(WORDS, rng.randint(3, 4)),) for _ in range(COUNT)])


def pair_lists(rng: Random) -> tuple[Arguments, ...]:
    """Return candidates of one list of pairs; no number is twice in the same place of a pair."""
    sizes = [rng.randint(3, 4) for _ in range(COUNT)]
    places = range(16)
    return tuple(
        [(list(zip(rng.sample(places, n), rng.sample(places, n), strict=True)),) for n in sizes]
    )


def dictionary(rng: Random, least: int = 2, most: int = 4) -> dict[str, int]:
    """Return a dictionary from words to different numbers."""
    size = rng.randint(least, most)
    return dict(zip(rng.sample(WORDS, size), rng.sample(range(1, 21), size), strict=True))


def dictionaries(rng: Random) -> tuple[Arguments, ...]:
    """Return candidates of one dictionary from words to numbers."""
    return tuple([(dictionary(rng),) for _ in range(COUNT)])


def grids(rng: Random, rows: int | None = None) -> tuple[Arguments, ...]:
    """Return candidates of one grid of numbers: `rows` rows (or 2 to 3), square if `rows`."""
    candidates = []
    for _ in range(COUNT):
        height = rows or rng.randint(2, 3)
        width = rows or rng.randint(2, 3)
        candidates.append(([_numbers(rng, width, 0, 20) for _ in range(height)],))
    return tuple(candidates)
