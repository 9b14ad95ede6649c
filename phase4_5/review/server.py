"""The review: the report's page, served to one machine, with marks and a choice that are saved.

It listens on the loopback interface alone, and answers only where the address holds a token that
is new with every start. Another site that a browser has open can neither read it (the token) nor
write to it (the content type and the origin of a request are checked), nor reach it under a name
of its own (the host is checked).
"""

import json
import secrets
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from common.errors import InputError
from common.logging import get_logger
from common.terms import STEERING_TYPES
from phase4_5.records import RunSummary
from phase4_5.report import write_reports
from phase4_5.report.page import render_report
from phase4_5.results.choice import choose, read_choice
from phase4_5.results.run_files import load_run, load_summary
from phase4_5.review.marks import Conflict, Marks, only_reviewer

logger = get_logger("phase4_5.review.server")

HOST = "127.0.0.1"
_MOST_BYTES = 2**20
_MOST_DRAINED = 2**26
_CHUNK_BYTES = 2**16
_HEADERS = {
    "Cache-Control": "no-store",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}

Answer = tuple[int, dict[str, Any]]


class Review:
    """What can be asked of a review; each method answers with an HTTP status and an object."""

    def __init__(self, folder: Path, reviewer: str) -> None:
        """Read the run.

        Raises:
            InputError: a file of it is missing or damaged.
        """
        self._folder = folder
        self._reviewer = reviewer
        self._run = load_run(folder)
        self._marks = Marks(self._run)
        self._choosing = threading.Lock()
        self._writing = threading.Lock()
        self._writers: list[threading.Thread] = []

    def page(self) -> str:
        """The page, with the choice that is on disk now."""
        run = load_run(self._folder)
        self._require_same_run(run.summary)
        return render_report(run, review=True)

    def state(self) -> Answer:
        """All marks, and the choice."""
        choice = read_choice(self._folder)
        return 200, {
            "marks": self._marks.shown(),
            "selected": choice.dump() if choice else None,
            "reviewer": (choice.reviewer if choice else None) or self._reviewer,
        }

    def mark(self, asked: Mapping[str, Any]) -> Answer:
        """Save a mark and a note; see `review.marks.Marks.put`."""
        try:
            entry = self._marks.put(
                str(asked.get("example")),
                asked.get("mark"),
                asked.get("note"),
                asked.get("version"),
            )
        except Conflict as conflict:
            return 409, {"error": str(conflict), "entry": conflict.entry}
        return 200, {"entry": entry}

    def select(self, asked: Mapping[str, Any]) -> Answer:
        """Save a choice; refused with 409 if somebody has chosen since the choice that was seen."""
        coefficients = {name: _number(asked, name) for name in STEERING_TYPES}
        with self._choosing:
            self._require_same_run(load_summary(self._folder))
            current = read_choice(self._folder)
            if current is not None and current.timestamp != asked.get("seen"):
                return 409, {
                    "error": "somebody has chosen meanwhile; look at it, then save again",
                    "selected": current.dump(),
                }
            choice = choose(
                self._folder,
                coefficients,
                _text(asked, "rationale"),
                _text(asked, "reviewer"),
                self._marks.shown(),
            )
        self._rewrite_reports()
        return 200, {"selected": choice.dump()}

    def _require_same_run(self, summary: RunSummary) -> None:
        if summary.timestamp != self._run.summary.timestamp:
            raise InputError(
                "Phase 4.5 has been run again since this review was started; stop it (Ctrl-C) and "
                "start it again: python3 run.py review"
            )

    def _rewrite_reports(self) -> None:
        """Have the report, the Markdown and the pictures tell the new choice; takes seconds."""

        def rewrite() -> None:
            with self._writing:
                try:
                    write_reports(load_run(self._folder))
                except Exception as error:
                    logger.warning("reports not made anew (%s); python3 run.py report", error)

        self._writers.append(threading.Thread(target=rewrite))
        self._writers[-1].start()

    def finish(self) -> None:
        """Wait until the reports are written."""
        for writer in self._writers:
            writer.join()


def _number(asked: Mapping[str, Any], name: str) -> float | None:
    value = asked.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError(f"{name} {value!r}: a number, or null")
    return float(value)


def _text(asked: Mapping[str, Any], name: str) -> str:
    value = asked.get(name)
    if not isinstance(value, str):
        raise ValueError(f"{name} {value!r}: a text")
    return value


@contextmanager
def review_server(folder: Path, reviewer: str, port: int = 0) -> Iterator[ThreadingHTTPServer]:
    """A server that is ready for `serve_forever`; `address` tells where it is.

    Args:
        folder: of the run.
        reviewer: who is named as the reviewer until the page says otherwise.
        port: on the loopback interface; 0 takes any that is free.

    Raises:
        InputError: a file of the run is missing or damaged, the port is taken, or another process
            reviews the run.
    """
    review = Review(folder, reviewer)
    token = secrets.token_urlsafe(16)
    with only_reviewer(folder):
        try:
            server = ThreadingHTTPServer((HOST, port), _handler(review, token))
        except (OSError, OverflowError) as error:
            raise InputError(f"port {port}: {error}; try another --port") from error
        server.daemon_threads = True
        server.token = token  # type: ignore[attr-defined]
        try:
            yield server
        finally:
            server.server_close()
            review.finish()


