"""A small Hub on this machine, and processes that ask it.

The library reads its environment when it is imported, so what is tested runs in processes of its
own, each of which reads it anew.
"""

import hashlib
import http.server
import json
import re
import signal
import sys
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from forked_hub import in_fork

COMMIT = "0123456789abcdef0123456789abcdef01234567"
DATASET, MODEL = "google-research-datasets/mbpp", "google/gemma-2-2b"
SAES = "google/gemma-scope-2b-pt-res"
FULL = {"full/a.parquet": b"A" * 9000, "full/b.parquet": b"B" * 5000, "full/x/c.parquet": b"C"}
TOKEN = "hf_neverShowThisToken"


class FakeHub(http.server.ThreadingHTTPServer):
    """As much of the Hub's HTTP as the library uses, and some ways to go wrong."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Answer)
        self.files: dict[str, dict[str, bytes]] = {
            f"datasets/{DATASET}": {**FULL, "README.md": b"#", "other/d.parquet": b"D"},
            SAES: {"layer_1/params.npz": b"P" * 9000},
            MODEL: {"config.json": b'{"model_type": "gemma2"}'},
        }
        self.refusals: dict[str, tuple[int, str]] = {}
        """Repository -> status and X-Error-Code with which its files are refused."""
        self.cut = ""
        """In the middle of this file the connection breaks, and no other file is sent."""
        self.broken = False
        self.promised = 0
        """Before its download, a file is said to be this much larger than it is."""
        self.listed = 0
        """And so it is in the listing of the repository."""
        self.xet = False
        """Files are said to be in Xet storage, and aren't."""
        self.asked: list[str] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def stop(self) -> None:
        self.shutdown()
        self.server_close()


class _Answer(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: FakeHub

    def log_message(self, *_: Any) -> None:
        pass

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        path = unquote(urlsplit(self.path).path)
        if path == "/xet-token":
            where = {"X-Xet-Cas-Url": self.server.url, "X-Xet-Token-Expiration": "9999999999"}
            return self._send(200, headers={**where, "X-Xet-Access-Token": TOKEN})
        api = re.fullmatch(r"/api/(?:models/|(datasets/))([^/]+/[^/]+)(?:/(.+))?", path)
        file = re.fullmatch(r"/(datasets/)?([^/]+/[^/]+)/resolve/([^/]+)/(.+)", path)
        if (place := api or file) is None:
            return self._send(404)
        self.server.asked.append(f"{self.command} {path}")
        revision = (place[3] or "main").removeprefix("revision/").removeprefix("tree/")
        files = self.server.files.get((place[1] or "") + place[2])
        if files is None:
            return self._send(401, headers={"X-Error-Code": "RepoNotFound"})
        if revision not in ("main", COMMIT):
            return self._send(404, headers={"X-Error-Code": "RevisionNotFound"})
        if api:
            return self._send_listing(files, api[3] or "")
        if place[2] in self.server.refusals:
            status, code = self.server.refusals[place[2]]
            return self._send(status, b"{}", {"X-Error-Code": code})
        return self._send_file(files, place[4])

    def _send_listing(self, files: dict[str, bytes], what: str) -> None:
        answer: Any = {"id": "maker/name", "sha": COMMIT, "siblings": []}
        if what.startswith("tree/"):
            answer = [
                {"type": "file", "oid": "0", "path": path, "size": len(data) + self.server.listed}
                for path, data in files.items()
            ]
        self._send(200, json.dumps(answer).encode())

    def _send_file(self, files: dict[str, bytes], path: str) -> None:
        headers = {"X-Repo-Commit": COMMIT}
        if path not in files:
            return self._send(404, headers={**headers, "X-Error-Code": "EntryNotFound"})
        data = files[path]
        headers["ETag"] = f'"{hashlib.sha1(data).hexdigest()}"'
        if self.server.xet:
            headers["X-Xet-Refresh-Route"] = f"{self.server.url}/xet-token"
            headers["X-Xet-Hash"] = "ab" * 32
        if self.command == "HEAD":
            return self._send(200, data, headers, len(data) + self.server.promised)
        self.close_connection = self.server.broken or path == self.server.cut
        if not self.server.broken:
            self.server.broken = path == self.server.cut
            sent = data[: len(data) // 2] if self.server.broken else data
            self._send(200, sent, headers, len(data))
        return None

    def _send(
        self,
        status: int,
        body: bytes = b"",
        headers: dict[str, str] | None = None,
        length: int | None = None,
    ) -> None:
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body) if length is None else length))
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body)


# What each process begins with. Between its attempts the library waits up to 23 s.
PRELUDE = f"""
import json, sys, time
time.sleep = lambda seconds: None
from common.errors import InputError
from common.hub import hub_commit, hub_error, hub_parquet_files

def parquet(name="{DATASET}/full"):
    try:
        files = hub_parquet_files(name, setting="PVA_SAE_PROBLEMS_PATH")
    except InputError as error:
        return str(error)
    return [[str(file), file.stat().st_size] for file in files]

def told(load, name, setting="PVA_SAE_MODEL_NAME"):
    try:
        return str(load())
    except Exception as error:
        return str(hub_error(error, name, kind="model", setting=setting))

def saes():  # As sae-lens fetches them.
    from huggingface_hub import hf_hub_download
    load = lambda: hf_hub_download("{SAES}", "params.npz", subfolder="layer_1")
    return told(load, "{SAES}/layer_1", "PVA_SAE_SAE_SOURCE")

def config(name="{MODEL}"):
    from transformers import AutoConfig
    repository, _, revision = name.partition("@")
    load = lambda: AutoConfig.from_pretrained(repository, revision=revision or "main").model_type
    return told(load, name)

def say(*what):
    print(json.dumps(what))
"""


def variables(endpoint: str, home: Path) -> dict[str, str]:
    """The environment of a process, with a Hub at `endpoint` and its files in `home`."""
    return {
        "HF_ENDPOINT": endpoint,
        "HF_HOME": str(home),
        "HF_TOKEN": TOKEN,
        "NO_PROXY": "127.0.0.1",
    }


def run_command(endpoint: str, home: Path, line: str) -> None:
    """Run a command of an installed package, as its script does, in a process of its own."""
    program, *arguments = line.split()
    (script,) = entry_points(group="console_scripts", name=program)

    def work() -> None:
        sys.argv = [program, *arguments]
        sys.exit(script.load()())

    quiet = {"HF_HUB_DISABLE_UPDATE_CHECK": "1"}
    done = in_fork(work, variables(endpoint, home) | quiet)
    assert done.returncode == 0, done.stderr


def ask(endpoint: str, home: Path, code: str, **environment: str) -> list[Any]:
    """What `code` says in a process of its own."""

    def work() -> None:
        signal.alarm(60)  # Who waits for ever is ended.
        exec(compile(PRELUDE + code, "asking", "exec"), {"__name__": "__main__"})

    done = in_fork(work, variables(endpoint, home) | environment)
    assert done.returncode == 0, done.stderr
    said: list[Any] = json.loads(done.stdout.splitlines()[-1])
    for line in said:
        if isinstance(line, str):
            assert "\n" not in line and TOKEN not in line
            assert len(line.replace(str(home), "/home/somebody/.cache/huggingface")) < 300
    return said


def is_full(home: Path, files: object) -> bool:
    """Whether these are the parquet files of the folder `full`, in order and whole."""
    return files == [[str(snapshot(home) / path), len(data)] for path, data in FULL.items()]


def snapshot(home: Path) -> Path:
    return home / f"hub/datasets--{DATASET.replace('/', '--')}/snapshots/{COMMIT}"
