"""The review's HTTP, byte by byte: requests as no library would send them."""

import json
import logging
import re
import socket
import threading

import pytest

from phase4_5.results.choice import choose
from phase4_5.results.run_files import load_run
from phase4_5.review.app import MAX_BYTES

MEBIBYTES_5 = b" " * (5 * 2**20)
CLOSE = "Connection: close\r\n"
CHUNKED = "Transfer-Encoding: chunked\r\n"
PROTECTION = {
    b"cache-control: no-store",
    b"cross-origin-resource-policy: same-origin",
    b"referrer-policy: no-referrer",
    b"x-content-type-options: nosniff",
    b"x-frame-options: DENY",
}


def connect(server):
    return socket.create_connection(("127.0.0.1", server.port), timeout=30)


def request(server, method, path, body=None, more="", host=None):
    """The bytes of a request; `{}` in the path is for the token."""
    length = "" if body is None or CHUNKED in more else f"Content-Length: {len(body)}\r\n"
    head = (
        f"{method} {path.format(server.token)} HTTP/1.1\r\n"
        f"Host: {host or f'127.0.0.1:{server.port}'}\r\n"
        f"Content-Type: application/json\r\n{length}{more}\r\n"
    )
    return head.encode() + (body or b"")


def told(server, *pieces):
    """The statuses of the answers, the head of the last one and its body."""
    with connect(server) as connection:
        for piece in pieces:
            connection.sendall(piece)
        answer = b"".join(iter(lambda: connection.recv(2**16), b""))
    statuses = [int(status) for status in re.findall(rb"HTTP/1\.1 (\d+) ", answer)]
    head, _, body = answer.rpartition(b"\r\n\r\n")
    return statuses, head, body


def chunks(n, size=2**16):
    return (b"%x\r\n" % size + b" " * size + b"\r\n") * n + b"0\r\n\r\n"


@pytest.fixture
def key(folder):
    return load_run(folder).examples["correct", 30.0][0].example_key


def a_mark(key, **changed):
    return json.dumps(
        {"example": key, "mark": "keep", "note": "", "version": 0, **changed}
    ).encode()


@pytest.mark.parametrize(
    ("path", "more", "status"),
    [
        ("/{}/mark", "", 413),
        ("/{}/mark", "Origin: https://example.org\r\n", 403),
        ("/wrong/mark", "Origin: https://example.org\r\n", 404),
        ("/{}/other", "", 404),
    ],
)
def test_the_answer_arrives_also_where_the_connection_is_closed_upon_it(server, path, more, status):
    for _ in range(5):
        statuses, _, body = told(server, request(server, "POST", path, MEBIBYTES_5, CLOSE + more))
        assert statuses == [status]
        assert json.loads(body)["error"]


@pytest.mark.parametrize("n", [17, 80])
@pytest.mark.parametrize("more", ["", "Content-Length: 5\r\n"])
def test_the_bound_holds_for_bodies_whose_length_is_not_told(server, n, more):
    sent = request(server, "POST", "/{}/mark", chunks(n), CHUNKED + CLOSE + more)
    statuses, _, body = told(server, sent)
    assert statuses == [413]
    assert json.loads(body) == {"error": f"at most {MAX_BYTES} bytes"}


def test_as_much_as_is_allowed_is_taken(server, key):
    body = a_mark(key)
    body += b" " * (MAX_BYTES - len(body))
    assert told(server, request(server, "POST", "/{}/mark", body, CLOSE))[0] == [200]
    assert told(server, request(server, "POST", "/{}/mark", body + b" ", CLOSE))[0] == [413]


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/{}/", 200),
        ("GET", "/{}/?x", 200),
        ("GET", "/{}/state", 200),
        ("HEAD", "/{}/state", 200),
        ("GET", "/{}", 404),
        ("GET", "/", 404),
        ("GET", "//{}/state", 404),
        ("GET", "/{}//state", 404),
        ("GET", "/{}/state/", 404),
        ("GET", "/{}/../state", 404),
        ("GET", "/{}/%2e%2e/state", 404),
        ("GET", "/x/%2e%2e/{}/state", 404),
        ("GET", "/%ff%00/state", 404),
        ("GET", "/" + "a" * 50_000, 404),
        ("GET", "http://127.0.0.1/{}/state", 404),
        ("GET", "/{}/mark", 405),
        ("POST", "/{}/state", 405),
        ("PUT", "/{}/mark", 405),
        ("OPTIONS", "/{}/mark", 405),
        ("OPTIONS", "*", 404),
        ("DELETE", "/x/mark", 404),
    ],
)
def test_what_is_asked_for_in_other_ways(server, method, path, status):
    statuses, head, body = told(server, request(server, method, path, more=CLOSE))
    assert statuses == [status]
    assert set(head.split(b"\r\n")) >= PROTECTION
    assert b"location" not in head.lower()
    assert status == 200 or json.loads(body)["error"]


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("localhost:{}", 200),
        ("LOCALHOST:{}", 403),
        ("127.0.0.1", 403),
        ("localhost", 403),
        ("127.0.0.1:{}.example.org", 403),
        ("127.0.0.1:{}\r\nHost: example.org", 400),
    ],
)
def test_under_which_names_it_answers(server, host, status):
    sent = request(server, "GET", "/{}/state", more=CLOSE, host=host.format(server.port))
    assert told(server, sent)[0] == [status]


