"""Writing the reports of a run, and the log lines at its end."""

from common.files import write_text
from common.logging import get_logger
from phase4_5.plots import save_plots
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
        how = "recommended" if rule.qualifies else "named; none qualifies"
        if chosen.selection_method == "manual":
            how = f"chosen by {chosen.reviewer}; the rule says {rule.coefficient:g}"
        logger.info("%s-steering: coefficient %g (%s)", steering_type, chosen.coefficient, how)
        say = logger.info if chosen.verdict == "supported" else logger.warning
        say("%s-steering: %s. %s", steering_type, chosen.verdict, chosen.verdict_reason)
    logger.info("look at it: %s; choose: python3 run.py review", run.folder / REPORT_FILE)
