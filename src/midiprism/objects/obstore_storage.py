"""Object storage through the package obstore."""

import errno
import os
import re
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import timedelta
from itertools import count, islice
from typing import Any, NamedTuple, TypeVar

from midiprism.objects.errors import (
    ObjectAccessError,
    ObjectChangedError,
    ObjectMissingError,
    ObjectStorageError,
)
from midiprism.objects.storage import MAX_READS_IN_FLIGHT, SMALL_READS, ObjectInfo, ReadRequest
from midiprism.objects.url import StorageUrl
from midiprism.optional_packages import MissingPackageError

T = TypeVar("T")

Answers = list[bytes | ObjectStorageError]
Seconds = deque[float]

_LIST_PAGE = 1_000
_DELETE_PAGE = 1_000
_ACCESS_ERRORS = ("PermissionDeniedError", "UnauthenticatedError")
_USAGE_ERRORS = ("InvalidPathError", "UnknownConfigurationKeyError", "NotSupportedError")
_STATUS = re.compile(r"status code: ([0-9]{3})")
_TRANSIENT_REFUSALS = (408, 409, 425, 429)
"""Answers of a server that refuse a request for the moment; others from 400 to 499 refuse it for good."""
_SYSTEM_ERROR = re.compile(r"\(os error ([0-9]+)\)")
_ACCESS_NUMBERS = (errno.EACCES, errno.EPERM)
_TRANSIENT_NUMBERS = (errno.EAGAIN, errno.EINTR, errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.ETIMEDOUT)
"""Errors of the system that may pass. Others, such as those of a damaged disk, stay."""
_NAME = re.compile(r'Path "(.*?)"', re.DOTALL)
_ENDPOINT_VARIABLES = ("AWS_ENDPOINT_URL", "AWS_ENDPOINT", "AZURE_STORAGE_ENDPOINT", "AZURE_ENDPOINT")
_QUERY = re.compile(r"\?\S+")
_MAX_REASON = 300

_FEWEST_READS = 4
_SECONDS_OF_A_READ = 1e-4
"""Time that a small read takes this process. Where an answer takes hardly longer, as that of a folder does,
more threads than a few wait for each other, and take more of the processor."""

_memories: dict[StorageUrl, Any] = {}
"""Storage in memory by its URL, for as long as the process lives."""


class RetryPolicy(NamedTuple):
    """Rules by which failed requests are tried again.

    Attributes:
        max_retries: of one request.
        first_pause: seconds before the first of them; each later pause is twice as long, up to ``max_pause``,
            less a random share.
        max_pause: seconds of the longest pause.
        give_up_after: seconds after which a request is not tried again.
        timeout: seconds that one try may take.
    """

    max_retries: int = 10
    first_pause: float = 0.1
    max_pause: float = 15.0
    give_up_after: float = 180.0
    timeout: float = 120.0


def import_obstore() -> Any:
    """Return the package ``obstore``, with its stores loaded.

    Raises:
        MissingPackageError: it is not installed.
    """
    try:
        import obstore
        import obstore.store
    except ImportError as error:
        raise MissingPackageError("obstore", "Object storage") from error
    return obstore


