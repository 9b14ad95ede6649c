"""What Linux offers to confine a process: resource limits, capabilities, Landlock, seccomp.

Runs inside the sandbox, in the process that is to be confined, right before a program. Written
against the system calls by ctypes: what is on the package index for Landlock ends at its second
version. Names and numbers are those of `linux/landlock.h`, `linux/prctl.h` and `seccomp.h`.
"""

import ctypes
import os
import resource
from collections.abc import Iterable
from contextlib import suppress

_LANDLOCK_CREATE_RULESET, _LANDLOCK_ADD_RULE, _LANDLOCK_RESTRICT_SELF = 444, 445, 446
_RULE_PATH_BENEATH = 1
_VERSION_FLAG = 1
_FS_EXECUTE, _FS_WRITE_FILE, _FS_READ_FILE, _FS_READ_DIR = (1 << bit for bit in range(4))
_FS_READ = _FS_READ_FILE | _FS_READ_DIR | _FS_EXECUTE
_FS_ON_FILES = _FS_READ_FILE | _FS_WRITE_FILE | _FS_EXECUTE
# Bits that each version of Landlock's ABI knows: 13 of the first, then refer, truncate, ioctl.
_FS_BITS = {1: 13, 2: 14, 3: 15, 4: 15, 5: 16}
_NET_BITS = 0b11  # bind and connect by TCP, from ABI 4
_SCOPE_BITS = 0b11  # abstract UNIX sockets and signals, from ABI 6

_PR_SET_PDEATHSIG, _PR_SET_DUMPABLE = 1, 4
_PR_CAPBSET_DROP, _PR_SET_NO_NEW_PRIVS, _PR_SET_CHILD_SUBREAPER = 24, 38, 36
_PR_CAP_AMBIENT, _PR_CAP_AMBIENT_CLEAR_ALL = 47, 4
_CAPABILITY_VERSION_3 = 0x20080522
_LAST_CAPABILITY = 63

_PR_SET_SECCOMP, _SECCOMP_MODE_FILTER, _INSTRUCTION_BYTES = 22, 2, 8
_SCMP_ACT_ALLOW, _SCMP_ACT_ERRNO = 0x7FFF0000, 0x00050000
_SCMP_FLTATR_CTL_OPTIMIZE = 8
_MAX_FILTER_BYTES = 2**15  # Less than a pipe holds.
_SCMP_CMP_MASKED_EQ = 7
# F_SETOWN, F_SETSIG, F_SETOWN_EX: a descriptor that is ready sends a signal to any process.
_SIGNALLING_COMMANDS = (8, 10, 15)
_CLONE_THREAD = 0x10000
_EPERM, _ENOSYS = 1, 38

# What a program that computes has no use for; each fails with "operation not permitted".
FORBIDDEN_CALLS = (
    # other processes
    *("fork", "vfork", "execve", "execveat", "ptrace", "process_vm_readv", "process_vm_writev"),
    *("kill", "tkill", "tgkill", "rt_sigqueueinfo", "rt_tgsigqueueinfo", "pidfd_open"),
    *("pidfd_getfd", "pidfd_send_signal", "process_madvise", "kcmp", "setns", "unshare"),
    *("setpriority", "sched_setaffinity", "sched_setscheduler", "sched_setattr", "ioprio_set"),
    *("prlimit64", "setrlimit", "migrate_pages", "move_pages", "process_mrelease"),
    # any network, and what goes around the usual calls
    *("socket", "connect", "bind", "listen", "accept", "accept4", "sendto", "sendmsg", "sendmmsg"),
    *("io_uring_setup", "io_uring_enter", "io_uring_register", "bpf", "userfaultfd"),
    # what outlives a process, or lies outside the file system
    *("shmget", "shmat", "shmctl", "msgget", "msgsnd", "msgrcv", "msgctl", "semget", "semop"),
    *("semtimedop", "semctl", "mq_open", "mq_unlink", "memfd_create", "memfd_secret"),
    *("add_key", "request_key", "keyctl", "fanotify_init", "inotify_init", "inotify_init1"),
    # what Landlock doesn't restrict
    *("chmod", "fchmod", "fchmodat", "fchmodat2", "chown", "fchown", "lchown", "fchownat"),
    *("setxattr", "lsetxattr", "fsetxattr", "removexattr", "utimensat", "utime", "utimes"),
    *("futimesat", "flock", "open_by_handle_at", "name_to_handle_at", "mknod", "mknodat"),
    # the machine
    *("mount", "umount2", "move_mount", "open_tree", "fsopen", "fsmount", "pivot_root", "chroot"),
    *("init_module", "finit_module", "delete_module", "kexec_load", "kexec_file_load", "reboot"),
    *("swapon", "swapoff", "acct", "quotactl", "syslog", "perf_event_open", "sethostname"),
    *("setdomainname", "settimeofday", "clock_settime", "clock_adjtime", "adjtimex", "iopl"),
    *("ioperm", "modify_ldt", "personality", "lookup_dcookie", "vhangup", "nfsservctl"),
)


