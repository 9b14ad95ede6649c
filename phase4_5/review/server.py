"""The review, served to one machine: it listens on the loopback interface alone.

The token in its address is new with every start.
"""

import logging
import secrets
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import uvicorn

from common.errors import InputError
from phase4_5.results.run_files import load_summary
from phase4_5.review.app import make_app
from phase4_5.review.marks import only_reviewer
from phase4_5.review.review import Review

HOST = "127.0.0.1"
_MAX_HEADER_BYTES = 2**16
_KEEP_ALIVE_SECONDS = 60
_GRACE_SECONDS = 5


@dataclass(frozen=True)
class ReviewServer:
    """A review that is being served."""

    token: str
    socket_address: tuple[str, int]
    ended: threading.Event
    """Set once it is no longer served."""

    @property
    def port(self) -> int:
        """On the loopback interface."""
        return self.socket_address[1]


def address(server: ReviewServer) -> str:
    """Where the page is; who knows this can write."""
    return f"http://{HOST}:{server.port}/{server.token}/"


@contextmanager
def review_server(folder: Path, reviewer: str, port: int = 0) -> Iterator[ReviewServer]:
    """Serve a review, in a thread of its own, as long as the context lasts.

    At its end, requests that have been begun are answered and the reports are written.

    Args:
        folder: of the run.
        reviewer: who is named as the reviewer until the page says otherwise.
        port: on the loopback interface; 0 takes any that is free.

    Raises:
        InputError: a file of the run is missing or damaged, the port is taken, or another process
            reviews the run.
    """
    load_summary(folder)  # Before a lock file is made where there is no run.
    with only_reviewer(folder), _listen(port) as listening:
        # Inside: an earlier review may have saved marks until a moment ago.
        review = Review(folder, reviewer)
        server = ReviewServer(secrets.token_urlsafe(16), listening.getsockname(), threading.Event())
        http = _make_http(review, server)

        def serve() -> None:
            try:
                http.run([listening])
            finally:
                server.ended.set()

        thread = threading.Thread(target=serve, name="review")
        thread.start()
        try:
            yield server
        finally:
            http.should_exit = True
            thread.join()
            review.finish()


def _listen(port: int) -> socket.socket:
    try:
        return socket.create_server((HOST, port))
    except (OSError, OverflowError) as error:
        raise InputError(f"port {port}: {error}; try another --port") from error


def _make_http(review: Review, server: ReviewServer) -> uvicorn.Server:
    hosts = (f"{HOST}:{server.port}", f"localhost:{server.port}")
    return uvicorn.Server(
        uvicorn.Config(
            make_app(review, server.token, hosts),
            # Named, so that what else is installed makes no difference.
            http="h11",
            loop="asyncio",
            ws="none",
            lifespan="off",
            # Its lines would hold the token; what fails is logged by the application.
            log_config=None,
            log_level=logging.CRITICAL,
            access_log=False,
            proxy_headers=False,
            server_header=False,
            # A browser sends the cookies of everything else on this machine, too.
            h11_max_incomplete_event_size=_MAX_HEADER_BYTES,
            timeout_keep_alive=_KEEP_ALIVE_SECONDS,
            timeout_graceful_shutdown=_GRACE_SECONDS,
        )
    )