def address(server: ThreadingHTTPServer) -> str:
    """Where the page is; who knows this can write."""
    return f"http://{HOST}:{server.server_port}/{server.token}/"  # type: ignore[attr-defined]


def _handler(review: Review, token: str) -> type[BaseHTTPRequestHandler]:
    """The class of request handlers of a review."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        timeout = 60
        server_version = "review"
        sys_version = ""

        def parse_request(self) -> bool:
            whole = super().parse_request()
            length = self.headers.get("Content-Length", "") if whole else ""
            self._n_unread = int(length) if length.isdecimal() else 0
            return whole

        def do_GET(self) -> None:
            if not self._is_for_us():
                return
            if self._route() == "":
                self._guarded(lambda: self._send(200, review.page(), "text/html"))
            elif self._route() == "state":
                self._guarded(lambda: self._send_json(*review.state()))
            else:
                self._refuse(404, "no such page")

        def do_POST(self) -> None:
            actions = {"mark": review.mark, "select": review.select}
            if not self._is_for_us():
                return
            action = actions.get(self._route())
            if action is None:
                self._refuse(404, "no such page")
            elif not self._is_from_our_page():
                self._refuse(403, "only the review's own page may write")
            else:
                asked = self._body()
                if asked is not None:
                    self._guarded(lambda: self._send_json(*action(asked)))

        def _is_for_us(self) -> bool:
            """Whether host and token are right; if not, the answer is given."""
            port = self.server.server_port  # type: ignore[attr-defined]
            if self.headers.get("Host") not in (f"{HOST}:{port}", f"localhost:{port}"):
                self._refuse(403, "not under this name")
                return False
            given = self.path.split("/")[1] if self.path.count("/") > 1 else ""
            if not secrets.compare_digest(given.encode(), token.encode()):
                self._refuse(404, "no such page; the address is in the terminal")
                return False
            return True

        def _route(self) -> str:
            return self.path.split("?")[0].split("/", 2)[2]

        def _is_from_our_page(self) -> bool:
            origin = self.headers.get("Origin")
            return (
                self.headers.get_content_type() == "application/json"
                and origin in (None, f"http://{self.headers.get('Host')}")
                and self.headers.get("Sec-Fetch-Site", "same-origin") == "same-origin"
            )

        def _body(self) -> dict[str, Any] | None:
            """The object that was sent; None if it isn't one: then the answer is given."""
            length = self.headers.get("Content-Length", "")
            if not length.isdecimal() or self._n_unread > _MOST_BYTES:
                self._refuse(413, f"at most {_MOST_BYTES} bytes, with their number")
                return None
            data = self.rfile.read(self._n_unread)
            self._n_unread = 0
            try:
                asked = json.loads(data)
            except (ValueError, RecursionError):
                asked = None
            if not isinstance(asked, dict):
                self._refuse(400, "a JSON object is wanted")
                return None
            return asked

        def _guarded(self, answer: Any) -> None:
            """Answer; what is wrong with the question or the run is told, not raised."""
            try:
                answer()
            except (BrokenPipeError, ConnectionResetError):
                self.close_connection = True
            except (InputError, ValueError) as error:
                self._refuse(400, str(error))
            except Exception as error:
                logger.exception("the review failed")
                self._refuse(500, f"{type(error).__name__}: {error}")

        def _refuse(self, status: int, why: str) -> None:
            self.close_connection = True
            self._send_json(status, {"error": why})
            self._drain()

        def _drain(self) -> None:
            """Take what was sent and not read: closing upon it would cut the answer off."""
            left = min(self._n_unread, _MOST_DRAINED)
            while left > 0 and (chunk := self.rfile.read(min(left, _CHUNK_BYTES))):
                left -= len(chunk)

        def _send_json(self, status: int, answer: Mapping[str, Any]) -> None:
            self._send(status, json.dumps(answer, allow_nan=False), "application/json")

        def _send(self, status: int, text: str, content_type: str) -> None:
            data = text.encode("utf-8", "backslashreplace")
            self.send_response(status)
            self.send_header("Content-Type", f"{content_type}; charset=utf-8")
            self.send_header("Content-Length", str(len(data)))
            for name, value in _HEADERS.items():
                self.send_header(name, value)
            if self.close_connection:
                self.send_header("Connection", "close")
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
            # Without the path, which holds the token.
            logger.debug("answered %s", args[1] if len(args) > 1 else format)

    return Handler