def test_another_site_can_not_ask_whether_it_may_write(server):
    asks = "Origin: https://example.org\r\nAccess-Control-Request-Method: POST\r\n"
    statuses, head, _ = told(server, request(server, "OPTIONS", "/{}/mark", more=asks + CLOSE))
    assert statuses == [403]
    assert b"access-control" not in head.lower()


def test_requests_on_one_connection_are_answered_in_order(server, key):
    statuses, _, body = told(
        server,
        request(server, "POST", "/{}/mark", a_mark(key)),
        request(server, "POST", "/{}/mark", MEBIBYTES_5),
        request(server, "POST", "/{}/mark", a_mark(key), "Origin: https://example.org\r\n"),
        request(server, "GET", "/{}/state", more=CLOSE),
    )
    assert statuses == [200, 413, 403, 200]
    assert json.loads(body)["marks"][key]["version"] == 1


def test_a_body_that_does_not_come_is_not_waited_for_for_ever(server, monkeypatch):
    monkeypatch.setattr("phase4_5.review.app.BODY_SECONDS", 0.3)
    with connect(server) as connection:
        connection.sendall(request(server, "POST", "/{}/mark", b"{}", CLOSE)[:-1])
        assert connection.recv(99).startswith(b"HTTP/1.1 408")


def test_who_leaves_in_the_middle_disturbs_nobody(server, key, caplog):
    for n_bytes in (10, 120, -3):
        with connect(server) as connection:
            connection.sendall(request(server, "POST", "/{}/mark", a_mark(key))[:n_bytes])
    for sent in (b"\x16\x03\x01\r\n\r\n", request(server, "POST", "/{}/mark", b"z\r\n", CHUNKED)):
        assert told(server, sent)[0] == [400]
    assert told(server, request(server, "GET", "/{}/state", more=CLOSE))[0] == [200]
    assert not [record for record in caplog.records if record.levelno >= logging.INFO]


def test_of_many_marks_at_once_one_is_saved(server, folder, key):
    n = 16
    start = threading.Barrier(n)
    statuses = []

    def mark(note):
        sent = request(server, "POST", "/{}/mark", a_mark(key, note=note), CLOSE)
        start.wait()
        statuses.extend(told(server, sent)[0])

    threads = [threading.Thread(target=mark, args=(str(i),)) for i in range(n)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(statuses) == [200] + [409] * (n - 1)
    assert json.loads((folder / "review_marks.json").read_text())["marks"][key]["version"] == 1


def test_while_one_is_being_answered_others_are_too(server, folder, monkeypatch):
    begun, go_on = threading.Event(), threading.Event()

    def choose_slowly(*arguments):
        begun.set()
        assert go_on.wait(30)
        return choose(*arguments)

    monkeypatch.setattr("phase4_5.review.review.choose", choose_slowly)
    monkeypatch.setattr("phase4_5.review.review.write_reports", lambda _: None)
    seen = json.loads((folder / "selected_coefficients.json").read_text())["timestamp"]
    asked = {"correct": 30, "rationale": "x", "reviewer": "A", "seen": seen}
    with connect(server) as connection:
        connection.sendall(request(server, "POST", "/{}/select", json.dumps(asked).encode(), CLOSE))
        assert begun.wait(30)
        assert told(server, request(server, "GET", "/{}/state", more=CLOSE))[0] == [200]
        go_on.set()
        assert connection.recv(99).startswith(b"HTTP/1.1 200")


def test_half_of_a_surrogate_pair_is_saved_and_told(server, key):
    # As a text cut in the middle of an emoji has it.
    sent = request(server, "POST", "/{}/mark", a_mark(key, note="\ud83d"), CLOSE)
    assert told(server, sent)[0] == [200]
    _, _, body = told(server, request(server, "GET", "/{}/state", more=CLOSE))
    assert json.loads(body)["marks"][key]["note"] == "\ud83d"


def test_what_fails_is_told_and_logged_without_the_token(server, monkeypatch, caplog):
    def fail(folder):
        raise RuntimeError(f"no reading of {folder.name}")

    monkeypatch.setattr("phase4_5.review.review.read_choice", fail)
    monkeypatch.setattr(logging.getLogger("phase4_5"), "propagate", True)
    statuses, head, body = told(server, request(server, "GET", "/{}/state", more=CLOSE))
    assert statuses == [500]
    assert json.loads(body) == {"error": "RuntimeError: no reading of phase4_5"}
    assert set(head.split(b"\r\n")) >= PROTECTION
    assert "the review failed" in caplog.text
    assert server.token not in caplog.text
