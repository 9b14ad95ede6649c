"""The report page: one HTML file that needs nothing else, also used for the review."""

import base64
import hashlib
import json
import re
from pathlib import Path

from common.files import write_text
from phase4_5.report.page.data import page_data
from phase4_5.results.run_files import Run

__all__ = ["render_report", "write_report"]

REPORT_FILE = "report.html"

_ASSETS = Path(__file__).parent / "assets"
# One after the other: a later one uses what an earlier one defines.
_SCRIPTS = (
    "dom.js",
    "overview.js",
    "panels.js",
    "tables.js",
    "outcome_map.js",
    "code.js",
    "marks.js",
    "detail.js",
    "examples.js",
    "choice.js",
    "main.js",
)


def write_report(run: Run) -> Path:
    """Write `report.html` into the run's folder; returns its path.

    Raises:
        InputError: the file can't be written.
    """
    path = run.folder / REPORT_FILE
    write_text(path, render_report(run))
    return path


def render_report(run: Run, review: bool = False) -> str:
    """The whole page as HTML.

    Args:
        run: what Phase 4.5 left.
        review: the page is served by the review server, and marks and choices can be saved.
    """
    style = _read("page.css")
    script = "(() => {\n'use strict';\n" + "\n".join(map(_read, _SCRIPTS)) + "})();\n"
    parts = {
        "policy": _policy(style, script, review),
        "style": style,
        "script": script,
        "data": _as_json_in_html(page_data(run, review)),
    }
    # In one go: what is put in isn't looked through again.
    return re.sub(r"\{\{(\w+)\}\}", lambda match: parts[match[1]], _read("page.html"))


def _read(name: str) -> str:
    return (_ASSETS / name).read_text(encoding="utf-8")


def _policy(style: str, script: str, review: bool) -> str:
    """What the page may do: run its own script, wear its own style, talk to its own server."""
    rules = [
        "default-src 'none'",
        f"script-src '{_hash(script)}'",
        f"style-src '{_hash(style)}'",
        "img-src data:",
        "base-uri 'none'",
        "form-action 'none'",
    ]
    return "; ".join([*rules, "connect-src 'self'"] if review else rules)


def _hash(text: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"


def _as_json_in_html(value: object) -> str:
    """`value` as JSON that ends no script tag and can be encoded, whatever a model wrote."""
    text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return re.sub("[<\ud800-\udfff]", lambda match: f"\\u{ord(match[0]):04x}", text)
