"""The Hugging Face Hub: names, cached files, and its errors in one line for people.

The only module that knows the Hub's library, which it imports where it is used: a run on local
files never needs it.
"""

import errno
import os
import re
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal
from urllib.parse import unquote, urlsplit

from common.config import resolve_path
from common.errors import InputError

Kind = Literal["model", "dataset"]

_FILE_ENDINGS = (".jsonl", ".json", ".parquet", ".txt")
# Characters that a shell and a glob pattern take as they stand; the library checks the rest.
_NAME = re.compile(r"[\w.@%=+/-]+", re.ASCII)

_DISK_FULL = {errno.ENOSPC, errno.EDQUOT}
_NO_ACCESS = {errno.EACCES, errno.EPERM, errno.EROFS}
# Failures that are told by their text only: hf_xet's (a RuntimeError; its errno is in the text),
# a file of another size than announced, and a file missing after transformers has swallowed the
# Hub's own error (both an OSError).
_XET_FAILED = re.compile(r"CAS Client Error|File reconstruction error")
_ERRNO_IN_TEXT = re.compile(r"\(os error (\d+)\)")
_WRONG_SIZE = "Consistency check failed"
_FILE_MISSING = "does not appear to have"


@dataclass(frozen=True)
class HubName:
    """A place on the Hub: a repository, its revision (None: main), a folder ("": all of it)."""

    repo_id: str
    revision: str | None
    folder: str


def parse_hub_name(name: str) -> HubName | None:
    """Read `owner/name[@revision][/folder...]`; None if `name` isn't of this form.

    Paths (absolute, or with a segment `.` or `..`) and names of data files aren't.
    """
    segments = name.split("/")
    if len(segments) < 2 or any(segment in ("", ".", "..") for segment in segments):
        return None
    if name.lower().endswith(_FILE_ENDINGS) or not _NAME.fullmatch(name):
        return None
    from huggingface_hub import parse_hf_uri
    from huggingface_hub.errors import HfUriError

    try:
        uri = parse_hf_uri(f"hf://datasets/{name}")
    except HfUriError:
        return None
    return HubName(uri.id, uri.revision, uri.path_in_repo)


def is_on_hub(name: str) -> bool:
    """Whether `name` is no local path but has the form of a place on the Hub."""
    return not resolve_path(name).exists() and parse_hub_name(name) is not None


def hub_parquet_files(name: str, *, setting: str) -> list[Path]:
    """The local copies of all parquet files in a dataset's folder and below it, sorted.

    What isn't in the cache is downloaded. The library stores each snapshot's listing; the cache
    is held against it, so that what is returned is the whole.

    Args:
        name: the dataset, in the form that `parse_hub_name` reads.
        setting: the environment variable that holds the name, for the errors.

    Raises:
        InputError: `name` isn't of that form, the files can't be had, one is damaged, the cache
            isn't known to be complete, or there is no parquet file.
    """
    place = parse_hub_name(name)
    if place is None:
        raise InputError(f"{name}: not the name of a Hugging Face dataset (owner/name)")
    from huggingface_hub import get_cached_repo_tree, snapshot_download

    lines = _Lines(name, "dataset", setting)
    prefix = f"{place.folder}/" if place.folder else ""
    try:
        snapshot = Path(
            snapshot_download(
                place.repo_id,
                repo_type="dataset",
                revision=place.revision,
                allow_patterns=f"{prefix}*.parquet",
            )
        )
        # A cache filled file by file, or by an older library, has no listing: it is refused.
        listing = get_cached_repo_tree(place.repo_id, repo_type="dataset", revision=snapshot.name)
    except Exception as error:
        line = _line(error, lines)
        if line is None:
            raise
        raise InputError(line) from error
    sizes = {
        snapshot / file.path: file.size
        for file in listing
        if file.path.startswith(prefix) and file.path.endswith(".parquet")
    }
    if not sizes:
        raise InputError(lines.no_parquet())
    for path, size in sizes.items():
        if path.stat().st_size != size:
            raise InputError(lines.damaged(path))
    return sorted(sizes)


