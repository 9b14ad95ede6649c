from common_simplified.available_memory import available_memory, cgroup_memory_left


def test_memory_on_this_machine_is_within_what_it_has():
    assert 2**27 < available_memory("cpu") < 2**50


def test_a_limit_on_the_cgroup_is_what_this_process_may_still_take(monkeypatch):
    without = available_memory("cpu")
    monkeypatch.setattr("common_simplified.available_memory.cgroup_memory_left", lambda: 2**28)
    # What the process holds already comes on top, as plans count the whole process.
    assert 2**28 < available_memory("cpu") < without


def write_files(folder, **contents):
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in contents.items():
        (folder / name.replace("__", ".")).write_text(f"{content}\n")


def own_cgroup(tmp_path, text):
    path = tmp_path / "own_cgroup"
    path.write_text(text)
    return path


def test_a_limit_on_a_job_is_found_above_the_cgroup_of_its_step(tmp_path):
    root = tmp_path / "cgroup"
    job = root / "system.slice" / "job_7"
    stat = "anon 1000\nactive_file 300\ninactive_file 200"
    write_files(job, memory__max=10_000, memory__current=4_000, memory__stat=stat)
    write_files(job / "step_0", memory__max="max", memory__current=4_000, memory__stat=stat)
    own = own_cgroup(tmp_path, "0::/system.slice/job_7/step_0\n")
    assert cgroup_memory_left(root, own) == 10_000 - 4_000 + 500


def test_in_a_container_the_limit_is_that_of_the_mounted_root(tmp_path):
    root = tmp_path / "cgroup"
    stat = "cache 9\ntotal_active_file 300\ntotal_inactive_file 200"
    limits = {"memory__limit_in_bytes": 10_000, "memory__usage_in_bytes": 4_000}
    write_files(root / "memory", **limits, memory__stat=stat)
    own = own_cgroup(tmp_path, "5:devices:/docker/f00\n4:memory:/docker/f00\n0::/\n")
    assert cgroup_memory_left(root, own) == 6_500


def test_without_a_limit_there_is_none(tmp_path):
    root = tmp_path / "cgroup"
    write_files(root, memory__max="max", memory__current=4_000, memory__stat="active_file 1")
    assert cgroup_memory_left(root, own_cgroup(tmp_path, "0::/\n")) is None
    assert cgroup_memory_left(root, tmp_path / "nothing") is None
