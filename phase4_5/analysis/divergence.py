"""How alike two programs are as texts, in tokens and characters, as the specification has it.

Both are the ratio of `difflib.SequenceMatcher`, which is asymmetric. Tokens are what white space
separates, so that they see no re-indentation; characters do. A program that means the same in
another layout, or with other names, counts as changed.
"""

from collections.abc import Mapping, Sequence
from difflib import SequenceMatcher
from statistics import fmean
from typing import Any

from phase4_5.records import ProgramRecord

RecordLike = ProgramRecord | Mapping[str, Any]
"""A record, or its JSON value."""


def similarity(baseline: str, steered: str) -> dict[str, float | None]:
    """How alike two programs are: `token_similarity`, `char_similarity`, `length_ratio`.

    The similarities are `difflib.SequenceMatcher(None, baseline, steered).ratio()` over
    `code.split()` and over the characters, with its defaults: from 200 items on it leaves
    frequent ones out. `length_ratio` is steered over baseline in characters: 1.0 if both are
    empty, None if only the baseline is.
    """
    return {
        "token_similarity": SequenceMatcher(None, baseline.split(), steered.split()).ratio(),
        "char_similarity": SequenceMatcher(None, baseline, steered).ratio(),
        "length_ratio": _length_ratio(baseline, steered),
    }


def _length_ratio(baseline: str, steered: str) -> float | None:
    if baseline:
        return len(steered) / len(baseline)
    return None if steered else 1.0


def calculate_generation_divergence(results: Sequence[RecordLike]) -> dict[str, float | None]:
    """The mean similarities of the steered programs to the baseline's.

    Records that carry `similarity`'s keys are taken by their word; for others it is computed
    from `baseline_code` and `steered_code`.

    Returns:
        `mean_token_similarity`, `mean_char_similarity`, and `mean_length_ratio`: over the
        problems that have such a ratio, None if none has.

    Raises:
        ValueError: there are no results.
    """
    require_results(results)
    rows = [_similarity_of(record) for record in results]
    ratios = [row["length_ratio"] for row in rows if row["length_ratio"] is not None]
    return {
        "mean_token_similarity": fmean(row["token_similarity"] for row in rows),
        "mean_char_similarity": fmean(row["char_similarity"] for row in rows),
        "mean_length_ratio": fmean(ratios) if ratios else None,
    }


def _similarity_of(record: RecordLike) -> dict[str, Any]:
    names = ("token_similarity", "char_similarity", "length_ratio")
    if isinstance(record, ProgramRecord) or all(name in record for name in names):
        return {name: field_of(record, name) for name in names}
    return similarity(record["baseline_code"], record["steered_code"])


def field_of(record: RecordLike, name: str) -> Any:
    """A field of a record."""
    return record[name] if isinstance(record, Mapping) else getattr(record, name)


def require_results(results: Sequence[Any]) -> None:
    """Refuse to compute a rate of nothing.

    Raises:
        ValueError: there are no results.
    """
    if not results:
        raise ValueError("no results: a rate needs at least one problem")
