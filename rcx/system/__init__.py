"""Files that are written whole, the machine and its libraries, and text for a terminal.

The room knows nothing of images, classifiers and explanations, and importing it loads no torch.
"""

from rcx.system.files import (
    LONGEST_HEADER,
    DamagedError,
    packed,
    unpacked,
    verified,
    with_notes,
    writable_folder,
    write_together,
    write_whole,
)
from rcx.system.machine import (
    machine_facts,
    machine_in_words,
    processor,
    reuse_freed_memory,
    versions,
)
from rcx.system.text import printable, reason, shortened

__all__ = [
    "LONGEST_HEADER",
    "DamagedError",
    "machine_facts",
    "machine_in_words",
    "packed",
    "printable",
    "processor",
    "reason",
    "reuse_freed_memory",
    "shortened",
    "unpacked",
    "verified",
    "versions",
    "with_notes",
    "writable_folder",
    "write_together",
    "write_whole",
]
