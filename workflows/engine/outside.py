"""Artifacts that lie outside the project's store: over HTTP, in git, in an S3. A helper of the pod brings them and takes them there."""

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from workflows.engine.helpers import Helper
from workflows.engine.sandbox import Mount
from workflows.engine.state import Json
from workflows.engine.variables import secret_value

if TYPE_CHECKING:
    from workflows.engine.pods import Pod

FETCHED, SENT = "/argo/inputs", "/argo/outputs"
CARRY = """
import base64, os, shutil, socket, subprocess, urllib.error, urllib.request, urllib.parse, ssl
class Missing(Exception):
    pass
os.environ |= {"AWS_REQUEST_CHECKSUM_CALCULATION": "when_required", "AWS_EC2_METADATA_DISABLED": "true"}
def refused(parts, reason):
    port = parts.port or (443 if parts.scheme == "https" else 80)
    if isinstance(reason, ConnectionRefusedError):
        where = socket.getaddrinfo(parts.hostname, port, type=socket.SOCK_STREAM)[-1][4][0]
        return f"dial tcp {where}:{port}: connect: connection refused"
    if isinstance(reason, socket.gaierror):
        return f"dial tcp: lookup {parts.hostname}: no such host"
    if isinstance(reason, ssl.SSLCertVerificationError):
        return f"tls: failed to verify certificate: x509: {reason.verify_message}"
    return str(reason)
def http(one, path, body=None):
    parts = urllib.parse.urlsplit(one["url"])
    shown = urllib.parse.quote(one["url"], safe="%/:=&?~#+!$,;'@()*[]")
    asked = f'{"Put" if body else "Get"} "{shown}"'
    if parts.scheme not in ("http", "https"):
        raise OSError(f'{asked}: unsupported protocol scheme "{parts.scheme}"')
    if not parts.hostname:
        raise OSError(f"{asked}: http: no Host in request URL")
    request = urllib.request.Request(one["url"], data=body, method="PUT" if body else "GET")
    for name, value in one["headers"]:
        request.add_unredirected_header(name, value)
    if one["username"] and one["password"]:
        pair = base64.b64encode(f"{one['username']}:{one['password']}".encode()).decode()
        request.add_unredirected_header("Authorization", f"Basic {pair}")
    if body:
        request.add_unredirected_header("Content-Length", str(os.path.getsize(path)))
        request.add_unredirected_header("Content-Type", "application/octet-stream")
    try:
        with urllib.request.urlopen(request, timeout=600) as got:
            if not body:
                with open(path, "wb") as file:
                    shutil.copyfileobj(got, file)
    except urllib.error.HTTPError as error:
        status = f"{error.code} {error.reason}"
        if error.code == 404 and not body:
            raise Missing(status)
        what = f"saving file {path} to" if body else "loading content from"
        raise OSError(f"{what} {one['url']} failed with reason: {status}")
    except urllib.error.URLError as error:
        raise OSError(f"{asked}: {refused(parts, error.reason)}")
def put_http(one, path):
    if os.path.isdir(path):
        raise OSError(f"{path} is a folder: pack it (archive: tar or zip) to send it to {one['url']}")
    with open(path, "rb") as file:
        http(one, path, file)
def git_said(text):
    known = (("repository not found", "repository not found"), ("does not appear to be a git", "repository not found"),
             ("does not exist", "repository not found"), ("not found", "reference not found"),
             ("Authentication failed", "authentication required"), ("could not read", "authentication required"))
    return next((said for part, said in known if part in text), " ".join(text.split())[-300:])
def git(one, path):
    env = {**os.environ, "GIT_TERMINAL_PROMPT": "0", "HOME": "/tmp", "LC_ALL": "C"}
    settings = [("safe.directory", "*"), ("advice.detachedHead", "false"), ("protocol.ext.allow", "never")]
    if one["username"] or one["password"]:
        pair = base64.b64encode(f"{one['username']}:{one['password']}".encode()).decode()
        settings.append(("http.extraHeader", f"Authorization: Basic {pair}"))
    if one["insecureSkipTLS"]:
        settings.append(("http.sslVerify", "false"))
    env["GIT_CONFIG_COUNT"] = str(len(settings))
    for number, (key, value) in enumerate(settings):
        env |= {f"GIT_CONFIG_KEY_{number}": key, f"GIT_CONFIG_VALUE_{number}": value}
    ssh = ["ssh", "-o", "BatchMode=yes"]
    if one["sshPrivateKey"]:
        with open(os.open("/tmp/id", os.O_WRONLY | os.O_CREAT, 0o600), "w") as file:
            file.write(one["sshPrivateKey"].rstrip() + "\\n")
        ssh += ["-i", "/tmp/id"]
    if one["insecureIgnoreHostKey"]:
        ssh += ["-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null"]
    env["GIT_SSH_COMMAND"] = " ".join(ssh)
    def run(*words, at=None):
        done = subprocess.run(["git", *words], cwd=at or os.environ["ATRIUM_DATA"], env=env, capture_output=True, text=True,
                              errors="replace", stdin=subprocess.DEVNULL)
        return done.returncode, done.stdout.strip(), done.stderr
    if one["singleBranch"] and not one["branch"]:
        raise OSError("single branch mode without a branch specified")
    depth = ["--depth", str(one["depth"])] if one["depth"] else []
    repo = one["repo"] if not depth or "://" in one["repo"] or not os.path.exists(one["repo"]) else "file://" + os.path.abspath(one["repo"])
    branch = ["--branch", one["branch"], "--single-branch"] if one["singleBranch"] else ["--no-single-branch"]
    try:
        code, _, said = run("clone", "--quiet", *depth, *branch, "--", repo, path)
    except FileNotFoundError:
        raise OSError("git artifacts need the program git on this machine: install it (Debian's package git)")
    if code:
        raise OSError(f"failed to clone \\"{one['repo']}\\": {git_said(said)}")
    if one["fetch"]:
        code, _, said = run("fetch", "--quiet", *depth, "origin", *one["fetch"], at=path)
        if code:
            raise OSError(f"failed to fetch {one['fetch']}: {git_said(said)}")
    if one["revision"]:
        wanted = one["revision"]
        if depth and run("rev-parse", "--verify", "--quiet", f"{wanted}^{{commit}}", at=path)[0]:
            run("fetch", "--quiet", "--unshallow", "origin", at=path)
        for name in (f"refs/remotes/origin/{wanted}", wanted):
            code, found, _ = run("rev-parse", "--verify", "--quiet", f"{name}^{{commit}}", at=path)
            if not code:
                break
        else:
            raise OSError("failed to get resolve revision: reference not found")
        code, _, said = run("checkout", "--quiet", "--detach", found, at=path)
        if code:
            raise OSError(f'failed to checkout "{found}": {git_said(said)}')
    if not one["disableSubmodules"] and os.path.exists(os.path.join(path, ".gitmodules")):
        code, _, said = run("-c", "protocol.file.allow=always", "submodule", "update", "--init", "--recursive", "--quiet", at=path)
        if code:
            raise OSError(f"failed to update submodules: {git_said(said)}")
def bucket(one):
    from pyarrow import fs
    keys = {"access_key": one["accessKey"], "secret_key": one["secretKey"]} if one["accessKey"] else {"anonymous": True}
    if one["sessionToken"]:
        keys["session_token"] = one["sessionToken"]
    return fs, fs.S3FileSystem(endpoint_override=one["endpoint"], scheme="http" if one["insecure"] else "https", region=one["region"] or "us-east-1",
                               request_timeout=60, connect_timeout=10, retry_strategy=fs.AwsStandardS3RetryStrategy(max_attempts=3), **keys)
def s3(one, path):
    fs, store = bucket(one)
    place = f"{one['bucket']}/{one['key'].strip('/')}"
    about = store.get_file_info(place)
    if about.type == fs.FileType.NotFound:
        raise Missing("The specified key does not exist.")
    if about.type == fs.FileType.Directory:
        os.mkdir(path)
    fs.copy_files(place, path, source_filesystem=store, destination_filesystem=fs.LocalFileSystem())
def put_s3(one, path):
    fs, store = bucket(one)
    fs.copy_files(path, f"{one['bucket']}/{one['key'].strip('/')}", source_filesystem=fs.LocalFileSystem(), destination_filesystem=store)
def list_s3(one, path):
    fs, store = bucket(one)
    prefix = one["key"].lstrip("/")
    folder = prefix.rpartition("/")[0]
    found = store.get_file_info(fs.FileSelector(f"{one['bucket']}/{folder}".rstrip("/"), recursive=True, allow_not_found=True))
    if not found and store.get_file_info(one["bucket"]).type == fs.FileType.NotFound:
        raise OSError("The specified bucket does not exist")
    keys = [about.path[len(one["bucket"]) + 1:] for about in found if about.type == fs.FileType.File]
    return {"keys": sorted(key for key in keys if key.startswith(prefix))}
def short(error):
    return str(error)[:1000]
CARRIERS = {"http": http, "git": git, "s3": s3, "put_http": put_http, "put_s3": put_s3, "list_s3": list_s3}
results = []
for one in task["artifacts"]:
    path = one["path"]
    if one["do"] in ("http", "git", "s3"):
        shutil.rmtree(path, ignore_errors=True)
        if os.path.lexists(path):
            os.unlink(path)
    try:
        results.append(CARRIERS[one["do"]](one, path) or {})
    except Missing as error:
        results.append({"error": short(error), "missing": True})
    except (OSError, ValueError) as error:
        results.append({"error": short(error)})
answer(results=results)
"""


