"""Object storage for tests: servers on the loopback interface, and storage that fails as stores do."""

import contextlib
import os
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Literal
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest

from midiprism.objects import ObjectInfo, ObjectStorage, ObjectStorageError, ReadRequest

LOOPBACK = "127.0.0.1"

When = Literal["before", "after"]
Hook = Callable[[When, str, str], None]
"""Called before and after each request, with its name and key; may raise."""


@contextlib.contextmanager
def s3_server() -> Iterator[str]:
    """Start a simulated S3 with the bucket ``lake``, name it in the environment, and give its address."""
    import boto3
    from moto.moto_server.threaded_moto_server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address=LOOPBACK, port=0, verbose=False)
    server.start()
    try:
        _, port = server.get_host_and_port()
        address = f"http://{LOOPBACK}:{port}"
        with pytest.MonkeyPatch.context() as patch:
            use_s3(patch, address)
            boto3.client("s3", endpoint_url=address).create_bucket(Bucket="lake")
            yield address
    finally:
        server.stop()


def use_s3(patch: pytest.MonkeyPatch, address: str) -> None:
    """Let the environment name an S3 server, with credentials that it takes."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        patch.delenv(name)
    patch.setenv("AWS_ENDPOINT_URL", address)
    patch.setenv("AWS_ACCESS_KEY_ID", "loopback")
    patch.setenv("AWS_SECRET_ACCESS_KEY", "not-a-secret-word")
    patch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    patch.setenv("AWS_EC2_METADATA_DISABLED", "true")


class BrokenS3Proxy:
    """Passes requests on to an S3 server, and spoils the answers to some.

    Args:
        address: of the server.
        spoil: returns for the method and path of a request a status with which it is answered: a positive one
            instead of passing it on, a negative one after that. 0 for the server's own answer.
        on_authorization: is called with the header that signs a request.
    """

    def __init__(
        self,
        address: str,
        spoil: Callable[[str, str], int],
        on_authorization: Callable[[str], None] = lambda _: None,
    ) -> None:
        proxy = self
        self._target = address
        self._spoil = spoil
        self._on_authorization = on_authorization

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def __getattr__(self, name: str) -> Callable[[], None]:
                if not name.startswith("do_"):
                    raise AttributeError(name)
                return lambda: proxy.answer(self)

            def log_message(self, *_arguments: Any) -> None:
                pass

        self._server = ThreadingHTTPServer((LOOPBACK, 0), Handler)
        self.address = f"http://{LOOPBACK}:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()

    def answer(self, handler: BaseHTTPRequestHandler) -> None:
        body = handler.rfile.read(int(handler.headers.get("Content-Length") or 0))
        self._on_authorization(handler.headers.get("authorization", ""))
        status = self._spoil(handler.command, handler.path)
        answer, headers, content = 0, {}, b""
        if status <= 0:
            request = Request(self._target + handler.path, body or None, method=handler.command)
            # Else urllib would state that the body is a form, and the server would read it as one.
            for name, value in {"content-type": "application/octet-stream", **handler.headers}.items():
                request.add_header(name, value)
            try:
                with urlopen(request) as response:
                    answer, headers, content = response.status, dict(response.headers), response.read()
            except HTTPError as error:
                answer, headers, content = error.code, dict(error.headers), error.read()
        if status:
            answer, headers, content = abs(status), {}, b""
        handler.send_response(answer)
        for name, value in headers.items():
            if name.lower() not in ("content-length", "connection", "transfer-encoding", "server", "date"):
                handler.send_header(name, value)
        length = headers.get("Content-Length", "0") if handler.command == "HEAD" else str(len(content))
        handler.send_header("Content-Length", length)
        handler.end_headers()
        if handler.command != "HEAD":
            handler.wfile.write(content)

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class KilledError(BaseException):
    """The end of a process, which nothing handles."""


class HookedStorage:
    """Object storage that calls a hook before and after every request; a listing is one request."""

    def __init__(self, inner: ObjectStorage, hook: Hook) -> None:
        self.inner = inner
        self.hook = hook

    @property
    def url(self) -> str:
        return self.inner.url

    def put(self, key: str, data: bytes) -> None:
        with self._hooked("put", key):
            self.inner.put(key, data)

    def create(self, key: str, data: bytes) -> bool:
        with self._hooked("create", key):
            return self.inner.create(key, data)

    def read(self, request: ReadRequest) -> bytes:
        with self._hooked("read", request.key):
            return self.inner.read(request)

    def read_many(
        self, requests: Iterable[ReadRequest], in_flight: int = 64, *, grouped: int = 1
    ) -> Iterator[bytes | ObjectStorageError]:
        for request in requests:
            try:
                yield self.read(request)
            except ObjectStorageError as error:
                yield error

    def list(self, prefix: str = "") -> Iterator[ObjectInfo]:
        with self._hooked("list", prefix):
            found = [*self.inner.list(prefix)]
        return iter(found)

    def info(self, key: str) -> ObjectInfo:
        with self._hooked("info", key):
            return self.inner.info(key)

    def delete(self, keys: Sequence[str]) -> None:
        with self._hooked("delete", keys[0] if keys else ""):
            self.inner.delete(keys)

    @contextlib.contextmanager
    def _hooked(self, name: str, key: str) -> Iterator[None]:
        self.hook("before", name, key)
        yield
        self.hook("after", name, key)


class CarelessStorage(HookedStorage):
    """Object storage that ignores conditions: whoever creates an object overwrites it."""

    def __init__(self, inner: ObjectStorage) -> None:
        super().__init__(inner, lambda *_: None)

    def create(self, key: str, data: bytes) -> bool:
        self.inner.put(key, data)
        return True
