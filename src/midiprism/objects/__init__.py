"""Object storage by URL: S3, Google Cloud Storage, Azure, folders, memory.

``ObjectStorage`` is the interface, ``open_storage`` chooses the implementation. The names below are loaded on
first use: every command asks whether it was given a URL.
"""

from typing import TYPE_CHECKING

from midiprism.lazy_names import load_on_first_use

if TYPE_CHECKING:
    from midiprism.objects.counting import REQUESTS as REQUESTS
    from midiprism.objects.counting import RequestCounts as RequestCounts
    from midiprism.objects.errors import ObjectAccessError as ObjectAccessError
    from midiprism.objects.errors import ObjectChangedError as ObjectChangedError
    from midiprism.objects.errors import ObjectMissingError as ObjectMissingError
    from midiprism.objects.errors import ObjectStorageError as ObjectStorageError
    from midiprism.objects.obstore_storage import names_endpoint_without_tls as names_endpoint_without_tls
    from midiprism.objects.open import open_storage as open_storage
    from midiprism.objects.probe import require_conditions as require_conditions
    from midiprism.objects.records import Record as Record
    from midiprism.objects.records import create_record as create_record
    from midiprism.objects.records import read_record as read_record
    from midiprism.objects.storage import MAX_READS_IN_FLIGHT as MAX_READS_IN_FLIGHT
    from midiprism.objects.storage import SMALL_READS as SMALL_READS
    from midiprism.objects.storage import ObjectInfo as ObjectInfo
    from midiprism.objects.storage import ObjectStorage as ObjectStorage
    from midiprism.objects.storage import ReadRequest as ReadRequest
    from midiprism.objects.url import StorageUrl as StorageUrl
    from midiprism.objects.url import is_storage_url as is_storage_url
    from midiprism.objects.url import parse_storage_url as parse_storage_url

_MODULES = {
    "MAX_READS_IN_FLIGHT": "midiprism.objects.storage",
    "SMALL_READS": "midiprism.objects.storage",
    "ObjectAccessError": "midiprism.objects.errors",
    "ObjectChangedError": "midiprism.objects.errors",
    "ObjectInfo": "midiprism.objects.storage",
    "ObjectMissingError": "midiprism.objects.errors",
    "ObjectStorage": "midiprism.objects.storage",
    "ObjectStorageError": "midiprism.objects.errors",
    "REQUESTS": "midiprism.objects.counting",
    "ReadRequest": "midiprism.objects.storage",
    "Record": "midiprism.objects.records",
    "RequestCounts": "midiprism.objects.counting",
    "StorageUrl": "midiprism.objects.url",
    "create_record": "midiprism.objects.records",
    "is_storage_url": "midiprism.objects.url",
    "names_endpoint_without_tls": "midiprism.objects.obstore_storage",
    "open_storage": "midiprism.objects.open",
    "parse_storage_url": "midiprism.objects.url",
    "read_record": "midiprism.objects.records",
    "require_conditions": "midiprism.objects.probe",
}

__all__ = [
    "MAX_READS_IN_FLIGHT",
    "REQUESTS",
    "SMALL_READS",
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
    "names_endpoint_without_tls",
    "open_storage",
    "parse_storage_url",
    "read_record",
    "require_conditions",
]

__getattr__ = load_on_first_use(globals(), _MODULES)