class _RulesetAttributes(ctypes.Structure):
    _fields_ = [
        ("handled_access_fs", ctypes.c_uint64),
        ("handled_access_net", ctypes.c_uint64),
        ("scoped", ctypes.c_uint64),
    ]


class _PathBeneath(ctypes.Structure):
    _pack_ = 1
    _fields_ = [("allowed_access", ctypes.c_uint64), ("parent_fd", ctypes.c_int32)]


class _FilterProgram(ctypes.Structure):
    _fields_ = [("length", ctypes.c_ushort), ("instructions", ctypes.c_void_p)]


class _ArgumentTest(ctypes.Structure):
    _fields_ = [
        ("arg", ctypes.c_uint),
        ("op", ctypes.c_int),
        ("datum_a", ctypes.c_uint64),
        ("datum_b", ctypes.c_uint64),
    ]


_libc = ctypes.CDLL(None, use_errno=True)


def landlock_version() -> int:
    """The version of the kernel's Landlock ABI, 0 without it."""
    return max(0, int(_libc.syscall(_LANDLOCK_CREATE_RULESET, None, 0, _VERSION_FLAG)))


def restrict_by_landlock(readable: Iterable[str], writable: Iterable[str]) -> None:
    """Let this process open nothing but what lies beneath the given paths.

    It can read `readable`, do all with `writable`, use no TCP, and send no signal to a process
    outside its own Landlock domain, as far as the kernel's version goes.

    Raises:
        OSError: the kernel refuses.
    """
    version = landlock_version()
    handled = (1 << _FS_BITS.get(version, max(_FS_BITS.values()))) - 1
    attributes = _RulesetAttributes(
        handled, _NET_BITS if version >= 4 else 0, _SCOPE_BITS if version >= 6 else 0
    )
    size = 24 if version >= 6 else 16 if version >= 4 else 8
    ruleset = _checked(_libc.syscall(_LANDLOCK_CREATE_RULESET, ctypes.byref(attributes), size, 0))
    try:
        for path in readable:
            _allow_beneath(ruleset, path, _FS_READ)
        for path in writable:
            _allow_beneath(ruleset, path, handled)
        _checked(_libc.syscall(_LANDLOCK_RESTRICT_SELF, ruleset, 0))
    finally:
        os.close(ruleset)


def _allow_beneath(ruleset: int, path: str, access: int) -> None:
    try:
        parent = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except FileNotFoundError:
        return
    try:
        if not os.path.isdir(path):
            access &= _FS_ON_FILES
        rule = _PathBeneath(access, parent)
        _checked(
            _libc.syscall(_LANDLOCK_ADD_RULE, ruleset, _RULE_PATH_BENEATH, ctypes.byref(rule), 0)
        )
    finally:
        os.close(parent)


