"""Object storage by URL: S3, Google Cloud Storage, Azure, folders, memory.

``ObjectStorage`` is the interface, ``open_storage`` chooses the implementation.
"""

from midiprism.objects.counting import REQUESTS, RequestCounts
from midiprism.objects.errors import (
    ObjectAccessError,
    ObjectChangedError,
    ObjectMissingError,
    ObjectStorageError,
)
from midiprism.objects.open import open_storage
from midiprism.objects.probe import require_conditions
from midiprism.objects.records import Record, create_record, read_record
from midiprism.objects.storage import MAX_READS_IN_FLIGHT, ObjectInfo, ObjectStorage, ReadRequest
from midiprism.objects.url import StorageUrl, is_storage_url, parse_storage_url

__all__ = [
    "MAX_READS_IN_FLIGHT",
    "REQUESTS",
    "ObjectAccessError",
    "ObjectChangedError",
    "ObjectInfo",
    "ObjectMissingError",
    "ObjectStorage",
    "ObjectStorageError",
    "ReadRequest",
    "Record",
    "RequestCounts",
    "StorageUrl",
    "create_record",
    "is_storage_url",
    "open_storage",
    "parse_storage_url",
    "read_record",
    "require_conditions",
]
