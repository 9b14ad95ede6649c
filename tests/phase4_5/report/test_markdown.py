from dataclasses import replace

import pytest
from report_runs import (
    changed,
    make_comparison,
    make_direction_test,
    make_final,
    make_floor,
    make_record,
    make_run,
)

from phase4_5.report.markdown import markdown_report

HOSTILE = (
    "x|y `a` ``b`` <script>x</script> <!-- \n# no\n- no\n1. no\n---\n===\n```\n    no\n> no\n"
    "*no* __no__ [no](http://no) \x1b[31m\u202e\ud800 &lt; ~~~ | --- |\n| no |\n\n<b>no</b>"
)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """For all tests: what they change is a copy."""
    records = [
        make_record(
            task_id,
            direction,
            coefficient,
            baseline_passed=task_id < 3,
            steered_passed=(task_id < 3) != (task_id in flips),
        )
        for direction in ("correct", "incorrect")
        for coefficient, flips in ((30, (1, 4)), (3, ()), (17.5, (1,)))
        for task_id in range(5)
    ]
    run = make_run(tmp_path_factory.mktemp("run"), records)
    return changed(run, "results", "correct", -1, refined=True, relative_strength=0.0123)


def choosing(run, coefficient, **fields):
    """The run with this choice for correct-steering."""
    place = ("selected_coefficients", "correct")
    return changed(run, *place, coefficient=float(coefficient), **fields)


def part(text, title):
    """The part of correct-steering under a title."""
    return text.split(f"### Correct-steering: {title}\n\n")[1].split("\n\n#")[0]


def row(text, *start):
    """The cells of the first row of a table that starts so."""
    for line in text.splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if cells[: len(start)] == list(start):
            return cells
    raise AssertionError(f"no row {start}")


def test_what_was_run(run):
    head = markdown_report(run).split("\n\n")[1]
    assert head.splitlines()[:2] == [
        "- model: `a/model`, float32 on cpu",
        "- started: 2026-01-02T03:04:00+00:00",
    ]
    assert (
        "- correct-steering: layer 3, latent 14; coefficients 3, 17.5 (refined), 30; 5 problems "
        "(3 passed and 2 failed at baseline)"
    ) in " ".join(head.split())


@pytest.mark.parametrize(
    ("p", "words"),
    [
        (0.2198, " (separation 0.200, p = 0.22 against shuffled verdicts: may be chance); coeff"),
        (0.0123, " (separation 0.200, p = 0.0123 against shuffled verdicts); coefficients"),
    ],
)
def test_whether_a_latent_may_be_chance(run, p, words):
    text = markdown_report(changed(run, "features", "correct", separation_p=p))
    head = " ".join(text.split("\n\n")[1].split())
    assert f"- correct-steering: layer 3, latent 14{words}" in head
    assert "- incorrect-steering: layer 3, latent 14; coefficients" in head, "nothing is told of it"


def test_a_high_noise_floor_stands_first_and_a_low_one_after_what_was_run(run):
    cause = {"cause": "judge", "words": "the judge", "n_problems": 12, "n_verdicts": 3}
    causes = [{**cause, "task_ids": list(range(12))}]
    for rate, place in ((2.5, 1), (2.0, 3)):
        floor = make_floor(rate=rate, causes=causes, statement=f"Noise floor {rate} %.")
        parts = markdown_report(changed(run, noise_floor=floor)).split("\n\n")
        words = f"Noise floor {rate} %."
        assert parts[place] == (f"**{words}**" if place == 1 else words)
        row = [part.strip() for part in parts[place + 1].splitlines()[-1].split("|")[1:-1]]
        assert row == ["the judge", "12", "3", "0, 1, 2, 3, 4, 5, 6, 7, 8, 9, ..."]


def test_a_row_for_each_coefficient_by_size(run):
    run = choosing(run, 30)
    run = changed(run, "results", "correct", 0, mcnemar_p=0.04, mcnemar_p_holm=0.24)
    text = markdown_report(run)
    # Wilson's intervals of 2 of 5, 1 of 2 and 1 of 3.
    assert row(text, "**30**") == [
        "**30**",
        "25.00 %",
        "40.0 % [12, 77]",
        "1/2 [9, 91]",
        "1/3 [6, 79]",
        "0.86",
        "100.0 %",
        "-0.5 nats",
        "0.25 nats",
        "0.04",
        "0.24",
    ]
    assert row(text, "17.5 (refined)")[1] == "1.23 %"
    assert text.index("| 3 ") < text.index("| 17.5 (refined)") < text.index("| **30**")


