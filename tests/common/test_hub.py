"""The Hub's room, against a small Hub on this machine.

The library reads its environment when it is imported, so what is tested runs in new processes.
"""

import hashlib
import http.server
import json
import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest

from common.config import REPOSITORY_ROOT
from common.hub import HubName, hub_commit, hub_error, parse_hub_name

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


@pytest.fixture
def hub() -> Iterator[FakeHub]:
    server = FakeHub()
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    yield server
    server.stop()


# What each new process begins with. Between its attempts the library waits up to 23 s.
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
    """The environment of a new process, with a Hub at `endpoint` and its files in `home`."""
    return {
        **{key: value for key, value in os.environ.items() if not key.startswith("HF_")},
        "HF_ENDPOINT": endpoint,
        "HF_HOME": str(home),
        "HF_TOKEN": TOKEN,
        "NO_PROXY": "127.0.0.1",
        "OMP_NUM_THREADS": "1",
    }


def ask(endpoint: str, home: Path, code: str, **environment: str) -> list[Any]:
    """What `code` says in a new process."""
    done = subprocess.run(
        [sys.executable, "-c", PRELUDE + code],
        cwd=REPOSITORY_ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        env=variables(endpoint, home) | environment,
    )
    assert done.returncode == 0, done.stderr
    said: list[Any] = json.loads(done.stdout.splitlines()[-1])
    for line in said:
        if isinstance(line, str):
            assert "\n" not in line and TOKEN not in line
            assert len(line.replace(str(home), "/home/somebody/.cache/huggingface")) < 300
    return said


def is_full(home: Path, files: Any) -> bool:
    """Whether these are the parquet files of the folder `full`, in order and whole."""
    return bool(files == [[str(snapshot(home) / path), len(data)] for path, data in FULL.items()])


def snapshot(home: Path) -> Path:
    return home / f"hub/datasets--{DATASET.replace('/', '--')}/snapshots/{COMMIT}"


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("google/gemma-2-2b", HubName("google/gemma-2-2b", None, "")),
        ("NeelNanda/pile-10k@v1.0", HubName("NeelNanda/pile-10k", "v1.0", "")),
        (f"a/b.c@{COMMIT}/full", HubName("a/b.c", COMMIT, "full")),
        ("a/b/deep/folder", HubName("a/b", None, "deep/folder")),
        ("a/b@refs/convert/parquet/x", HubName("a/b", "refs/convert/parquet", "x")),
    ],
)
def test_a_name_on_the_hub_is_read(name: str, expected: HubName) -> None:
    assert parse_hub_name(name) == expected


@pytest.mark.parametrize(
    "name",
    [
        *("", "gpt2", "/data/mbpp", "./data/mbpp", "../mbpp/full", "a/../b", "a//b", "a/b/"),
        *("data/mbpp.jsonl", "data/mbpp.JSON", "a/b/c.parquet", "notes/text.txt"),
        *("~/models/x", "a b/c", "a/b c", "a/b\nc", "a--b/c", "-a/b", "a/b.git", "a/b@", "a@b/c"),
        *("a/b*", "C:\\models\\x", "https://huggingface.co/a/b", f"{'x' * 97}/b"),
    ],
)
def test_what_is_no_name_on_the_hub_is_none(name: str) -> None:
    assert parse_hub_name(name) is None
    assert hub_commit(name, "model") is None


def test_an_error_that_is_not_the_hubs_is_left_alone() -> None:
    def told(error: Exception, name: str) -> str | None:
        line = hub_error(error, name, kind="model", setting="PVA_SAE_MODEL_NAME")
        return None if line is None else str(line)

    assert told(ValueError("no such dtype"), MODEL) is None
    assert told(KeyError("gemma9"), MODEL) is None
    full = OSError(28, "No space left on device")
    assert "HF_HOME" in str(told(full, MODEL))
    assert "HF_HOME" in str(told(RuntimeError("File error: No space (os error 28)"), MODEL))
    # A path that is there has nothing to do with the Hub, although it could be a name.
    assert told(full, "embedded/model") is None


