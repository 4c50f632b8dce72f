"""Mirrors of results in object storage: a catalog on this machine, over tracks that stay where they are.

All that reads a result in a folder reads a mirror as well: listing, searching, the pages, exports.
"""

from midiprism.mirror.folder import mirror_folder as mirror_folder
from midiprism.mirror.update import MirrorProgress as MirrorProgress
from midiprism.mirror.update import update_mirror as update_mirror