def test_rates_and_strengths_that_do_not_exist(run):
    missing = {"correction_rate": None, "correction_rate_interval": None}
    run = changed(run, "results", "correct", 1, **missing, relative_strength=None)
    assert row(markdown_report(choosing(run, 30)), "3")[1:5] == [
        "?",
        "0.0 % [0, 43]",
        "none there",
        "0/3 [0, 56]",
    ]


def test_by_whom_and_why(run):
    text = markdown_report(run)
    assert "**No coefficient qualifies" in text or "is recommended** by the rule" in text
    rule = run.summary.recommended["correct"]
    by_hand = {"selection_method": "manual", "reviewer": "Ada", "qualifies": False}
    why = "Looks sane.\nThe others don't."
    text = markdown_report(choosing(run, 3, rationale=why, **by_hand))
    assert "## Correct-steering: 3, unproven\n\n**Unproven**: " in text
    assert "\n\n**3 is chosen by hand**, by `Ada`:\n" in text
    assert "> Looks sane.\n>\n> The others don't.\n" in text
    assert f"The rule names {rule.coefficient:g}:\n\n> " in text


def test_whether_there_is_a_recommendation(run):
    chosen = f"{run.selected.correct.coefficient:g}"
    run = changed(run, "recommended", "correct", qualifies=True)
    assert f"**{chosen} is recommended** by the rule" in markdown_report(run)
    run = changed(run, "recommended", "correct", qualifies=False)
    assert f"**No coefficient qualifies; {chosen} is named.**" in markdown_report(run)


def test_controls(run):
    without = part(markdown_report(run), "what other directions flip")
    assert without == "No other direction was tried over the grid."
    controls = {"random": make_comparison(20.0, 40.0), "opposite": make_comparison(10.0)}
    run = changed(run, "controls", correct={"n_random": 2, **controls})
    found = part(markdown_report(run), "what other directions flip")
    assert found.startswith("A statement of 2.\n\nA statement of 1.\n\n| coefficient ")
    random, opposite = found.split("| coefficient ")[1:]
    rest = ["+12.5 [-3, +28]", "0.125", "0.5"]
    assert row(random, "30") == ["30", "30.0 % (20, 40)", *rest]
    assert row(opposite, "30") == ["30", "10.0 %", *rest]


def test_held_out_problems_beside_the_search(run):
    without = part(markdown_report(run), "problems outside the search")
    assert without.startswith("Nothing was evaluated outside the search")
    in_search = run.summary.results["correct"][0]
    outside = {"n_problems": 40, "n_flipped": 4, "flip_rate_interval": [4.0, 23.1]}
    final = make_final(in_search, **outside)
    run = choosing(changed(run, "final_evaluation", correct=final), 30)
    found = part(markdown_report(run), "problems outside the search")
    assert row(found, "coefficient 30") == ["coefficient 30", "search", "outside"]
    assert row(found, "corrupted, of solved")[1:] == ["1/3 [6, 79]", "1/3 [6, 79]"]
    assert "flips" not in found, "the samples differ in their share of solved problems"
    assert found.endswith("No random direction was tried on them.")
    weighted = {
        "pass_rate": 20.0,
        "net_change": -4.0,
        "net_change_interval": [-9.0, 2.0],
        "flip_rate": 12.0,
        "flip_rate_interval": [5.0, 20.0],
    }
    both = changed(run, "results", "correct", 0, weighted=weighted)
    both = changed(both, "final_evaluation", "correct", weighted=weighted | {"flip_rate": 14.0})
    told = part(markdown_report(both), "problems outside the search")
    cells = ["flips, weighted", "12.0 % [5, 20]", "14.0 % [5, 20]"]
    assert row(told, "flips, weighted") == cells
    assert row(told, "change of pass rate, points, weighted")[1] == "-4.0 [-9, 2]"
    assert "Weighted: to the whole baseline, of which 20.0 % were solved" in told
    test = make_direction_test(statement="More here.")
    run = choosing(changed(run, "final_evaluation", "correct", directions=test), 3)
    found = part(markdown_report(run), "problems outside the search")
    assert found.startswith("**This is coefficient 30**, not 3, which was chosen later.")
    assert found.endswith("More here.")