def test_the_library_is_imported_only_where_it_is_needed(tmp_path: Path) -> None:
    assert ask("", tmp_path, "say('huggingface_hub' in sys.modules)") == [False]


def test_a_folder_is_downloaded_once_and_then_comes_from_the_cache(
    hub: FakeHub, tmp_path: Path
) -> None:
    pinned = f"{DATASET}@{COMMIT}/full"
    code = f"say(hub_commit('{DATASET}', 'dataset'), parquet(), hub_commit('{pinned}', 'dataset'))"
    before, files, after = ask(hub.url, tmp_path, code)
    assert (before, after) == (None, COMMIT)
    assert is_full(tmp_path, files)
    fetched = [request for request in hub.asked if request.startswith("GET /datasets/")]
    assert len(fetched) == len(FULL)

    hub.asked.clear()
    code = f"say(hub_commit('{DATASET}', 'dataset'), parquet(), parquet('{pinned}'))"
    offline = ask(hub.url, tmp_path, code, HF_HUB_OFFLINE="1")
    assert hub.asked == []
    hub.stop()
    for commit, files, of_pinned in (offline, ask(hub.url, tmp_path, code)):
        assert commit == COMMIT
        assert is_full(tmp_path, files) and is_full(tmp_path, of_pinned)


def test_what_is_not_on_the_hub_is_named(hub: FakeHub, tmp_path: Path) -> None:
    names = [f"{DATASET}/none", f"{DATASET}@nope/full", "maker/problmes", "problems"]
    hub.files[SAES] = {}
    *said, of_saes = ask(hub.url, tmp_path, f"say(*[parquet(name) for name in {names}], saes())")
    assert said[0].startswith(f"{DATASET}: no parquet file in this folder 'none'; see https://")
    assert said[1].startswith(f"{DATASET}@nope/full: no such revision on the Hugging Face Hub")
    assert said[2].startswith("maker/problmes: no such dataset on the Hugging Face Hub")
    for line in said[1:3]:
        assert "spelling in PVA_SAE_PROBLEMS_PATH (what is private needs `hf auth login`)" in line
    assert said[3] == "problems: not the name of a Hugging Face dataset (owner/name)"
    assert of_saes.startswith(f"{SAES}/layer_1: no such file as layer_1/params.npz on the Hugging")
    assert "spelling in PVA_SAE_SAE_SOURCE" in of_saes


def test_a_gated_repository_leads_to_its_licence(hub: FakeHub, tmp_path: Path) -> None:
    # Without a token, and with one whose owner hasn't accepted the licence.
    hub.refusals = {DATASET: (401, "GatedRepo"), SAES: (403, "GatedRepo")}
    of_dataset, of_saes = ask(hub.url, tmp_path, "say(parquet(), saes())")
    assert of_dataset == (
        f"{DATASET} is gated: accept its licence at https://huggingface.co/datasets/{DATASET}, "
        "then log in with `hf auth login`, or change PVA_SAE_PROBLEMS_PATH"
    )
    assert of_saes == (
        f"{SAES} is gated: accept its licence at https://huggingface.co/{SAES}, "
        "then log in with `hf auth login`, or change PVA_SAE_SAE_SOURCE"
    )


def test_what_else_the_hub_answers_is_told(hub: FakeHub, tmp_path: Path) -> None:
    hub.refusals = {DATASET: (503, ""), SAES: (401, "")}
    of_dataset, of_saes = ask(hub.url, tmp_path, "say(parquet(), saes())")
    assert of_dataset == (f"the Hugging Face Hub answered HTTP 503 for {DATASET}; try again later")
    assert of_saes == (
        f"the Hugging Face Hub refused access to {SAES} (HTTP 401): renew the token with "
        f"`hf auth login`, see https://huggingface.co/{SAES}, or change PVA_SAE_SAE_SOURCE"
    )


