"""Guessing what a lane writes next, so that many tokens are checked in one pass.

Most of the text is known before it is decoded: weak steering writes what the unsteered model
wrote, neighbouring coefficients write what their neighbour wrote, and strong steering falls into
loops. A draft continues the text after the last place where the lane's newest tokens stood before:
in its own text, in those of the other lanes of its prompt, in the unsteered program, or in the
prompt. The model judges every token of it, so a bad draft costs time and changes nothing.
"""

from collections.abc import Sequence

LONGEST_MATCH = 6
"""The most of a lane's newest tokens that are looked for."""
LONGEST_DRAFT = 48


class DraftPool:
    """The texts of one prompt's lanes, and where each run of tokens stood last."""

    def __init__(self) -> None:
        self._texts: list[list[int]] = []
        self._ends: dict[tuple[int, ...], tuple[int, int]] = {}

    def add_text(self, tokens: Sequence[int]) -> int:
        """Add a text; returns its number."""
        self._texts.append([])
        number = len(self._texts) - 1
        self.extend(number, tokens)
        return number

    def extend(self, number: int, tokens: Sequence[int]) -> None:
        """Let a text grow."""
        text = self._texts[number]
        for token in tokens:
            # What stands at the end is worth finding once it is known what follows.
            end = len(text)
            for length in range(1, min(LONGEST_MATCH, end) + 1):
                self._ends[tuple(text[end - length :])] = (number, end)
            text.append(token)

    def find(self, tokens: Sequence[int]) -> tuple[int, int, int] | None:
        """Where the newest of `tokens` stood last: the text, the place after them, how many."""
        for length in range(min(LONGEST_MATCH, len(tokens)), 0, -1):
            found = self._ends.get(tuple(tokens[-length:]))
            if found is not None:
                return (*found, length)
        return None

    def text(self, number: int) -> list[int]:
        return self._texts[number]


class Drafter:
    """Drafts for one lane: how far, and after which text."""

    def __init__(self, pool: DraftPool, prompt_tokens: Sequence[int], worth: float) -> None:
        """Take the pool of the lane's prompt.

        Args:
            pool: the texts that may be like this one.
            prompt_tokens: what the lane's text follows.
            worth: the probability from which on checking one token more pays.
        """
        self._pool = pool
        self._worth = worth
        self._text = list(prompt_tokens[-LONGEST_MATCH:])
        self._number = pool.add_text(self._text)
        self._source: tuple[int, int] | None = None
        self._accepted = 1.5
        self._checked = 2.0

    def draft(self, most: int) -> list[int]:
        """The next tokens, as far as they are likely enough; at most `most`."""
        length = min(most, self._length())
        if length <= 0:
            return []
        if self._source is None:
            self._source = self._look_up()
            if self._source is None:
                return []
        number, position = self._source
        return self._continue(number, position, length)

    def accept(self, tokens: Sequence[int], n_drafted: int) -> None:
        """Take the tokens that were decoded; all but the last agreed with the draft."""
        n_agreed = min(len(tokens) - 1, n_drafted)
        if n_drafted:
            n_trials = min(n_agreed + 1, n_drafted)
            self._accepted = self._accepted * 0.8 + n_agreed
            self._checked = self._checked * 0.8 + n_trials
        else:
            # Nothing was tried; confidence comes back slowly, so that it is tried again.
            self._accepted += 0.15 * (self._checked - self._accepted)
        self._text.extend(tokens)
        self._pool.extend(self._number, tokens)
        if self._source is not None:
            number, position = self._source
            position += len(tokens)
            text = self._pool.text(number)
            follows = position <= len(text) and text[position - 1] == tokens[-1]
            self._source = (number, position) if follows else None

    def _length(self) -> int:
        """How many tokens in a row are expected to be worth checking."""
        rate = min(self._accepted / self._checked, 0.99)
        length, probability = 0, rate
        while probability >= self._worth and length < LONGEST_DRAFT:
            length += 1
            probability *= rate
        return length

    def _look_up(self) -> tuple[int, int] | None:
        found = self._pool.find(self._text)
        return None if found is None else found[:2]

    def _continue(self, number: int, position: int, length: int) -> list[int]:
        """`length` tokens after a place; a lane's own text goes round."""
        text = self._pool.text(number)
        draft = text[position : position + length]
        period = len(text) - position
        if number == self._number and 0 < period < length:
            while len(draft) < length:
                draft.append(draft[-period])
        return list(draft)
