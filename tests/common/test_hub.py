"""The Hub's room, against a small Hub on this machine."""

import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from fake_hub import (
    COMMIT,
    DATASET,
    FULL,
    MODEL,
    SAES,
    FakeHub,
    ask,
    is_full,
    run_command,
    snapshot,
)

from common.config import REPOSITORY_ROOT
from common.hub import HubName, hub_commit, hub_error, parse_hub_name


@pytest.fixture
def hub() -> Iterator[FakeHub]:
    server = FakeHub()
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    yield server
    server.stop()


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


def test_the_library_is_imported_only_where_it_is_needed() -> None:
    code = "import sys, common.hub; print('huggingface_hub' in sys.modules)"
    told = subprocess.check_output([sys.executable, "-c", code], cwd=REPOSITORY_ROOT, text=True)
    assert told == "False\n"


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
        run_command(hub.url, tmp_path, command)
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