def test_offline_with_an_empty_cache(hub: FakeHub, tmp_path: Path) -> None:
    code = f"say(parquet(), parquet('{DATASET}@{COMMIT}/full'), saes())"
    said = ask(hub.url, tmp_path, code, HF_HUB_OFFLINE="1")
    download = f"hf download {DATASET} full/ --repo-type dataset"
    commands = [download, f"{download} --revision {COMMIT}", f"hf download {SAES} layer_1/"]
    for line, command in zip(said, commands, strict=True):
        assert f"isn't (wholly) in the cache {tmp_path}/hub and HF_HUB_OFFLINE=1 is set" in line
        assert f"once online, run `{command}`, or change PVA_SAE_" in line
    assert hub.asked == []

    # The commands do what the lines say they do.
    for command in commands:
        program, *arguments = command.split()
        subprocess.run(
            [Path(sys.executable).parent / program, *arguments],
            check=True,
            capture_output=True,
            env=variables(hub.url, tmp_path) | {"HF_HUB_DISABLE_UPDATE_CHECK": "1"},
        )
    files, of_pinned, of_saes = ask(hub.url, tmp_path, code, HF_HUB_OFFLINE="1")
    assert is_full(tmp_path, files) and is_full(tmp_path, of_pinned)
    assert Path(of_saes).read_bytes() == hub.files[SAES]["layer_1/params.npz"]


def test_a_cache_that_was_filled_file_by_file_is_not_taken_for_the_whole(
    hub: FakeHub, tmp_path: Path
) -> None:
    code = f"""
from huggingface_hub import hf_hub_download
for file in {list(FULL)}:
    hf_hub_download("{DATASET}", file, repo_type="dataset")
say()
"""
    ask(hub.url, tmp_path, code)
    code = f"say(parquet(), parquet('{DATASET}@{COMMIT}/full'))"
    for line in ask(hub.url, tmp_path, code, HF_HUB_OFFLINE="1"):
        assert "isn't (wholly) in the cache" in line
    (files,) = ask(hub.url, tmp_path, "say(parquet())")
    assert is_full(tmp_path, files)


def test_a_download_that_breaks_off_goes_on_with_the_next_run(hub: FakeHub, tmp_path: Path) -> None:
    hub.cut = "full/a.parquet"
    code = f"say(parquet(), saes(), hub_commit('{SAES}', 'model'))"
    of_dataset, of_saes, commit = ask(hub.url, tmp_path, code)
    for line, name in ((of_dataset, DATASET), (of_saes, SAES)):
        assert line.startswith(f"the download of {name} broke off or came damaged; run the same")
    assert commit is None
    # No part of a file lies where the next run would take it for the file.
    assert all(
        path.read_bytes() == FULL[str(path.relative_to(snapshot(tmp_path)))]
        for path in snapshot(tmp_path).rglob("*.parquet")
    )
    (line,) = ask(hub.url, tmp_path, "say(parquet())", HF_HUB_OFFLINE="1")
    assert "isn't (wholly) in the cache" in line
    hub.cut, hub.broken = "", False
    files, of_saes = ask(hub.url, tmp_path, "say(parquet(), saes())")
    assert is_full(tmp_path, files)
    assert Path(of_saes).read_bytes() == hub.files[SAES]["layer_1/params.npz"]


def test_a_file_of_another_size_than_told_is_refused(hub: FakeHub, tmp_path: Path) -> None:
    hub.promised = 7
    for line in ask(hub.url, tmp_path, "say(parquet(), saes())"):
        assert "broke off or came damaged; run the same command again" in line
    hub.promised, hub.listed = 0, 7
    (line,) = ask(hub.url, tmp_path / "other", "say(parquet())")
    assert line.startswith(f"a.parquet of {DATASET} is damaged in the cache {tmp_path}/other/hub;")
    assert f"`hf download {DATASET} full/ --repo-type dataset --force-download`" in line


def test_xet_storage_that_fails_can_be_gone_round(hub: FakeHub, tmp_path: Path) -> None:
    hub.xet = True
    (line,) = ask(hub.url, tmp_path, "say(saes())")
    assert line.startswith(f"the download of {SAES} broke off")
    assert line.endswith("HF_HUB_DISABLE_XET=1 takes another way")
    (file,) = ask(hub.url, tmp_path, "say(saes())", HF_HUB_DISABLE_XET="1")
    assert Path(file).read_bytes() == hub.files[SAES]["layer_1/params.npz"]