def hub_commit(name: str, kind: Kind) -> str | None:
    """The commit of which the local cache holds files, or None; never asks the network.

    Of a branch or tag (main, if `name` has no revision) it is the commit that was last fetched.
    """
    place = parse_hub_name(name)
    if place is None:
        return None
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import LocalEntryNotFoundError

    try:
        snapshot = Path(
            snapshot_download(
                place.repo_id,
                repo_type=kind,
                revision=place.revision,
                local_files_only=True,
                allow_patterns=[],  # Any part of the repository will do.
            )
        )
    except LocalEntryNotFoundError:
        return None
    # A download that was cut off at its first file leaves an empty folder.
    return snapshot.name if any(path.is_file() for path in snapshot.rglob("*")) else None


def hub_error(error: BaseException, name: str, *, kind: Kind, setting: str) -> InputError | None:
    """What went wrong with the Hub or its cache, in one line with what to do about it.

    Args:
        error: what huggingface_hub, transformers or sae-lens raised; the exceptions that led
            to it are looked at too.
        name: what was to be loaded, if possible in the form that `parse_hub_name` reads.
        setting: the environment variable that holds the name.

    Returns:
        None if `name` is a local path, or the error has nothing to do with the Hub.
    """
    if resolve_path(name).exists():
        return None
    line = _line(error, _Lines(name, kind, setting))
    return None if line is None else InputError(line)


@dataclass(frozen=True)
class _Lines:
    """The lines that a user may see about one name."""

    name: str
    kind: Kind
    setting: str

    @property
    def _repo_id(self) -> str:
        place = parse_hub_name(self.name)
        return place.repo_id if place else self.name

    @property
    def _page(self) -> str:
        return f"https://huggingface.co/{'datasets/' * (self.kind == 'dataset')}{self._repo_id}"

    def _fetch(self, option: str = "") -> str:
        place = parse_hub_name(self.name)
        if place is None:
            return "the same command"
        parts = ["hf download", place.repo_id]
        if place.folder:
            parts.append(f"{place.folder}/")
        if self.kind == "dataset":
            parts.append("--repo-type dataset")
        if place.revision:
            parts.append(f"--revision {place.revision}")
        return f"`{' '.join([*parts, option]).rstrip()}`"

    def gated(self) -> str:
        return (
            f"{self._repo_id} is gated: accept its licence at {self._page}, then log in with "
            f"`hf auth login`, or change {self.setting}"
        )

    def refused(self, status: int) -> str:
        return (
            f"the Hugging Face Hub refused access to {self._repo_id} (HTTP {status}): renew the "
            f"token with `hf auth login`, see {self._page}, or change {self.setting}"
        )

    def not_found(self, what: str) -> str:
        return (
            f"{self.name}: no such {what} on the Hugging Face Hub, nor a local path; check the "
            f"spelling in {self.setting} (what is private needs `hf auth login`)"
        )

    def not_cached(self) -> str:
        return (
            f"{self._repo_id} isn't (wholly) in the cache {_cache()} and HF_HUB_OFFLINE=1 is set; "
            f"once online, run {self._fetch()}, or change {self.setting}"
        )

    def unreachable(self, reason: str) -> str:
        return (
            f"no network for {self._repo_id}: {_host()} can't be reached ({reason}); where there "
            f"is one, run {self._fetch()}, then set HF_HUB_OFFLINE=1"
        )

    def disk(self, number: int) -> str:
        return (
            f"{self._repo_id} can't be stored in the cache {_cache()} "
            f"({os.strerror(number).lower()}); make room or set HF_HOME to a folder elsewhere"
        )

    def broke_off(self, hint: str = "") -> str:
        return (
            f"the download of {self._repo_id} broke off or came damaged; run the same command "
            f"again, it goes on with the files that are missing{hint}"
        )

    def incomplete(self) -> str:
        return (
            f"{self._repo_id}: a file it needs came neither from the Hugging Face Hub nor from "
            f"the cache {_cache()}; check the network and {self._page}, or change {self.setting}"
        )

    def damaged(self, path: Path) -> str:
        return (
            f"{path.name} of {self._repo_id} is damaged in the cache {_cache()}; fetch it anew: "
            f"{self._fetch('--force-download')}"
        )

    def no_parquet(self) -> str:
        place = parse_hub_name(self.name)
        where = f"folder {place.folder!r}" if place and place.folder else "repository"
        return (
            f"{self._repo_id}: no parquet file in this {where}; see {self._page}/tree/main"
            f", or change {self.setting}"
        )

    def answered(self, status: int) -> str:
        return f"the Hugging Face Hub answered HTTP {status} for {self._repo_id}; try again later"


