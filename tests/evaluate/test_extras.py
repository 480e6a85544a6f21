"""The room can be imported where none of the optional packages is installed."""

import subprocess
import sys

OPTIONAL = ("captum", "skimage", "sklearn", "pytorch_wavelets", "pkg_resources", "cv2")

IMPORTED = f"""
import sys
sys.modules.update(dict.fromkeys({OPTIONAL!r}))
import rcx.evaluate
assert rcx.evaluate.attribution and rcx.evaluate.transform_timings
"""


def test_the_room_is_imported_without_its_extras() -> None:
    run = subprocess.run([sys.executable, "-c", IMPORTED], capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