class ObstoreStorage:
    """Objects below a URL; see ``ObjectStorage``.

    Args:
        url: of the storage.
        retries: rules by which failed requests are tried again; None for the default.
        make_folder: whether the folder of a ``file`` URL is made if there is none.

    Raises:
        MissingPackageError: obstore is not installed.
        ObjectMissingError: there is no such folder.
        ObjectStorageError: the configuration that the environment has for this cloud is not valid.
    """

    def __init__(
        self, url: StorageUrl, retries: RetryPolicy | None = None, *, make_folder: bool = False
    ) -> None:
        self._obstore = import_obstore()
        self._url = url
        self._errors = (self._obstore.exceptions.BaseError, OSError, ValueError)
        self._retries = retries or RetryPolicy()
        self._make_folder = make_folder
        self._pool: ThreadPoolExecutor | None = None
        try:
            self._store = self._open()
        except self._errors as error:  # such as an endpoint in the environment that is no URL
            raise self._translate(error, "it cannot be opened") from None

    @property
    def url(self) -> str:
        return str(self._url)

    def put(self, key: str, data: bytes) -> None:
        # A killed upload in parts would leave parts that nobody sees and everybody pays for.
        self._call(f"{key} cannot be written", self._obstore.put, key, data, use_multipart=False)

    def create(self, key: str, data: bytes) -> bool:
        try:
            self._obstore.put(self._store, key, data, mode="create", use_multipart=False)
        except self._obstore.exceptions.AlreadyExistsError:
            return False
        except self._errors as error:
            raise self._translate(error, f"{key} cannot be written") from None
        return True

    def read(self, request: ReadRequest) -> bytes:
        options: dict[str, Any] = {"if_match": request.etag} if request.etag else {}
        if request.start is not None:
            if request.end == request.start:
                return b""
            options["range"] = (request.start, request.end)
        try:
            return bytes(self._obstore.get(self._store, request.key, options=options).bytes())
        except self._errors as error:
            raise self._translate(error, f"{request.key} cannot be read") from None

    def read_many(
        self, requests: Iterable[ReadRequest], in_flight: int = MAX_READS_IN_FLIGHT, *, grouped: int = 1
    ) -> Iterator[bytes | ObjectStorageError]:
        if self._pool is None:
            self._pool = ThreadPoolExecutor(MAX_READS_IN_FLIGHT, "midiprism-objects")
        waiting: deque[Future[Answers]] = deque()
        seconds: Seconds = deque(maxlen=2 * SMALL_READS)
        try:
            for group in _groups(requests, in_flight, grouped):
                while len(waiting) >= reads_needed(seconds, in_flight):
                    yield from waiting.popleft().result()
                waiting.append(self._pool.submit(self._read_each, group, seconds))
            while waiting:
                yield from waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()

    def list(self, prefix: str = "") -> Iterator[ObjectInfo]:
        pages = self._call("it cannot be listed", self._obstore.list, prefix or None, chunk_size=_LIST_PAGE)
        while True:
            try:
                page = next(pages, None)
            except FileNotFoundError:  # a folder that nobody has made yet holds nothing
                return
            except self._errors as error:
                raise self._listing_error(error) from None
            if page is None:
                return
            yield from map(_info_of, page)

    def info(self, key: str) -> ObjectInfo:
        return _info_of(self._call(f"{key} cannot be read", self._obstore.head, key))

    def delete(self, keys: Sequence[str]) -> None:
        for first in range(0, len(keys), _DELETE_PAGE):
            page = keys[first : first + _DELETE_PAGE]
            try:
                self._obstore.delete(self._store, page)
            except (FileNotFoundError, *self._errors):
                # The store says that one is missing, and may have left the others; or the client does not
                # try a request to remove many again, as after a connection was closed.
                self._delete_each(page)

    def _delete_each(self, keys: Sequence[str]) -> None:
        for key in keys:
            try:
                self._obstore.delete(self._store, key)
            except FileNotFoundError:
                pass
            except self._errors as error:
                raise self._translate(error, f"{key} cannot be removed") from None

    def _open(self) -> Any:
        store = self._obstore.store
        if self._url.scheme == "memory":
            return _memories.setdefault(self._url, store.MemoryStore())
        if self._url.scheme == "file":
            folder = f"/{self._url.path}"
            if not self._make_folder and not os.path.isdir(folder):
                raise FileNotFoundError(folder)
            return store.LocalStore(folder, mkdir=True)
        retries = self._retries
        provider = _profile_credentials() if self._url.scheme == "s3" else None
        return store.from_url(
            str(self._url),
            **({} if provider is None else {"credential_provider": provider}),
            client_options={
                "timeout": timedelta(seconds=retries.timeout),
                "allow_http": names_endpoint_without_tls(),
            },
            retry_config={
                "max_retries": retries.max_retries,
                "retry_timeout": timedelta(seconds=retries.give_up_after),
                "backoff": {
                    "init_backoff": timedelta(seconds=retries.first_pause),
                    "max_backoff": timedelta(seconds=retries.max_pause),
                    "base": 2,
                },
            },
        )

    def _call(self, failure: str, function: Callable[..., T], *arguments: Any, **options: Any) -> T:
        try:
            return function(self._store, *arguments, **options)
        except self._errors as error:
            raise self._translate(error, failure) from None

    def _read_each(self, requests: Sequence[ReadRequest], seconds: Seconds) -> Answers:
        """Read one after the other, and add to ``seconds`` how long each took."""
        answers: Answers = []
        for request in requests:
            started = time.perf_counter()
            try:
                answers.append(self.read(request))
            except ObjectStorageError as error:
                answers.append(error)
            seconds.append(time.perf_counter() - started)
        return answers

    def _listing_error(self, error: Exception) -> ObjectStorageError:
        """Return an error of obstore as ours. It lists nothing where one name is not as it wants names."""
        name = _NAME.search(str(error))
        if type(error).__name__ != "InvalidPathError" or name is None:
            return self._translate(error, "it cannot be listed")
        advice = "rename or remove it"
        if self._url.scheme == "file":
            advice += ", or name the folder without file:// and a folder for the result"
        return ObjectStorageError(
            f"{self.url}: it cannot be listed, since object storage cannot have the name {name[1]}: {advice}."
        )

    def _translate(self, error: Exception, failure: str) -> ObjectStorageError:
        """Return an error of obstore as ours. Its causes are dropped: they may show a signed address."""
        kind, reason = type(error).__name__, _reason_of(error)
        if isinstance(error, FileNotFoundError):
            return ObjectMissingError(f"{self.url}: {failure}: there is no such object.")
        if kind == "PreconditionError":
            return ObjectChangedError(f"{self.url}: {failure}: it has changed since it was listed.")
        number = _system_error_of(error) if self._url.scheme == "file" else None
        if number in _ACCESS_NUMBERS:
            return ObjectAccessError(
                f"{self.url}: {failure}: access is refused. Check the rights of the file."
            )
        if kind in _ACCESS_ERRORS:
            return ObjectAccessError(
                f"{self.url}: {failure}: access is refused. Check the credentials and rights that the tools "
                "of this cloud use."
            )
        is_permanent = kind in _USAGE_ERRORS or isinstance(error, ValueError) or _is_refused_for_good(error)
        if number is not None:
            is_permanent = number not in _TRANSIENT_NUMBERS
        return ObjectStorageError(f"{self.url}: {failure}: {reason}.", is_transient=not is_permanent)


