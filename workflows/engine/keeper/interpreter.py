"""A warm Python: started once for a project, forked for each step, which it puts into the step's own sandbox before its code runs.

It is no module of the platform: the keeper shows this file to a Python in bubblewrap as its `sitecustomize`, which Python loads last
before it runs what it was started for, `python -c TOKEN` or `python SCRIPT`. Here it waits; what it forks goes on from here as any
Python does, with nothing of ours on its stack. Of the standard library alone.

A request is one packet on descriptor 3: the root that the step is to see, its sandbox (a pidfd of its first process), a socket from
which it takes what to run, a pipe for the word of how it went. A child enters the sandbox, checks that it is where it should be, gives
up what bubblewrap gives up, forks the step and ends: the step falls to the keeper, in a session that the sandbox does not see, as a step
that bubblewrap executes. There it waits for its order, one packet: standard input, output and error, and a file with what to run. Only
the step reads that, so that none finds another's secrets in its memory.

A step that is no Python is asked for in the same way, where its sandbox was made ahead: the process forked executes it there.
"""

import sys

BEFORE = set(sys.modules)

import _socket  # noqa: E402
import ctypes  # noqa: E402
import gc  # noqa: E402
import os  # noqa: E402
from array import array  # noqa: E402
from importlib.machinery import PathFinder  # noqa: E402
from importlib.util import module_from_spec  # noqa: E402

NAME, HOOK, REQUESTS = "sitecustomize", "/atrium/warm", 3
NAMESPACES = 0x00020000 | 0x20000000 | 0x08000000 | 0x04000000  # mount, pid, ipc, uts
PR_SET_MM, PR_SET_MM_MAP, PR_SET_NO_NEW_PRIVS, PR_CAP_AMBIENT, CLEAR_ALL = 35, 14, 38, 47, 4
IGNORED = (13, 25)  # SIGPIPE and SIGXFSZ, by Python
PROT_READ, PROT_WRITE, MAP_PRIVATE, MAP_ANONYMOUS, NO_FILE = 1, 2, 2, 32, 0xFFFFFFFF
CAPABILITY_VERSION = 0x20080522
CONFIG_BYTES = 512
libc = ctypes.CDLL(None, use_errno=True)


def call(name: str, *arguments: object) -> int:
    """Calls a function of libc. Raises OSError where it fails."""
    result = int(getattr(libc, name)(*arguments))
    if result < 0:
        raise OSError(ctypes.get_errno(), name)
    return result


def prctl(option: int, *values: int) -> int:
    """The system call of that name. Raises OSError."""
    return call("prctl", option, *(ctypes.c_ulong(value) for value in (*values, 0, 0, 0, 0)[:4]))


def readable(address: int, size: int) -> bytes:
    """What is in our memory there; empty where nothing is."""
    kept = ctypes.create_string_buffer(size)
    pair = ctypes.c_void_p * 2
    ours, theirs = pair(ctypes.addressof(kept), size), pair(address, size)
    seen = libc.process_vm_readv(os.getpid(), ours, 1, theirs, 1, 0)
    return kept.raw if seen == size else b""


def command_field(token: str) -> int:
    """Address of the pointer to the text that `python -c` will run. Raises OSError where it is not found for sure."""
    get, state = ctypes.pythonapi._PyInterpreterState_GetConfig, ctypes.pythonapi.PyInterpreterState_Get
    get.restype = state.restype = ctypes.c_void_p
    config = get(ctypes.c_void_p(state()))
    wanted = f"{token}\n\0".encode("utf-32-le")
    words = array("Q", ctypes.string_at(config, CONFIG_BYTES))
    found = [
        config + 8 * number
        for number, word in enumerate(words)
        if word > 1 << 16 and readable(word, len(wanted)) == wanted
    ]
    if len(found) != 1:
        raise OSError(f"this Python keeps its command in {len(found)} places")
    return int(found[0])


def real_customization() -> bool:
    """Loads the environment's own `sitecustomize`, as Python would have; whether it has one."""
    sys.path.remove(HOOK)
    sys.path_importer_cache.pop(HOOK, None)
    spec = PathFinder.find_spec(NAME)
    if spec is None or spec.loader is None:
        return False
    sys.modules[NAME] = module_from_spec(spec)
    spec.loader.exec_module(sys.modules[NAME])
    return True


def show_as(arguments: list[bytes], environment: list[bytes]) -> None:
    """Has /proc show the step's own command line and environment, where the kernel can (CONFIG_CHECKPOINT_RESTORE)."""
    with open("/proc/self/stat", "rb") as file:
        told = [int(one) for one in file.read().rpartition(b") ")[2].split()[1:]]
    texts = [b"".join(one + b"\0" for one in part) for part in (arguments, environment)]
    libc.mmap.restype = libc.sbrk.restype = ctypes.c_void_p
    size = sum(map(len, texts))
    start = libc.mmap(
        None, ctypes.c_size_t(size), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, ctypes.c_long(0)
    )
    ctypes.memmove(start, b"".join(texts), size)
    middle = start + len(texts[0])
    code, stack, data, brk = told[22:24], told[24], told[41:44], libc.sbrk(0)
    fields = array("Q", [*code, *data[:2], data[2], brk, stack, start, middle, middle, start + size, 0, NO_FILE << 32])
    libc.prctl(PR_SET_MM, PR_SET_MM_MAP, ctypes.c_void_p(fields.buffer_info()[0]), ctypes.c_ulong(8 * len(fields)), 0)


