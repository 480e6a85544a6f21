"""What lies under the package: files that are whole, the machine, text for a terminal.

It knows nothing of images, classifiers or explanations.
"""

from rcx.system.files import DamagedError, packed, unpacked, write_whole
from rcx.system.machine import reuse_freed_memory, versions
from rcx.system.text import printable, reason, shortened

__all__ = [
    "DamagedError",
    "packed",
    "printable",
    "reason",
    "reuse_freed_memory",
    "shortened",
    "unpacked",
    "versions",
    "write_whole",
]
