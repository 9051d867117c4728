"""Messages as bytes: durable, immutable, named by an opaque reference.

Engines live side by side: a reference names the one that made it, and a store opens
them all whichever it writes with. It must not know mailboxes, rows or accounts.
"""

from mailstore.blobs.filesystem import FileSystem, Folders, existing
from mailstore.blobs.packs import Buffer, Known
from mailstore.blobs.port import BlobEntry, StoredBlob
from mailstore.blobs.reader import BlobReader
from mailstore.blobs.spool import Spool
from mailstore.blobs.store import BlobStore, open_blobs
from mailstore.blobs.writer import BlobWriter

__all__ = [
    "BlobEntry",
    "BlobReader",
    "BlobStore",
    "BlobWriter",
    "Buffer",
    "FileSystem",
    "Folders",
    "Known",
    "Spool",
    "StoredBlob",
    "existing",
    "open_blobs",
]
