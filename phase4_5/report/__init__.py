"""The report of Phase 4.5: all that is made for the eye, written anew whenever a choice is made."""

from phase4_5.report.written import ANALYSIS_FILE, MARKDOWN_FILE, log_outcome, write_reports

__all__ = ["ANALYSIS_FILE", "MARKDOWN_FILE", "log_outcome", "write_reports"]