def is_outside(artifact: Json) -> bool:
    """Whether an artifact lies outside the project's own store: it has an S3 with an endpoint of its own, an address or a repository."""
    return bool((artifact.get("s3") or {}).get("endpoint")) or any(
        artifact.get(kind) for kind in ("http", "git", "artifactory")
    )


def outside(side: Json | None) -> list[Json]:
    """The artifacts of inputs or outputs that have a path and lie outside."""
    return [one for one in (side or {}).get("artifacts") or [] if one.get("path") and is_outside(one)]


def placed(work: Json) -> Json:
    """A pod's outputs, in which artifacts that name no place have that of the template's `archiveLocation`, below its key."""
    outputs = work.get("outputs") or {}
    store = (work.get("archiveLocation") or {}).get("s3") or {}
    if not store.get("endpoint") or not outputs.get("artifacts"):
        return outputs
    return {**outputs, "artifacts": [_placed(one, store, str(work["pod"])) for one in outputs["artifacts"]]}


def _placed(artifact: Json, store: Json, pod: str) -> Json:
    own = artifact.get("s3") or {}
    if is_outside(artifact) or own.get("bucket"):
        return artifact
    ending = ".zip" if "zip" in (artifact.get("archive") or {}) else ".tgz"
    name = artifact["name"] if "none" in (artifact.get("archive") or {}) else f"{artifact['name']}{ending}"
    key = own.get("key") or f"{store.get('key') or pod}/{name}"
    return {**artifact, "s3": {**store, "key": key}}


