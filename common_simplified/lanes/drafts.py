"""Guessing what a lane writes next, so that many tokens are checked in one pass.

Most of the text is known before it is decoded: weak steering writes what the unsteered model
wrote, neighbouring coefficients write what their neighbour wrote, and strong steering falls into
loops. A draft continues the text after the last place where the lane's newest tokens stood before:
in its own text, in those of the other lanes of its prompt, in the unsteered program, or in the
prompt. The model checks every token of it, so a bad draft costs time and changes nothing.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

LONGEST_MATCH = 4
"""The most of a lane's newest tokens that are looked for."""
LONGEST_DRAFT = 64
# How fast older drafts are forgotten, at the latest after how many tokens, and how fast trust
# returns while none is made.
_MEMORY = 0.8
_RECOVERY = 0.15
_MAX_REMEMBERED = 16.0


class Text:
    """Tokens that grow, and where each run of them stood last with something after it."""

    def __init__(self, tokens: Iterable[int]) -> None:
        self.tokens: list[int] = []
        self._ends: dict[tuple[int, ...], int] = {}
        self.extend(tokens)

    def extend(self, tokens: Iterable[int]) -> None:
        """Add tokens at the end."""
        for token in tokens:
            end = len(self.tokens)
            for length in range(1, min(LONGEST_MATCH, end) + 1):
                self._ends[tuple(self.tokens[end - length :])] = end
            self.tokens.append(token)

    def find(self, newest: tuple[int, ...]) -> int | None:
        """The place after the last occurrence of `newest`."""
        return self._ends.get(newest)

    def after(self, place: int, length: int) -> list[int]:
        """`length` tokens from `place` on; a loop at the end goes round."""
        draft = self.tokens[place : place + length]
        period = len(self.tokens) - place
        while len(draft) < length:
            draft.append(draft[-period])
        return draft


@dataclass
class DraftPool:
    """The texts of one prompt: its lanes', the prompt, and what else they may be like."""

    texts: list[Text] = field(default_factory=list)

    def add(self, tokens: Iterable[int]) -> Text:
        """Add a text to draft from; it may grow."""
        text = Text(tokens)
        self.texts.append(text)
        return text


class Drafter:
    """Drafts for one lane, as long as they have been right of late."""

    def __init__(self, pool: DraftPool, prompt_tokens: Sequence[int], worth: float) -> None:
        """Add the lane's text to the pool of its prompt.

        Args:
            pool: the texts that may be like this one.
            prompt_tokens: what the lane's text follows.
            worth: the probability from which on checking one token more pays.
        """
        self._pool = pool
        self._worth = worth
        self._text = pool.add(prompt_tokens[-LONGEST_MATCH:])
        self._agreed = 1.5
        self._checked = 2.0

    def draft(self, most: int) -> list[int]:
        """The next tokens, as far as they are likely enough; at most `most`."""
        length = min(most, self._length())
        if length <= 0:
            return []
        own = self._text
        for n in range(min(LONGEST_MATCH, len(own.tokens)), 0, -1):
            newest = tuple(own.tokens[-n:])
            place = own.find(newest)
            if place is not None:
                return own.after(place, length)
            drafts = [
                text.tokens[place : place + length]
                for text in self._pool.texts
                if (place := text.find(newest)) is not None
            ]
            if drafts:
                return max(drafts, key=len)
        return []

    def accept(self, tokens: Sequence[int], n_drafted: int) -> None:
        """Take what was decoded: of the `n_drafted` tokens all but the last of `tokens` agreed."""
        if n_drafted:
            n_agreed = min(len(tokens) - 1, n_drafted)
            memory = min(_MEMORY, _MAX_REMEMBERED / self._checked)
            self._agreed = memory * self._agreed + n_agreed
            self._checked = memory * self._checked + min(n_agreed + 1, n_drafted)
        else:
            self._agreed += _RECOVERY * (self._checked - self._agreed)
        self._text.extend(tokens)

    def _length(self) -> int:
        """How many tokens in a row are likely enough to agree."""
        rate = min(self._agreed / self._checked, 0.995)
        length, probability = 0, rate
        while probability >= self._worth and length < LONGEST_DRAFT:
            length += 1
            probability *= rate
        return length
