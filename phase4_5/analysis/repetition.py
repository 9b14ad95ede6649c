"""Text that repeats itself, as models do that are pushed too strongly."""

from collections.abc import Hashable, Sequence

import numpy as np

from phase4_5.analysis.syntax import MAX_CHARACTERS

MIN_SAME_LINES = 4
MIN_REPEATS = 4
MIN_RUN = 20
MAX_PERIOD = 200
MIN_LONG_LINE = 80
MIN_REPEATS_IN_LINE = 8
MAX_PERIOD_IN_LINE = 20
MAX_RULER = 120
N_GRAM = 3


def repeated_share(tokens: Sequence[Hashable], n: int = N_GRAM) -> float | None:
    """The fraction of a text's n-grams that occurred in it before: 1 less the share of distinct
    ones (seq-rep-n of Welleck et al., arXiv 1908.04319).

    None of fewer than `n` tokens.
    """
    n_grams = [tuple(tokens[start : start + n]) for start in range(len(tokens) - n + 1)]
    return 1 - len(set(n_grams)) / len(n_grams) if n_grams else None


def is_degenerate_repetition(code: str) -> bool:
    """Whether the text of a program repeats itself.

    One of these holds (white space in a line counts as one blank, empty lines don't count):

    - the same line, indentation included, stands `MIN_SAME_LINES` times in a row;
    - one piece of at most `MAX_PERIOD` characters, at least `MIN_REPEATS` times in a row,
      makes up more than half of the text (and at least `MIN_RUN` characters);
    - a line of at least `MIN_LONG_LINE` characters is more than half a piece of at most
      `MAX_PERIOD_IN_LINE` characters, `MIN_REPEATS_IN_LINE` times in a row.

    The last two leave out comments of at most `MAX_RULER` characters: people draw lines in them.
    """
    lines = [line.rstrip() for line in code[:MAX_CHARACTERS].splitlines() if line.strip()]
    same = 1
    for line, following in zip(lines, lines[1:], strict=False):
        same = same + 1 if line == following else 1
        if same >= MIN_SAME_LINES:
            return True
    squeezed = [" ".join(line.split()) for line in lines]
    squeezed = [line for line in squeezed if line[0] != "#" or len(line) > MAX_RULER]
    if _is_mostly_one_piece("\n".join(squeezed), MAX_PERIOD, MIN_REPEATS):
        return True
    return any(
        _is_mostly_one_piece(line, MAX_PERIOD_IN_LINE, MIN_REPEATS_IN_LINE)
        for line in squeezed
        if len(line) >= MIN_LONG_LINE
    )


def _is_mostly_one_piece(text: str, max_period: int, min_repeats: int) -> bool:
    """Whether more than half of `text` is one piece repeated, `min_repeats` times or more."""
    symbols = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), dtype=np.uint32)
    for period in range(1, min(max_period, len(symbols) // min_repeats) + 1):
        differs = np.flatnonzero(symbols[period:] != symbols[:-period])
        edges = np.concatenate(([-1], differs, [len(symbols) - period]))
        run = period + int(np.diff(edges).max()) - 1
        if run >= max(MIN_RUN, min_repeats * period) and 2 * run > len(symbols):
            return True
    return False
