"""The review over real HTTP: what it saves, and whom it doesn't answer."""

import http.client
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading

import pytest

from common.config import REPOSITORY_ROOT
from common.errors import InputError
from phase4_5.results.run_files import load_run
from phase4_5.review.server import address, review_server

JSON = {"Content-Type": "application/json"}


def ask(server, method, path, body=None, token=None, **headers):
    """The status and the answer to one request; headers with _ for -."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
    given = {name.replace("_", "-"): value for name, value in headers.items()}
    data = body if isinstance(body, str | bytes | None) else json.dumps(body)
    connection.request(method, f"/{token or server.token}/{path}", data, given)
    answer = connection.getresponse()
    text = answer.read().decode()
    connection.close()
    is_json = answer.headers.get_content_type() == "application/json"
    return answer.status, json.loads(text) if is_json else text


def post(server, path, body, **headers):
    return ask(server, "POST", path, body, **{"Content_Type": "application/json", **headers})


def an_example(folder):
    return load_run(folder).examples["correct", 30.0][0].example_key


def choice_of(folder):
    return json.loads((folder / "selected_coefficients.json").read_text())


def test_the_page_and_its_state(server, folder):
    status, page = ask(server, "GET", "")
    assert status == 200
    assert page.lower().startswith("<!doctype html>")
    assert ask(server, "GET", "state") == (
        200,
        {"marks": {}, "selected": choice_of(folder), "reviewer": "Ada"},
    )


def test_a_mark_is_saved_and_a_slower_tab_is_told(server, folder):
    key = an_example(folder)
    first = {"example": key, "mark": "keep", "note": "fine", "version": 0}
    saved = {"mark": "keep", "note": "fine", "version": 1}
    assert post(server, "mark", first) == (200, {"entry": saved})
    status, answer = post(server, "mark", {**first, "note": "not fine"})
    assert (status, answer["entry"]) == (409, saved)
    assert ask(server, "GET", "state")[1]["marks"] == {key: saved}
    assert json.loads((folder / "review_marks.json").read_text())["marks"][key]["note"] == "fine"


def test_a_choice_is_saved_with_its_marks_and_the_reports_tell_it(folder):
    with review_server(folder, "Ada") as server:
        key = an_example(folder)
        post(server, "mark", {"example": key, "mark": "keep", "note": "", "version": 0})
        asked = {"correct": 30, "rationale": "why </script> 🙂", "reviewer": "Grace"}
        seen = choice_of(folder)["timestamp"]
        status, answer = post(server, "select", {**asked, "seen": seen})
        assert status == 200
        assert answer["selected"] == choice_of(folder)
        # Another tab that still sees the earlier choice.
        status, late = post(server, "select", {**asked, "correct": 100, "seen": seen})
        assert (status, late["selected"]) == (409, answer["selected"])
        status, _ = post(
            server,
            "select",
            {**asked, "correct": 100, "seen": answer["selected"]["timestamp"]},
        )
        assert status == 200
    chosen = choice_of(folder)
    assert chosen["correct"]["coefficient"] == 100
    assert len(list((folder / "selection_history").iterdir())) == 2
    assert answer["selected"]["correct"]["marks"][0]["mark"] == "keep"
    for name in ("report.html", "phase_4_5_report.md"):
        text = (folder / name).read_text()
        assert "Grace" in text
        assert "why </script>" not in text


@pytest.mark.parametrize(
    ("path", "body", "message"),
    [
        ("select", {"correct": 50, "rationale": "x", "reviewer": "A"}, "50 was not run"),
        ("select", {"correct": "30", "rationale": "x", "reviewer": "A"}, "a number, or null"),
        ("select", {"correct": True, "rationale": "x", "reviewer": "A"}, "a number, or null"),
        ("select", {"correct": 30, "rationale": "", "reviewer": "A"}, "the rationale is missing"),
        ("select", {"correct": 30, "rationale": 5, "reviewer": "A"}, "a text"),
        ("select", {"rationale": "x", "reviewer": "A"}, "no coefficient was chosen"),
        ("mark", {"example": "correct|30|0", "mark": "keep", "note": "", "version": 0}, "none of"),
        ("mark", {}, "none of"),
        ("mark", [], "a JSON object is wanted"),
        ("mark", "{", "a JSON object is wanted"),
        ("mark", b"\xff", "a JSON object is wanted"),
        ("mark", "[" * 100_000, "a JSON object is wanted"),
    ],
)
def test_a_wrong_request_is_told_in_one_line_and_changes_nothing(
    server, folder, path, body, message
):
    before = {file: file.read_bytes() for file in folder.glob("*.json")}
    if isinstance(body, dict) and path == "select":
        body = {**body, "seen": choice_of(folder)["timestamp"]}
    status, answer = post(server, path, body)
    assert status == 400
    assert message in answer["error"]
    assert "\n" not in answer["error"]
    assert {file: file.read_bytes() for file in folder.glob("*.json")} == before


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Content_Type": "text/plain"}, 403),
        ({"Content_Type": "application/x-www-form-urlencoded"}, 403),
        ({"Origin": "https://example.org"}, 403),
        ({"Origin": "null"}, 403),
        ({"Sec_Fetch_Site": "cross-site"}, 403),
        ({"Host": "example.org"}, 403),
        ({"Host": "127.0.0.1:1"}, 403),
    ],
)
def test_other_sites_can_not_write(server, folder, headers, status):
    body = {"example": an_example(folder), "mark": "keep", "note": "", "version": 0}
    assert post(server, "mark", body, **headers)[0] == status
    assert not (folder / "review_marks.json").exists()
    own = {"Origin": f"http://127.0.0.1:{server.port}", "Sec_Fetch_Site": "same-origin"}
    assert post(server, "mark", body, **own)[0] == 200


def test_nothing_is_told_without_the_token_or_under_another_name(server):
    for token in ("x", server.token[:-1], server.token + "x", "%2e%2e"):
        assert ask(server, "GET", "state", token=token)[0] == 404
    assert ask(server, "GET", "", Host="review.example.org")[0] == 403
    assert ask(server, "GET", "../state")[0] == 404
    assert ask(server, "GET", "other")[0] == 404
    assert post(server, "other", {})[0] == 404


def test_only_this_machine_is_listened_to_and_the_token_is_new(server, folder):
    assert server.socket_address[0] == "127.0.0.1"
    with socket.socket() as other:
        hostname = socket.gethostbyname(socket.gethostname())
        if not hostname.startswith("127."):
            assert other.connect_ex((hostname, server.port)) != 0
    assert len(server.token) >= 20
    with pytest.raises(InputError, match="open already"), review_server(folder, "Ada"):
        pass


def test_more_than_a_mebibyte_is_not_taken_and_the_answer_says_so(server):
    for size in (2**20 + 1, 5 * 2**20, 5 * 2**20):
        status, answer = post(server, "mark", " " * size)
        assert status == 413
        assert "at most 1048576 bytes" in answer["error"]
        # Refused for another reason, with as much behind it.
        assert post(server, "mark", " " * size, Origin="https://example.org")[0] == 403
    # A length that is none is refused before anything else is looked at.
    assert post(server, "mark", None, Content_Length="x")[0] == 400


def test_a_run_that_was_made_anew_meanwhile_is_not_chosen_from(server, folder):
    path = folder / "phase_4_5_summary.json"
    summary = json.loads(path.read_text())
    path.write_text(json.dumps({**summary, "timestamp": "2030-01-01T00:00:00+00:00"}))
    body = {"correct": 30, "rationale": "x", "reviewer": "A"}
    for status, answer in (
        ask(server, "GET", ""),
        post(server, "select", {**body, "seen": choice_of(folder)["timestamp"]}),
    ):
        assert status == 400
        assert "has been run again" in answer["error"]


def test_a_port_that_is_taken_or_none_is_told(server, folder):
    for port in (server.port, 10**6):
        (folder / "review.lock").unlink()  # As for the review of another run.
        with (
            pytest.raises(InputError, match="try another --port"),
            review_server(folder, "Ada", port),
        ):
            pass


def start(finished, *more, **variables):
    return subprocess.Popen(
        [
            sys.executable,
            str(REPOSITORY_ROOT / "run.py"),
            "review",
            "--data-dir",
            str(finished),
            *more,
        ],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=REPOSITORY_ROOT,
        # The address has to come at once, also into a pipe.
        env=os.environ | {"PYTHONUNBUFFERED": ""} | variables,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM])
def test_the_command_tells_its_address_and_ends_with_ctrl_c(finished, sent):
    process = start(finished)
    line = process.stdout.readline()
    found = re.fullmatch(r"the review is at (http://127\.0\.0\.1:(\d+)/([\w-]+)/)\n", line)
    assert found is not None
    connection = http.client.HTTPConnection("127.0.0.1", int(found[2]), timeout=30)
    connection.request("GET", f"/{found[3]}/")
    assert connection.getresponse().status == 200
    process.send_signal(sent)
    assert "ssh -L" in process.stdout.readline()
    _, stderr = process.communicate(timeout=30)
    assert process.returncode == 0
    assert "Traceback" not in stderr
    assert found[3] not in stderr


@pytest.mark.parametrize(
    ("break_it", "variables", "message"),
    [
        (lambda folder: (folder / "phase_4_5_summary.json").unlink(), {}, "python3 run.py phase"),
        (
            lambda folder: (
                folder / "coefficient_examples/correct_coeff_30/all_results.json"
            ).unlink(),
            {},
            "correct_coeff_30/all_results.json: missing",
        ),
        (lambda _: None, {"PVA_SAE_MODEL_NAME": "google/gemma-2-2b"}, "a run of model"),
    ],
)
def test_a_run_that_can_not_be_reviewed_is_told_in_one_line(finished, break_it, variables, message):
    break_it(finished / "phase4_5")
    process = start(finished, **variables)
    stdout, stderr = process.communicate(timeout=60)
    assert process.returncode == 2
    assert stdout == ""
    assert stderr.count("\n") == 1
    assert message in stderr


def test_a_request_that_has_begun_is_answered_before_the_end(folder):
    key = an_example(folder)
    body = json.dumps({"example": key, "mark": "keep", "note": "", "version": 0}).encode()
    with review_server(folder, "Ada") as server:
        connection = socket.create_connection(("127.0.0.1", server.port), timeout=30)
        start_post(connection, server, body[:9], len(body))
        assert ask(server, "GET", "state")[0] == 200
        threading.Timer(0.5, connection.sendall, [body[9:]]).start()
    with connection, connection.makefile("rb") as answer:
        assert answer.readline() == b"HTTP/1.1 200 OK\r\n"
    assert json.loads((folder / "review_marks.json").read_text())["marks"][key]["mark"] == "keep"


def test_a_request_that_stalls_holds_the_end_up_only_for_a_while(folder, monkeypatch):
    monkeypatch.setattr("phase4_5.review.server._GRACE_SECONDS", 1)
    with review_server(folder, "Ada") as server:
        connection = socket.create_connection(("127.0.0.1", server.port), timeout=30)
        start_post(connection, server, b"{", 100)
        assert ask(server, "GET", "state")[0] == 200
    assert server.ended.is_set()
    with connection:
        assert not connection.recv(99).startswith(b"HTTP/1.1 200")


def start_post(connection, server, some, length):
    """Send the beginning of a mark."""
    head = (
        f"POST /{server.token}/mark HTTP/1.1\r\nHost: 127.0.0.1:{server.port}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {length}\r\n\r\n"
    )
    connection.sendall(head.encode() + some)


def test_only_the_review_loads_a_server_and_not_even_it_loads_torch(finished):
    program = (
        "import signal, sys, webbrowser, run\n"
        "webbrowser.open = lambda url: signal.raise_signal(signal.SIGINT)\n"
        "def loaded(*names): print(sorted(set(names) & sys.modules.keys()))\n"
        "import phase4_5.review.marks\n"
        "assert run.main(['status', *sys.argv[1:]]) == 0\n"
        "loaded('starlette', 'uvicorn')\n"
        "assert run.main(['review', '--open', *sys.argv[1:]]) == 0\n"
        "loaded('starlette', 'uvicorn', 'torch', 'transformers')\n"
    )
    told = subprocess.run(
        [sys.executable, "-c", program, "--data-dir", str(finished)],
        capture_output=True,
        text=True,
        cwd=REPOSITORY_ROOT,
        timeout=120,
    )
    lines = [line for line in told.stdout.splitlines() if line.startswith("[")]
    assert lines == ["[]", "['starlette', 'uvicorn']"], told.stderr


def test_the_address_is_told(server):
    assert address(server) == f"http://127.0.0.1:{server.port}/{server.token}/"
