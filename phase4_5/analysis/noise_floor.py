"""Is the given baseline the one that this machine makes? If not, how far off, and why.

Coefficient 0 is decoded for every problem. Where its verdict isn't the given one, a "flip" would be
seen though nothing was steered: the percentage of such problems is the noise floor. Why they differ
is told by the two texts:

- the same text with another verdict: the judge;
- one breaks off inside the other: the limit of new tokens;
- one holds the other, whole: how the program was extracted from the text;
- most texts are the same, and this one begins alike and parts: rounding, by another dtype, device
  or library version;
- else the weights, the prompt or the decoding.
"""

from collections import Counter
from collections.abc import Sequence
from difflib import SequenceMatcher

from common.words import counted
from phase4_5.analysis.metrics import Share
from phase4_5.analysis.statistics import CONFIDENCE, wilson_interval
from phase4_5.analysis.syntax import has_valid_syntax
from phase4_5.records import Cause, CountedAgainst, FloorCause, NoiseFloor, UnsteeredRecord

TOLD_FIRST_ABOVE = 2.0
"""In percent: half the effect of the published study on failed programs."""
REFUSED_ABOVE = 5.0
"""In percent: as large as the effects that are looked for."""

CAUSES: dict[Cause, str] = {
    "judge": "the judge: its time limit, sandbox, Python version or tests (the same text has "
    "another verdict)",
    "token_limit": "the token limit (one text breaks off where the other goes on)",
    "extraction": "how the program is extracted from the model's text: fences, prose or tests "
    "around it (one text holds the other)",
    "rounding": "dtype, device or library versions, and if not these, weights, prompt or decoding "
    "(most texts are the same, and these begin alike)",
    "model": "weights, prompt or decoding, and if not these, dtype (these are other texts)",
}
"""What probably differs, in words."""

_ALIKE = 0.5
"""Token similarity from which two texts are the same program with small changes."""
_MOST = 0.5
"""Of another model nearly all texts differ, of another dtype on the same model about a fifth."""


def noise_floor(
    records: Sequence[UnsteeredRecord], counted_against: CountedAgainst = "reproduced"
) -> NoiseFloor:
    """The noise floor by the programs of coefficient 0, one a problem.

    Args:
        records: of all problems that are used.
        counted_against: whose programs flips are counted against, for the statement.

    Raises:
        ValueError: there are no records.
    """
    flipped = [record for record in records if record.flipped]
    verdicts = Share(len(flipped), len(records))
    interval = wilson_interval(verdicts.part, verdicts.whole)
    if interval is None or verdicts.percent is None:
        raise ValueError("no programs of coefficient 0")
    floor = NoiseFloor(
        n_problems=len(records),
        n_verdicts=len(flipped),
        n_pass_to_fail=sum(record.baseline_passed for record in flipped),
        n_fail_to_pass=sum(record.steered_passed for record in flipped),
        rate=verdicts.percent,
        interval=list(interval),
        n_texts=sum(_text_differs(record) for record in records),
        counted_against=counted_against,
        causes=_causes(records),
        statement="",
    )
    return floor.model_copy(update={"statement": _statement(floor)})


def is_told_first(floor: NoiseFloor) -> bool:
    """Whether it stands before any coefficient."""
    return floor.rate > TOLD_FIRST_ABOVE


def is_refused(floor: NoiseFloor) -> bool:
    """Whether no coefficient is recommended before a person has said what counts."""
    return floor.rate > REFUSED_ABOVE


def refusal(floor: NoiseFloor, baseline: str) -> str:
    """Why nothing is recommended, and what to do, in one line; `baseline` names the file."""
    return (
        f"{baseline}: {_count(floor)} differ from those of the programs reproduced here "
        f"({floor.rate:.1f} %; above {REFUSED_ABOVE:g} % no coefficient is recommended). "
        f"{diagnosis(floor)} Make the baseline here (python3 run.py phase 3.6, in another "
        "PVA_SAE_DATA_DIR), or set PVA_SAE_BASELINE=reproduced to count flips against the programs "
        "reproduced here, or PVA_SAE_BASELINE=as_given to count them against the file's; what is "
        "computed is kept"
    )


def diagnosis(floor: NoiseFloor) -> str:
    """What probably differs, one sentence, most verdicts first; empty if nothing does."""
    if not floor.causes:
        return ""
    parts = [f"{cause.words}{_of(cause, floor)}" for cause in floor.causes]
    return f"What probably differs: {'; '.join(parts)}."