def fetcher(artifacts: Iterable[Json], folder: Path) -> Helper:
    """The helper that brings artifacts into `folder`, each under its number; it answers `results`, each with `error` and `missing`."""
    listed = list(artifacts)

    def task(pod: "Pod") -> Json:
        return {"artifacts": [_order(one, f"{FETCHED}/{number}", pod, "") for number, one in enumerate(listed)]}

    return Helper(CARRY, task, (Mount(folder, FETCHED),))


def sender(artifacts: Iterable[tuple[Json, Path]]) -> Helper:
    """The helper that takes files to where their artifacts say; it answers `results`, each with `error`."""
    listed = list(artifacts)
    mounts = tuple(Mount(path, f"{SENT}/{number}", writable=False) for number, (_, path) in enumerate(listed))

    def task(pod: "Pod") -> Json:
        return {"artifacts": [_order(one, f"{SENT}/{number}", pod, "put_") for number, (one, _) in enumerate(listed)]}

    return Helper(CARRY, task, mounts)


def lister(artifact: Json) -> Helper:
    """The helper that lists the keys of an S3 that begin with the artifact's; it answers `results`, one with `keys` or `error`."""
    return Helper(CARRY, lambda pod: {"artifacts": [_order(artifact, "", pod, "list_")]})


def _order(artifact: Json, path: str, pod: "Pod", verb: str) -> Json:
    """What a helper is to do for one artifact, with its secrets. Raises `ReferenceMissing`."""

    def secret(about: Json, key: str) -> str:
        return secret_value(pod.known, about[key]) if about.get(key) else ""

    if about := artifact.get("git"):
        texts = {key: str(about.get(key) or "") for key in ("repo", "revision", "branch")}
        marks = ("singleBranch", "insecureIgnoreHostKey", "insecureSkipTLS", "disableSubmodules")
        signs = {key: bool(about.get(key)) for key in marks}
        login = {key: secret(about, f"{key}Secret") for key in ("username", "password", "sshPrivateKey")}
        more = {"depth": int(about.get("depth") or 0), "fetch": [str(one) for one in about.get("fetch") or []]}
        return {"do": "git", "path": path, **texts, **signs, **login, **more}
    if about := artifact.get("s3"):
        texts = {key: str(about.get(key) or "") for key in ("endpoint", "bucket", "key", "region")}
        if sub := artifact.get("subPath"):
            texts["key"] += f"/{sub}"
        login = {key: secret(about, f"{key}Secret") for key in ("accessKey", "secretKey", "sessionToken")}
        return {"do": f"{verb}s3", "path": path, "insecure": bool(about.get("insecure")), **texts, **login}
    about = artifact.get("http") or artifact.get("artifactory") or {}
    basic = (about.get("auth") or {}).get("basicAuth") or {} if "http" in artifact else about
    headers = [[str(one["name"]), str(one.get("value") or "")] for one in about.get("headers") or []]
    login = {key: secret(basic, f"{key}Secret") for key in ("username", "password")}
    return {"do": f"{verb}http", "path": path, "url": str(about.get("url") or ""), "headers": headers, **login}
