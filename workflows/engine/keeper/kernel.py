"""What the keeper asks of the kernel at its start, by way of the C library."""

import ctypes
import os
import re
from pathlib import Path

from .processes import complain

SET_CHILD_SUBREAPER = 36
NEW_MOUNTS, DETACH, RECURSIVE, SLAVE = 0x00020000, 2, 0x4000, 1 << 19
OF_THE_KERNEL = frozenset(
    "autofs binfmt_misc bpf configfs debugfs efivarfs fusectl hugetlbfs mqueue nsfs pstore rpc_pipefs securityfs tracefs".split()
)
OF_CONTAINERS = re.compile(
    r"/(kubelet/pods|io\.containerd\.[^/]+|docker/(overlay2|netns|containers)|containers/storage/overlay[^/]*)/"
)
CONTROLLERS = {"memory", "cpu"}  # of control groups, version 1
libc = ctypes.CDLL(None, use_errno=True)


def _call(name: str, *arguments: object) -> None:
    """Raises OSError."""
    if getattr(libc, name)(*arguments):
        raise OSError(ctypes.get_errno(), name)


def become_subreaper() -> None:
    """Has the kernel give us what our children leave behind, so that its use of CPU and memory is known. Raises OSError."""
    _call("prctl", SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def leave_mounts_of_others() -> None:
    """Goes into mounts of our own, without those that no step can need: the kernel's own file systems and other containers'.

    For every step bubblewrap copies all mounts and reads their list at each folder that it mounts: with 98 of them a sandbox took 11 ms,
    without those 5. Mounts that are made later still come in where the machine shares them. Left as it is where the kernel does not allow it.
    """
    if os.geteuid():
        return
    try:
        _call("unshare", NEW_MOUNTS)
        _call("mount", None, b"/", None, ctypes.c_ulong(RECURSIVE | SLAVE), None)
    except OSError as error:
        complain(f"stays among all mounts of the machine: {error}")
        return
    for place in reversed(not_needed(Path("/proc/self/mountinfo").read_text())):
        libc.umount2(os.fsencode(place), DETACH)  # one that cannot be left stays


def not_needed(mountinfo: str) -> list[str]:
    """Places of the mounts that no step can need, by the list of the kernel (proc(5)), in its order."""
    found = list[str]()
    for line in mountinfo.splitlines():
        before, _, after = line.partition(" - ")
        place = re.sub(r"\\([0-7]{3})", lambda code: chr(int(code[1], 8)), before.split()[4])
        kind = after.split()[0]
        other_controller = kind == "cgroup" and not CONTROLLERS & set(place.rpartition("/")[2].split(","))
        if kind in OF_THE_KERNEL or other_controller or OF_CONTAINERS.search(place):
            found.append(place)
    return found