def give_up() -> None:
    """Gives up every capability for good, as bubblewrap does. Raises OSError where one is left."""
    prctl(PR_CAP_AMBIENT, CLEAR_ALL)
    header, nothing = array("I", [CAPABILITY_VERSION, 0]), array("I", [0] * 6)
    place = [one.buffer_info()[0] for one in (header, nothing)]
    call("capset", *map(ctypes.c_void_p, place))
    prctl(PR_SET_NO_NEW_PRIVS, 1)
    left = array("I", [1] * 6)
    call("capget", ctypes.c_void_p(place[0]), ctypes.c_void_p(left.buffer_info()[0]))
    if any(left):
        raise OSError("capabilities are left")


def set_environment(environment: list[bytes]) -> None:
    """Gives this process just these variables, in this order."""
    libc.clearenv()
    os.environ.clear()
    for one in environment:
        name, _, value = one.partition(b"=")
        os.environb[name] = value


def execute(words: list[bytes]) -> None:
    """Executes a program as bubblewrap does, found by the PATH that is set; where it cannot, tells so in its words. Does not return."""
    os.closerange(3, 1 << 20)
    for number in IGNORED:
        libc.signal(number, None)
    libc.execvp(words[0], (ctypes.c_char_p * (len(words) + 1))(*words, None))
    os.write(2, b"bwrap: execvp %s: %s\n" % (words[0], os.strerror(ctypes.get_errno()).encode()))
    os._exit(1)


def become(words: list[bytes], field: int) -> None:
    """Sets what Python tells of its start: arguments, the text to run."""
    texts = [os.fsdecode(word) for word in words]
    started = 3 if field else 2
    sys.orig_argv[:] = texts
    sys.argv[:] = ["-c" if field else texts[1], *texts[started:]]
    if field:
        text = ctypes.create_unicode_buffer(f"{texts[2]}\n")
        size = ctypes.sizeof(text)
        allocate = ctypes.pythonapi.PyMem_RawMalloc
        allocate.restype = ctypes.c_void_p
        kept = allocate(ctypes.c_size_t(size))
        ctypes.memmove(kept, text, size)
        ctypes.c_void_p.from_address(field).value = kept


def enter(sandbox: int, root: str) -> None:
    """Enters the step's sandbox. Raises OSError where it is another place than was asked for."""
    call("setns", sandbox, NAMESPACES)
    seen = os.stat("/")
    if root != f"{seen.st_dev}:{seen.st_ino}":
        raise OSError(f"this is not the step's root: {seen.st_dev}:{seen.st_ino}")
    os.setsid()


def received(connection: "_socket.socket", most: int) -> tuple[bytes, list[int]]:
    """A packet and the descriptors in it, `most` at most; ends this process where no more will come."""
    data, held, _, _ = connection.recvmsg(64, _socket.CMSG_SPACE(most * 4))
    if not data:
        os._exit(0)
    return data, list(array("i", held[0][2]))


def begin(root: str, descriptors: list[int], field: int) -> None:
    """Carries a request out; returns in the step itself, which goes on as Python does. Never returns in the process between."""
    sandbox, order, told = descriptors
    step, why = -1, "it broke"
    try:
        enter(sandbox, root)
        give_up()
        step = os.fork()
    except OSError as error:
        why = str(error)
    finally:
        if step:  # this is the process between, and it ends here whatever happened
            os.write(told, (str(step) if step > 0 else f"refused: {why}").encode())
            os._exit(0)
    if (os.getpid(), os.getppid()) != (2, 0):
        os._exit(70)  # not the first in namespaces of its own: no step runs there
    os.close(told)
    take(_socket.socket(fileno=order), field)


def take(connection: "_socket.socket", field: int) -> None:
    """Waits in the sandbox for the order, and becomes what it says."""
    _, (*streams, order) = received(connection, 4)
    folder, executes, count, *rest = os.pread(order, os.fstat(order).st_size, 0).split(b"\0")
    words, environment = rest[: int(count)], rest[int(count) :]
    for number, one in enumerate(streams):
        os.dup2(one, number)
    connection.detach()
    try:
        os.chdir(folder)
    except OSError as error:
        os.write(2, b"bwrap: Can't chdir to %s: %s\n" % (folder, str(error.strerror).encode()))
        os._exit(1)
    set_environment(environment)
    if executes:
        execute(words)
    become(words, field)
    show_as(words, environment)


def requests(connection: "_socket.socket", field: int) -> None:
    """Forks for each request, until the keeper is gone; returns in a step."""
    while True:
        root, descriptors = received(connection, 3)
        child = os.fork()
        if not child:
            begin(root.decode(), descriptors, field)
            return
        for one in descriptors:
            os.close(one)
        os.waitpid(child, 0)


def freeze() -> None:
    """Hides from a step's garbage collector what is here, which it would copy by looking: 3 ms of each step's CPU.

    Not `__main__`, through which a step's own objects refer to each other: what of them is in a circle ends as ever.
    """
    gc.collect()
    main = sys.modules["__main__"]
    own = [ctypes.py_object(one) for one in (main, main.__dict__) if gc.is_tracked(one)]
    for one in own:
        ctypes.pythonapi.PyObject_GC_UnTrack(one)
    gc.freeze()
    for one in own:
        ctypes.pythonapi.PyObject_GC_Track(one)


def wait() -> None:
    """Waits for requests; returns in each step."""
    real = real_customization()
    connection = _socket.socket(fileno=REQUESTS)
    field = command_field(sys.orig_argv[2]) if sys.orig_argv[1] == "-c" else 0
    freeze()
    connection.send(b"r")
    requests(connection, field)
    connection.detach()
    os.closerange(3, 1 << 20)
    PathFinder.invalidate_caches()  # the step's folders are its own
    for name in set(sys.modules) - BEFORE - ({NAME} if real else set()):
        del sys.modules[name]
    if not real:
        raise ImportError(name=NAME)  # so that Python goes on as where there is none


wait()