def test_neighbours(run):
    pairs = [
        {"lower": 3.0, "upper": 17.5, "difference": 20.0, "n_problems_needed": 1234},
        {"lower": 17.5, "upper": 30.0, "difference": -0.0, "n_problems_needed": None},
    ]
    run = changed(run, "neighbours", correct=pairs)
    found = part(markdown_report(run), "neighbours")
    assert row(found, "3 and 17.5") == ["3 and 17.5", "+20.0", "1,234"]
    assert row(found, "17.5 and 30")[2] == "-"
    run = changed(run, "neighbours", correct=[])
    assert part(markdown_report(run), "neighbours") == "There is one coefficient only."


def test_failure_modes(run):
    found = part(markdown_report(run), "failure modes")
    assert found.splitlines() == [
        "- 3: passed 3; failed: wrong_answer 2",
        "- 17.5: passed 2; failed: wrong_answer 3",
        "- 30: passed 3; failed: wrong_answer 2",
    ]


def test_flips_with_their_problems_and_why_at_the_chosen_coefficient(run):
    run = choosing(run, 30)
    assert part(markdown_report(run), "flips").splitlines() == [
        "Problems (`task_id`) that flipped:",
        "",
        "- 3: corrected none; corrupted none",
        "- 17.5: corrected none; corrupted 1",
        "- 30: corrected 4; corrupted 1",
        "",
        "Why, at 30:",
        "",
        "```text",
        "  - Task 001: Pass→Fail (logic error introduced; changed: operators)",
        "  - Task 004: Fail→Pass (passes now; changed: operators)",
        "```",
    ]
    assert "Why" not in part(markdown_report(choosing(run, 3)), "flips")


def test_tables_are_aligned(run):
    tables = [
        block for block in markdown_report(run).split("\n\n") if block.startswith("| coefficient")
    ]
    assert len(tables) == 4
    for lines in map(str.splitlines, tables):
        places = [[at for at, symbol in enumerate(line) if symbol == "|"] for line in lines]
        assert places == [places[0]] * len(lines)


def with_text(run, text):
    """A run in which strangers wrote this, wherever they can."""
    run = changed(run, "config", model_name=text)
    run = changed(run, "environment", device=text, dtype=text, commit=text)
    failures = {"exception:__x__": 2}
    by_hand = {"selection_method": "manual", "reviewer": text, "rationale": text}
    for name in ("correct", "incorrect"):
        run = changed(run, "selected_coefficients", name, coefficient=30.0, **by_hand)
        controls = {"n_random": 1, "random": make_comparison(20.0, statement=text)}
        run = changed(run, "controls", **{name: controls})
        run = changed(run, "results", name, 0, failure_modes=failures)
    examples = {
        key: [
            record
            if record.steered_passed
            else record.model_copy(update={"failure_mode": "exception:E", "error": text})
            for record in records
        ]
        for key, records in run.examples.items()
    }
    return replace(run, examples=examples)


def structure(text):
    """The blocks of a Markdown text, but those within quotes, and the kinds of its markup."""
    # Comes with sae-lens.
    parser = pytest.importorskip("markdown_it").MarkdownIt("gfm-like", {"linkify": False})
    blocks, depth, markup = [], 0, set()
    for token in parser.parse(text):
        depth -= token.type == "blockquote_close"
        if depth == 0:
            blocks.append(token.type)
        elif token.type not in ("paragraph_open", "paragraph_close", "inline"):
            blocks.append(f"{token.type} in a quote")
        depth += token.type == "blockquote_open"
        markup |= {child.type for child in token.children or []}
    return blocks, markup


def test_what_strangers_wrote_stays_text(run):
    text = markdown_report(with_text(run, HOSTILE))
    assert all(symbol.isprintable() or symbol == "\n" for symbol in text)
    blocks, markup = structure(text)
    assert blocks == structure(markdown_report(with_text(run, "a word")))[0]
    strong = {"strong_open", "strong_close"}
    assert markup == strong | {"text", "softbreak", "code_inline"}