def _line(error: BaseException, lines: _Lines) -> str | None:
    """The line for the first exception in the chain that says what went wrong."""
    chain = list(_chain(error))
    for one in chain:
        line = _disk_line(one, lines) or _http_line(one, lines) or _network_line(one, lines)
        if line is not None:
            return line
    return _line_without_cause(chain, lines)


def _chain(error: BaseException) -> Iterator[BaseException]:
    """An exception and those that led to it, as a traceback shows them."""
    seen: set[int] = set()
    following: BaseException | None = error
    while following is not None and id(following) not in seen:
        seen.add(id(following))
        yield following
        hidden = following.__suppress_context__
        following = following.__cause__ or (None if hidden else following.__context__)


def _disk_line(error: BaseException, lines: _Lines) -> str | None:
    number = error.errno if isinstance(error, OSError) else None
    if number is None and (told := _ERRNO_IN_TEXT.search(str(error))):
        number = int(told[1])
    return lines.disk(number) if number in _DISK_FULL | _NO_ACCESS else None


def _http_line(error: BaseException, lines: _Lines) -> str | None:
    """What the Hub answered."""
    from huggingface_hub import errors

    if not isinstance(error, errors.HfHubHTTPError):
        return None
    status = error.response.status_code
    match error:
        case errors.GatedRepoError():
            return lines.gated()
        case errors.RevisionNotFoundError():
            return lines.not_found("revision")
        case errors.RemoteEntryNotFoundError():
            _, _, path = urlsplit(str(error.response.url)).path.partition("/resolve/")
            file = unquote(path.partition("/")[2])
            return lines.not_found(f"file as {file}" if file else "file")
        case errors.RepositoryNotFoundError():
            return lines.not_found(lines.kind)
    if status == 404:
        return lines.not_found(lines.kind)
    return lines.refused(status) if status in (401, 403) else lines.answered(status)


def _network_line(error: BaseException, lines: _Lines) -> str | None:
    """How the Hub couldn't be reached, or how a download broke off."""
    import httpx  # Of huggingface_hub's own.
    from huggingface_hub.errors import OfflineModeIsEnabled

    text = str(error)
    match error:
        case OfflineModeIsEnabled():
            return lines.not_cached()
        case httpx.ReadError() | httpx.WriteError() | httpx.RemoteProtocolError():
            return lines.broke_off()
        case httpx.RequestError() | ConnectionError() | TimeoutError() | socket.gaierror():
            reason = " ".join(text.split())[:80] or type(error).__name__
            return lines.unreachable(reason)
        case OSError() if _WRONG_SIZE in text:
            return lines.broke_off()
        case RuntimeError() if _XET_FAILED.search(text):
            return lines.broke_off("; HF_HUB_DISABLE_XET=1 takes another way")
    return None


def _line_without_cause(chain: list[BaseException], lines: _Lines) -> str | None:
    """The line where no exception says why a file couldn't be had."""
    from huggingface_hub import errors, is_offline_mode

    unknown = (errors.LocalEntryNotFoundError, errors.CachedRepoTreeNotFoundError)
    if any(isinstance(one, unknown) for one in chain):
        missing = lines.unreachable("no usable answer")
    elif any(isinstance(one, OSError) and _FILE_MISSING in str(one) for one in chain):
        missing = lines.incomplete()
    else:
        return None
    return lines.not_cached() if is_offline_mode() else missing


def _cache() -> str:
    from huggingface_hub import constants

    return constants.HF_HUB_CACHE


def _host() -> str:
    from huggingface_hub import constants

    # The host alone: an endpoint's address can hold a password.
    return urlsplit(constants.ENDPOINT).hostname or "HF_ENDPOINT"
