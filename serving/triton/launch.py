"""What it takes to start the wheel's `tritonserver`: libraries, backends, sockets."""

import os
import shutil
import sysconfig
from dataclasses import dataclass
from pathlib import Path

from atrium.errors import Unavailable
from atrium.home import get_home
from atrium.settings import CHECKOUT

ENVIRONMENT = CHECKOUT / ".venv-triton"
LIBPYTHON = "libpython3.11.so.1.0"
GRPC_PORT = 1  # gRPC appends `:<port>` to its address, also to the path of a Unix socket


class TritonIncomplete(Unavailable):
    """Something that Triton needs is not on this machine."""


@dataclass(frozen=True)
class Launch:
    """A command with its environment."""

    command: list[str]
    environment: dict[str, str]


def _packages() -> Path:
    return ENVIRONMENT / "lib" / "python3.11" / "site-packages"


def libpython_folder() -> Path | None:
    """Folder of libpython 3.11, which Triton's Python stub is linked to: the system's, or beside the interpreter."""
    candidates = [Path("/usr/lib/x86_64-linux-gnu"), Path("/usr/lib64"), Path("/usr/lib")]
    interpreter = (ENVIRONMENT / "bin" / "python").resolve()
    candidates += [interpreter.parent.parent / "lib", Path(sysconfig.get_config_var("LIBDIR") or "/usr/lib")]
    return next((folder for folder in candidates if (folder / LIBPYTHON).exists()), None)


def _backends() -> Path:
    """A backend folder that holds the wheel's Python backend and the stub for Python 3.11."""
    wheel = _packages() / "pytriton" / "tritonserver"
    folder = get_home().triton / "backends"
    target = folder / "python"
    stamp = target / "triton_python_backend_stub"
    if not stamp.exists():
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(wheel / "backends" / "python", target)
        stub = next((wheel / "python_backend_stubs" / "3.11").glob("triton_python_backend_stub"))
        shutil.copy2(stub, stamp)
    return folder


def models_folder() -> Path:
    """The model repository."""
    folder = get_home().triton / "models"
    folder.mkdir(mode=0o700, exist_ok=True)
    return folder


def _command() -> list[str]:
    home = get_home()
    http, grpc = home.socket("triton-http"), home.socket("triton-grpc")
    return [
        str(_packages() / "pytriton" / "tritonserver" / "bin" / "tritonserver"),
        f"--model-repository={models_folder()}",
        f"--backend-directory={_backends()}",
        "--model-control-mode=explicit",
        "--exit-on-error=false",
        "--strict-readiness=false",
        f"--http-address=unix:{http}",
        "--http-port=0",
        f"--grpc-address=unix:{grpc}",
        f"--grpc-port={GRPC_PORT}",
        "--allow-metrics=true",
        f"--metrics-address=unix:{home.socket('triton-metrics')}",
        "--metrics-port=0",
        "--allow-gpu-metrics=false",
        "--allow-cpu-metrics=false",
        "--log-info=false",
        "--disable-auto-complete-config",
    ]


def launch() -> Launch:
    """The command that starts Triton for this home.

    Raises:
        TritonIncomplete: its environment or libpython 3.11 is missing; names the command that mends it.
    """
    python = libpython_folder()
    if not (ENVIRONMENT / "bin" / "python").exists():
        raise TritonIncomplete(f"Triton's environment {ENVIRONMENT}", "it must be installed", "run make up")
    if python is None:
        raise TritonIncomplete(
            f"library {LIBPYTHON}", "Triton's Python backend needs it", "run apt-get install libpython3.11"
        )
    wheel = _packages()
    libraries = [
        str(wheel / "nvidia_pytriton.libs"),
        str(wheel / "pytriton" / "tritonserver" / "external_libs"),
        str(python),
    ]
    environment = {
        "PATH": f"{ENVIRONMENT / 'bin'}:/usr/local/bin:/usr/bin:/bin",
        "LD_LIBRARY_PATH": ":".join(libraries),
        "HOME": os.environ.get("HOME", "/"),
        "LANG": "C.UTF-8",
        "OMP_NUM_THREADS": "1",
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    return Launch(_command(), environment)


def clear_sockets() -> None:
    """Removes a dead predecessor's sockets and lets the door's name for gRPC lead to the one that gRPC makes."""
    home = get_home()
    grpc = home.socket("triton-grpc")
    for path in (home.socket("triton-http"), home.socket("triton-metrics"), grpc, Path(f"{grpc}:{GRPC_PORT}")):
        path.unlink(missing_ok=True)
    grpc.symlink_to(f"{grpc.name}:{GRPC_PORT}")
