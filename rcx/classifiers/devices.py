"""Devices: which one a name means, and whether this machine can use it."""

from __future__ import annotations

import torch

from rcx.system.text import reason


def usable_device(device: str | torch.device | None) -> torch.device:
    """Return the device that a name means, after making sure that it can be used.

    Parameters
    ----------
    device : str, torch.device or None
        ``"auto"`` and None mean a GPU if there is one, and the CPU otherwise. All other names are
        torch's.

    Raises
    ------
    ValueError
        If torch does not know the device, or cannot compute with it on this machine.
    """
    if device is None or device == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        torch.zeros(1, device=device).cpu()
        return torch.device(device)
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        raise ValueError(f"device {str(device)!r} cannot be used here: {reason(error)}") from error