class SystemCallFilter:
    """A seccomp filter that forbids `FORBIDDEN_CALLS`; built once by libseccomp, loaded often.

    Threads may be started, processes not. `clone3` answers "not implemented", so that the C
    library falls back to `clone`, whose flags a filter can see.

    Raises:
        OSError: libseccomp isn't there or can't build it.
    """

    def __init__(self) -> None:
        library = ctypes.CDLL("libseccomp.so.2", use_errno=True)
        library.seccomp_init.restype = ctypes.c_void_p
        context = ctypes.c_void_p(library.seccomp_init(ctypes.c_uint32(_SCMP_ACT_ALLOW)))
        if not context:
            raise OSError("libseccomp can't make a filter")
        for name in FORBIDDEN_CALLS:
            _forbid(library, context, name, _EPERM)
        _forbid(library, context, "clone3", _ENOSYS)
        for command in _SIGNALLING_COMMANDS:
            _forbid(library, context, "fcntl", _EPERM, _is_int(1, command))
        _forbid(library, context, "prctl", _EPERM, _is_int(0, _PR_SET_PDEATHSIG))
        no_thread = _ArgumentTest(0, _SCMP_CMP_MASKED_EQ, _CLONE_THREAD, 0)
        _forbid(library, context, "clone", _EPERM, no_thread)
        # A tree of comparisons instead of a list: a call is found in a few steps.
        library.seccomp_attr_set(context, _SCMP_FLTATR_CTL_OPTIMIZE, ctypes.c_uint32(2))
        self._instructions = _exported(library, context)
        library.seccomp_release(context)
        self._program = _FilterProgram(
            len(self._instructions) // _INSTRUCTION_BYTES,
            ctypes.cast(ctypes.c_char_p(self._instructions), ctypes.c_void_p),
        )

    def load(self) -> None:
        """Confine this process, and all threads it will start, by the filter.

        It needs `drop_privileges` before.

        Raises:
            OSError: the kernel refuses.
        """
        _checked(
            _libc.prctl(_PR_SET_SECCOMP, _SECCOMP_MODE_FILTER, ctypes.byref(self._program), 0, 0)
        )


def _forbid(
    library: ctypes.CDLL, context: ctypes.c_void_p, name: str, error: int, *tests: _ArgumentTest
) -> None:
    number = library.seccomp_syscall_resolve_name(name.encode())
    if number == -1:  # this architecture doesn't have it
        return
    action = ctypes.c_uint32(_SCMP_ACT_ERRNO | error)
    array = (_ArgumentTest * max(1, len(tests)))(*tests)
    status = library.seccomp_rule_add_array(context, action, number, len(tests), array)
    if status != 0:
        raise OSError(-status, f"seccomp rule for {name}: {os.strerror(-status)}")


def _is_int(argument: int, value: int) -> _ArgumentTest:
    """Whether an argument is `value` for a kernel that looks at its lower 32 bits alone."""
    return _ArgumentTest(argument, _SCMP_CMP_MASKED_EQ, 2**32 - 1, value)


def _exported(library: ctypes.CDLL, context: ctypes.c_void_p) -> bytes:
    """The filter's instructions; exported once, they are loaded without libseccomp."""
    source, sink = os.pipe()
    try:
        status = library.seccomp_export_bpf(context, sink)
        if status != 0:
            raise OSError(-status, os.strerror(-status))
        return os.read(source, _MAX_FILTER_BYTES)
    finally:
        os.close(source)
        os.close(sink)


def drop_privileges() -> None:
    """Give up all capabilities, and the ways to get new ones, also as root.

    Raises:
        OSError: the kernel refuses.
    """
    _checked(_libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
    _libc.prctl(_PR_CAP_AMBIENT, _PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0)
    for capability in range(_LAST_CAPABILITY + 1):
        if _libc.prctl(_PR_CAPBSET_DROP, capability, 0, 0, 0) != 0:
            break
    header = (ctypes.c_uint32 * 2)(_CAPABILITY_VERSION_3, 0)
    none = (ctypes.c_uint32 * 6)()
    _checked(_libc.capset(ctypes.byref(header), ctypes.byref(none)))
    # Not dumpable: no other process of this user can look into it or its /proc.
    _libc.prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)


def die_with_parent() -> None:
    """Be killed when the thread that started this process ends; nothing elsewhere than on Linux."""
    if hasattr(_libc, "prctl"):
        _libc.prctl(_PR_SET_PDEATHSIG, 9, 0, 0, 0)


def adopt_orphans() -> None:
    """Become the parent of descendants whose own parents end; nothing elsewhere than on Linux."""
    if hasattr(_libc, "prctl"):
        _libc.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def limit_resources(limits: dict[str, int]) -> None:
    """Lower the resource limits, e.g. `{"RLIMIT_AS": 2**30}`; skip what the platform lacks."""
    for name, value in limits.items():
        try:
            number = getattr(resource, name)
            hard = resource.getrlimit(number)[1]
            if hard != resource.RLIM_INFINITY:
                value = min(value, hard)
            resource.setrlimit(number, (value, value))
        except (AttributeError, ValueError, OSError):
            continue


def bound_memory(n_bytes: int) -> None:
    """Lower the soft limit on this process's own memory."""
    with suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_AS, (n_bytes, resource.getrlimit(resource.RLIMIT_AS)[1]))


def _checked(result: int) -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return result
