"""Before any test imports torch, rcx says how its threads are to wait."""

import rcx  # noqa: F401
