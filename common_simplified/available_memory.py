"""What memory a process may take: free on the device, and left under limits on its cgroups."""

from pathlib import Path

import psutil

# A cgroup's files of limit and usage, and how its counters of file pages begin.
_CGROUP_V1 = ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_")
_CGROUP_V2 = ("memory.max", "memory.current", "")


def available_memory(device: str) -> int:
    """Bytes that this process may hold on a device.

    On a GPU that is what is free, and what torch's allocator keeps without using it. On the CPU it
    is what is free and what the process holds already, since a plan counts the whole process.
    There (and on Apple's GPUs, which share its memory) a limit on the cgroup counts too: containers
    and Slurm end a process that goes beyond it.
    """
    import torch

    if device.startswith("cuda"):
        gpu = torch.device(device)
        unused = torch.cuda.memory_reserved(gpu) - torch.cuda.memory_allocated(gpu)
        return torch.cuda.mem_get_info(gpu)[0] + unused
    free = int(psutil.virtual_memory().available)
    in_cgroup = cgroup_memory_left()
    if in_cgroup is not None:
        free = min(free, in_cgroup)
    available = free + own_anonymous_bytes()
    if device.startswith("mps"):
        return min(available, torch.mps.recommended_max_memory())
    return available


def own_anonymous_bytes() -> int:
    """Bytes that this process holds and no file backs."""
    memory = psutil.Process().memory_info()
    # File pages are among what the system calls available already.
    return int(memory.rss - getattr(memory, "shared", 0))


def cgroup_memory_left(
    root: Path = Path("/sys/fs/cgroup"), own: Path = Path("/proc/self/cgroup")
) -> int | None:
    """Bytes left under the tightest limit on this process's cgroups, None if there is none.

    File pages that the kernel can drop count as left.

    Args:
        root: where cgroups are mounted (version 2, and version 1 under `memory/`).
        own: the file that names the process's cgroups.
    """
    try:
        lines = own.read_text(encoding="utf-8").splitlines()
    except OSError:
        return None
    left = []
    for line in lines:
        number, controllers, path = line.split(":", 2)
        if number == "0":
            left += [_left_under(folder, _CGROUP_V2) for folder in _cgroup_folders(root, path)]
        elif "memory" in controllers.split(","):
            folders = _cgroup_folders(root / "memory", path)
            left += [_left_under(folder, _CGROUP_V1) for folder in folders]
    return min((value for value in left if value is not None), default=None)


def _cgroup_folders(root: Path, path: str) -> list[Path]:
    """A cgroup's folder and its parents'; inside a container those above it aren't there."""
    parts = Path(path.lstrip("/")).parts
    return [root.joinpath(*parts[:depth]) for depth in range(len(parts), -1, -1)]


def _left_under(folder: Path, names: tuple[str, str, str]) -> int | None:
    """Bytes left under one cgroup's own limit; None if it has none (no file, or "max")."""
    limit_file, usage_file, prefix = names
    try:
        limit = int((folder / limit_file).read_text(encoding="utf-8"))
        usage = int((folder / usage_file).read_text(encoding="utf-8"))
        lines = (folder / "memory.stat").read_text(encoding="utf-8").splitlines()
    except (OSError, ValueError):
        return None
    counters = dict(line.split(maxsplit=1) for line in lines)
    file_pages = sum(
        int(counters.get(f"{prefix}{kind}_file", 0)) for kind in ("active", "inactive")
    )
    return max(0, limit - usage + file_pages)
