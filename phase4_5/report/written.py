"""Writing the reports of a run, and the log lines at its end."""

from common.files import write_text
from common.logging import get_logger
from common.terms import SteeringType
from phase4_5.plots import save_plots
from phase4_5.records import Controls, FinalEvaluation
from phase4_5.report.markdown import markdown_report
from phase4_5.report.page import REPORT_FILE, write_report
from phase4_5.report.text import analysis_text
from phase4_5.results.run_files import Run

logger = get_logger("phase4_5.report")

ANALYSIS_FILE = "coefficient_analysis.txt"
MARKDOWN_FILE = "phase_4_5_report.md"


def write_reports(run: Run) -> None:
    """Write all that is made for the eye: text, Markdown, pictures, and the page."""
    _save_analysis(run)
    write_text(run.folder / MARKDOWN_FILE, markdown_report(run))
    save_plots(run)
    write_report(run)


def _save_analysis(run: Run) -> None:
    parts = [
        analysis_text(
            steering_type,
            rows,
            {row.coefficient: run.examples[steering_type, row.coefficient] for row in rows},
            run.summary.features[steering_type],
        )
        for steering_type, rows in run.summary.results.items()
    ]
    write_text(run.folder / ANALYSIS_FILE, "\n\n".join(part.rstrip() for part in parts) + "\n")


def log_outcome(run: Run) -> None:
    """Say what was found, and what a person does next."""
    for steering_type, rule in run.summary.recommended.items():
        chosen = run.selected.of(steering_type)
        how = "recommended" if rule.qualifies else "none qualifies; nearest"
        if chosen.selection_method == "manual":
            how = f"chosen by {chosen.reviewer}; the rule says {rule.coefficient:g}"
        logger.info("%s-steering: coefficient %g (%s)", steering_type, chosen.coefficient, how)
        _log_final(steering_type, chosen.final_evaluation)
        _log_controls(steering_type, run.summary.controls[steering_type], chosen.final_evaluation)
    logger.info("look at it: %s; choose: python3 run.py review", run.folder / REPORT_FILE)


def _log_final(steering_type: SteeringType, final: FinalEvaluation | None) -> None:
    if final is not None and final.shortcomings:
        logger.warning(
            "%s-steering: on %d problems outside the search, %s",
            steering_type,
            final.n_problems,
            "; ".join(final.shortcomings),
        )


def _log_controls(
    steering_type: SteeringType, controls: Controls | None, final: FinalEvaluation | None
) -> None:
    if controls is None:
        logger.warning(
            "%s-steering: no control was run; a flip may come from any strong push", steering_type
        )
        return
    compared = list(controls.comparisons.values())
    if final is not None and final.control is not None:
        compared.append(final.control)
    for comparison in compared:
        logger.info("%s", comparison.statement)