def _of(cause: FloorCause, floor: NoiseFloor) -> str:
    """How much of it is a cause's; nothing if it is the only one."""
    if len(floor.causes) == 1:
        return ""
    return f" in {counted(cause.n_problems, 'problem')}, {cause.n_verdicts} by the verdict"


def _count(floor: NoiseFloor) -> str:
    return f"{floor.n_verdicts} of {floor.n_problems} verdicts of the given baseline"


def _statement(floor: NoiseFloor) -> str:
    low, high = floor.interval
    if not floor.causes:
        return (
            f"The baseline is reproduced here: all {floor.n_problems} programs and verdicts are "
            "the same (noise floor 0 %)."
        )
    against = {
        "reproduced": "Flips are counted against the programs reproduced here.",
        "as_given": "Flips are counted against the baseline as it is given, so that as many are "
        "seen where nothing is steered.",
    }
    return (
        f"Noise floor {floor.rate:.1f} % ({100 * CONFIDENCE:.0f} % interval {low:.1f}–{high:.1f} "
        f"%): {_count(floor)} differ from those of the programs reproduced here "
        f"({floor.n_pass_to_fail} pass→fail, {floor.n_fail_to_pass} fail→pass), and "
        f"of the texts {floor.n_texts} differ. {diagnosis(floor)} {against[floor.counted_against]}"
    )


def _causes(records: Sequence[UnsteeredRecord]) -> list[FloorCause]:
    found = _evidence(records)
    by_cause: dict[Cause, list[UnsteeredRecord]] = {}
    for record in records:
        cause = found.get(record.task_id)
        if cause is not None:
            by_cause.setdefault(cause, []).append(record)
    causes = [
        FloorCause(
            cause=cause,
            words=CAUSES[cause],
            n_problems=len(group),
            n_verdicts=sum(record.flipped for record in group),
            task_ids=sorted(record.task_id for record in group),
        )
        for cause, group in by_cause.items()
    ]
    return sorted(causes, key=lambda cause: (-cause.n_verdicts, -cause.n_problems, cause.cause))


def _evidence(records: Sequence[UnsteeredRecord]) -> dict[int, Cause]:
    """What each problem's two texts tell, and what only all of them together do."""
    found: dict[int, Cause] = {}
    complete: list[int] = []
    for record in records:
        if not _text_differs(record):
            if record.flipped:
                found[record.task_id] = "judge"
            continue
        cause = _cause(record)
        found[record.task_id] = cause
        if cause == "extraction" and _is_complete_beginning(record):
            complete.append(record.task_id)
    counts = Counter(found.values())
    # A limit of tokens ends some texts after a whole line too.
    if counts["token_limit"] >= counts["extraction"] - len(complete) and counts["token_limit"]:
        found |= dict.fromkeys(complete, "token_limit")
    if counts["rounding"] + counts["model"] > _MOST * len(records):
        others = [task_id for task_id, cause in found.items() if cause == "rounding"]
        found |= dict.fromkeys(others, "model")
    return found


def _cause(record: UnsteeredRecord) -> Cause:
    """What two texts that differ tell."""
    given, here = _lines(record.baseline_code), _lines(record.steered_code)
    if given.startswith(here) and record.stop_reason == "max_new_tokens":
        return "token_limit"
    if here.startswith(given) and not _is_complete_beginning(record):
        return "token_limit"
    if _holds(given, here) or _holds(here, given) or given.split() == here.split():
        return "extraction"
    similar = SequenceMatcher(None, given.split(), here.split()).ratio()
    return "rounding" if similar >= _ALIKE else "model"


def _is_complete_beginning(record: UnsteeredRecord) -> bool:
    """Whether the given text is the beginning of the other up to a line's end, and a program."""
    given, here = _lines(record.baseline_code), _lines(record.steered_code)
    at_line_end = here.startswith(given) and here[len(given) :].startswith("\n")
    return not given or (at_line_end and has_valid_syntax(given))


def _holds(longer: str, shorter: str) -> bool:
    """Whether a text holds another, also without the fences around it."""
    return shorter.strip() in longer or _without_fences(shorter) in _without_fences(longer)


def _without_fences(text: str) -> str:
    lines = text.split("\n")
    return "\n".join(line for line in lines if not line.lstrip().startswith("```")).strip()


def _text_differs(record: UnsteeredRecord) -> bool:
    return _lines(record.baseline_code) != _lines(record.steered_code)


def _lines(text: str) -> str:
    """A text without the white space at the ends of its lines and around it all."""
    return "\n".join(line.rstrip() for line in text.splitlines()).strip("\n")
