"""Opening object storage by its URL."""

from midiprism.objects.counting import REQUESTS, CountedStorage
from midiprism.objects.obstore_storage import ObstoreStorage, RetryPolicy
from midiprism.objects.storage import ObjectStorage
from midiprism.objects.url import parse_storage_url


def open_storage(url: str, retries: RetryPolicy | None = None, *, make_folder: bool = False) -> ObjectStorage:
    """Return the object storage at a URL. Nothing is read yet. Its requests are counted.

    Args:
        url: such as ``s3://bucket/folder``, ``gs://bucket/folder``, ``az://container/folder``,
            ``file:///folder``, or ``memory://name`` for storage that ends with the process.
        retries: rules by which failed requests are tried again; None for the default.
        make_folder: whether the folder of a ``file`` URL is made if there is none.

    Raises:
        ObjectMissingError: there is no such folder.
        UsageError: it is no URL of object storage, it holds credentials, or obstore is not installed.
        ObjectStorageError: the configuration that the environment has for this cloud is not valid.
    """
    return CountedStorage(ObstoreStorage(parse_storage_url(url), retries, make_folder=make_folder), REQUESTS)
