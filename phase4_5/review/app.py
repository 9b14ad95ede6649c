"""The review over HTTP: who is answered, and how.

It answers only where the address holds a token. Another site that a browser has open can neither
read it (the token) nor write to it (the content type and the origin of a request are checked), nor
reach it under a name of its own (the host is checked).
"""

import asyncio
import json
import secrets
from collections.abc import AsyncIterator, Callable, Collection, Mapping
from typing import Any

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from common.errors import InputError
from common.logging import get_logger
from phase4_5.review.review import Answer, Review

logger = get_logger("phase4_5.review.app")

MAX_BYTES = 2**20
"""Of the body of a request."""

BODY_SECONDS = 60
"""A request that isn't whole by then is given up."""

_MAX_TAKEN_BYTES = 2**26
_HEADERS = {
    "Cache-Control": "no-store",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}


def make_app(review: Review, token: str, hosts: Collection[str]) -> Starlette:
    """The application that serves a review.

    Args:
        review: what is asked.
        token: the first part of every path that is answered.
        hosts: `name:port`, the names under which it answers.
    """

    def page(request: Request) -> Response:  # noqa: ARG001
        # What can't be encoded (half of a surrogate pair) is shown by its number.
        return _respond(200, review.page().encode("utf-8", "backslashreplace"), "text/html")

    def state(request: Request) -> Response:  # noqa: ARG001
        return _respond_json(*review.state())

    app = Starlette(
        routes=[
            Route(f"/{token}/", page),
            Route(f"/{token}/state", state),
            Route(f"/{token}/mark", _asking(review.mark), methods=["POST"]),
            Route(f"/{token}/select", _asking(review.select), methods=["POST"]),
        ],
        middleware=[Middleware(_TakenWhole), Middleware(_Guarded, token=token, hosts=hosts)],
        exception_handlers={
            HTTPException: _told,
            InputError: _told_as_wrong,
            ValueError: _told_as_wrong,
            Exception: _told_as_failed,
        },
    )
    app.router.redirect_slashes = False
    return app


def _asking(action: Callable[[Mapping[str, Any]], Answer]) -> Callable[..., Any]:
    """The endpoint that gives the object that was sent to `action`."""

    async def endpoint(request: Request) -> Response:
        body = await request.body()
        return await run_in_threadpool(lambda: _respond_json(*action(_object(body))))

    return endpoint


def _object(body: bytes) -> dict[str, Any]:
    if len(body) > MAX_BYTES:
        raise HTTPException(413, f"at most {MAX_BYTES} bytes")
    try:
        asked = json.loads(body)
    except (ValueError, RecursionError):
        asked = None
    if not isinstance(asked, dict):
        raise HTTPException(400, "a JSON object is wanted")
    return asked


class _TakenWhole:
    """Takes a request to its end before it is judged.

    Closing upon what wasn't read would cut the answer off. What is handed on is at most one byte
    longer than allowed.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            async with asyncio.timeout(BODY_SECONDS):
                body = await _take(Request(scope, receive).stream())
        except ClientDisconnect:
            return
        except TimeoutError:
            await _refuse(408, f"not whole after {BODY_SECONDS} s")(scope, receive, send)
            return

        async def receive_taken() -> Message:
            return {"type": "http.request", "body": body, "more_body": False}

        await self._app(scope, receive_taken, send)


async def _take(chunks: AsyncIterator[bytes]) -> bytes:
    kept, n_taken = bytearray(), 0
    async for chunk in chunks:
        kept += chunk[: MAX_BYTES + 1 - len(kept)]
        n_taken += len(chunk)
        if n_taken > _MAX_TAKEN_BYTES:
            break
    return bytes(kept)


class _Guarded:
    """Lets only those ask who know the token, under the right name; only the page may write."""

    def __init__(self, app: ASGIApp, token: str, hosts: Collection[str]) -> None:
        self._app = app
        self._token = token
        self._hosts = hosts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        answer = self._refusal(Request(scope)) or self._app
        await answer(scope, receive, send)

    def _refusal(self, request: Request) -> Response | None:
        if request.headers.get("Host") not in self._hosts:
            return _refuse(403, "not under this name")
        if not _holds(request.scope["path"], self._token):
            return _refuse(404, "no such page; the address is in the terminal")
        if request.method not in ("GET", "HEAD") and not _is_from_our_page(request):
            return _refuse(403, "only the review's own page may write")
        return None


def _holds(path: str, token: str) -> bool:
    given = path.split("/")[1] if path.count("/") > 1 else ""
    return secrets.compare_digest(given.encode(), token.encode())


def _is_from_our_page(request: Request) -> bool:
    headers = request.headers
    content_type = headers.get("Content-Type", "").partition(";")[0].strip().lower()
    return (
        content_type == "application/json"
        and headers.get("Origin") in (None, f"http://{headers['Host']}")
        and headers.get("Sec-Fetch-Site", "same-origin") == "same-origin"
    )


def _told(request: Request, error: Exception) -> Response:  # noqa: ARG001
    assert isinstance(error, HTTPException)
    return _refuse(error.status_code, error.detail, error.headers)


def _told_as_wrong(request: Request, error: Exception) -> Response:  # noqa: ARG001
    return _refuse(400, str(error))


def _told_as_failed(request: Request, error: Exception) -> Response:  # noqa: ARG001
    logger.error("the review failed", exc_info=error)
    return _refuse(500, f"{type(error).__name__}: {error}")


def _refuse(status: int, why: str, headers: Mapping[str, str] | None = None) -> Response:
    return _respond_json(status, {"error": why}, headers)


def _respond_json(
    status: int, answer: Mapping[str, Any], headers: Mapping[str, str] | None = None
) -> Response:
    text = json.dumps(answer, allow_nan=False)
    return _respond(status, text.encode(), "application/json", headers)


def _respond(
    status: int, content: bytes, media_type: str, headers: Mapping[str, str] | None = None
) -> Response:
    # Without the path, which holds the token.
    logger.debug("answered %s", status)
    return Response(content, status, {**_HEADERS, **(headers or {})}, media_type)
