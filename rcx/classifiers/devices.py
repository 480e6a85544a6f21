"""Devices by name: which one is meant, and whether it can be used."""

from __future__ import annotations

import torch

from rcx.system.text import reason


def chosen_device(device: str | torch.device) -> torch.device:
    """Return the device that ``"auto"`` or a name means."""
    if device == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    return torch.device(device)


def usable_device(name: str) -> str:
    """Return a device's name, or ``"auto"``, if it can be used on this machine.

    Raises
    ------
    ValueError
        If torch does not know it or cannot use it.
    """
    if name != "auto":
        try:
            torch.zeros(1, device=name).cpu()
        except (RuntimeError, AssertionError, NotImplementedError) as error:
            raise ValueError(f"device {name!r} cannot be used here: {reason(error)}") from error
    return name