def test_no_way_through_a_proxy(hub: FakeHub, tmp_path: Path) -> None:
    hub.stop()
    proxy = {"HTTP_PROXY": hub.url.replace("//", "//user:password@"), "NO_PROXY": ""}
    for line in ask("http://hub.invalid", tmp_path, "say(parquet(), saes())", **proxy):
        assert ": hub.invalid can't be reached (" in line
        assert "HF_HUB_OFFLINE=1" in line and "password" not in line


# Those that load transformers take seconds: one process for each state of the network.


def test_transformers_online(hub: FakeHub, tmp_path: Path) -> None:
    for name in ("maker/gated", "maker/down", "maker/cut", "maker/full"):
        hub.files[name] = hub.files[MODEL]
    hub.refusals = {"maker/gated": (401, "GatedRepo"), "maker/down": (429, "")}
    code = f"""
import errno, os
names = ("maker/gated", "maker/down", "maker/none", "{MODEL}@nope")
said = [config(name) for name in names]
from huggingface_hub import file_download

def http_get(*_, **__):
    raise OSError(error, os.strerror(error))

file_download.http_get, real = http_get, file_download.http_get
for error in (errno.ENOSPC, errno.EDQUOT):
    said += [parquet(), saes(), config("maker/full")]
file_download.http_get = real
say(*said, config("maker/cut"))
"""
    hub.cut = "config.json"
    gated, down, none, misspelt, *full, cut = ask(hub.url, tmp_path, code)
    assert gated == (
        "maker/gated is gated: accept its licence at https://huggingface.co/maker/gated, "
        "then log in with `hf auth login`, or change PVA_SAE_MODEL_NAME"
    )
    assert down == "the Hugging Face Hub answered HTTP 429 for maker/down; try again later"
    assert none.startswith("maker/none: no such model on the Hugging Face Hub, nor a local path")
    assert misspelt.startswith(f"{MODEL}@nope: no such revision on the Hugging Face Hub")
    assert cut.startswith("the download of maker/cut broke off or came damaged; run the same")
    for line, name in zip(full, [DATASET, SAES, "maker/full"] * 2, strict=True):
        assert line.startswith(f"{name} can't be stored in the cache {tmp_path}/hub (")
        assert "make room or set HF_HOME to a folder elsewhere" in line
    assert "(no space left on device)" in full[0] and "(disk quota exceeded)" in full[3]


def test_transformers_offline(hub: FakeHub, tmp_path: Path) -> None:
    code = f"""
from huggingface_hub import hf_hub_download
hf_hub_download("{MODEL}", "config.json")
say()
"""
    ask(hub.url, tmp_path, code)
    code = f"""
from transformers import AutoModelForCausalLM
load = lambda: AutoModelForCausalLM.from_pretrained("{MODEL}")
say(config(), config("google/gemma-2-9b"), told(load, "{MODEL}"))
"""
    cached, absent, partial = ask(hub.url, tmp_path, code, HF_HUB_OFFLINE="1")
    assert cached == "gemma2"
    for line, name in ((absent, "google/gemma-2-9b"), (partial, MODEL)):
        assert line == (
            f"{name} isn't (wholly) in the cache {tmp_path}/hub and HF_HUB_OFFLINE=1 is set; "
            f"once online, run `hf download {name}`, or change PVA_SAE_MODEL_NAME"
        )


def test_no_network(hub: FakeHub, tmp_path: Path) -> None:
    hub.stop()
    code = f"say(config(), parquet(), parquet('{DATASET}@{COMMIT}/full'), saes())"
    said = ask(hub.url, tmp_path, code)
    download = f"hf download {DATASET} full/ --repo-type dataset"
    commands = [
        f"hf download {MODEL}",
        download,
        f"{download} --revision {COMMIT}",
        f"hf download {SAES} layer_1/",
    ]
    names = [MODEL, DATASET, DATASET, SAES]
    for line, name, command in zip(said, names, commands, strict=True):
        assert line == (
            f"no network for {name}: 127.0.0.1 can't be reached ([Errno 111] Connection "
            f"refused); where there is one, run `{command}`, then set HF_HUB_OFFLINE=1"
        )