def _profile_credentials() -> Any:
    """Return the credentials of the AWS profile that the AWS tools would use; None without a profile.

    obstore itself takes those from the environment, from containers and from machines.

    Raises:
        MissingPackageError: boto3, which reads profiles, is not installed.
    """
    if "AWS_ACCESS_KEY_ID" in os.environ:
        return None
    default = os.path.join("~", ".aws", "credentials")
    path = os.path.expanduser(os.environ.get("AWS_SHARED_CREDENTIALS_FILE") or default)
    if not os.environ.get("AWS_PROFILE") and not os.path.isfile(path):
        return None
    try:
        from obstore.auth.boto3 import Boto3CredentialProvider
    except ImportError as error:
        raise MissingPackageError("boto3", "A profile of AWS credentials") from error
    return Boto3CredentialProvider()


def names_endpoint_without_tls() -> bool:
    """Return whether the environment names an endpoint that begins with ``http://``."""
    return any(os.environ.get(name, "").lower().startswith("http://") for name in _ENDPOINT_VARIABLES)


def reads_needed(seconds: Iterable[float], most: int) -> int:
    """Return how many reads are to be under way at once, so that none of them waits for this process.

    Of the last reads, a quick one counts: others may have waited for a processor.

    Args:
        seconds: that each of the last reads took.
        most: that are allowed.
    """
    last = sorted(seconds)
    if len(last) < _FEWEST_READS:
        return min(most, _FEWEST_READS)
    return min(most, max(_FEWEST_READS, int(last[len(last) // 4] / _SECONDS_OF_A_READ)))


def _groups(requests: Iterable[ReadRequest], in_flight: int, grouped: int) -> Iterator[list[ReadRequest]]:
    """Yield requests one by one, until there are enough to be under way, then several for a thread."""
    left = iter(requests)
    for number in count():
        group = [*islice(left, 1 if number < in_flight else grouped)]
        if not group:
            return
        yield group


def _info_of(meta: Any) -> ObjectInfo:
    return ObjectInfo(meta["path"], meta["size"], meta["e_tag"] or "", meta["last_modified"])


def _is_refused_for_good(error: Exception) -> bool:
    """Return whether a server has answered that it will never do what was requested."""
    found = _STATUS.search(str(error))
    status = int(found[1]) if found else 0
    return 400 <= status < 500 and status not in _TRANSIENT_REFUSALS


def _system_error_of(error: Exception) -> int | None:
    """Return the number of the system's error that an error of obstore reports; None for none."""
    found = _SYSTEM_ERROR.search(str(error))
    return int(found[1]) if found else None


def _reason_of(error: Exception) -> str:
    """Return the first line of an error's message without the queries of addresses, which may be signed."""
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return _QUERY.sub("", lines[0])[:_MAX_REASON].rstrip(".: ")
