"""Random draws of other libraries, taken from a seed in place of the process's random numbers."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor
from torch.nn import init
from torch.overrides import TorchFunctionMode

_DRAWS = {torch.bernoulli, torch.multinomial, torch.normal, torch.rand, torch.randint, torch.randn}
_DRAWS |= {torch.randperm, Tensor.bernoulli_, Tensor.exponential_, Tensor.normal_}
_DRAWS |= {Tensor.random_, Tensor.uniform_}  # a DataLoader draws a seed, even without workers
_DRAWS |= {init.kaiming_uniform_, init.normal_, init.uniform_}  # the regression's first weights
_OF_DEFAULT_TYPE = {torch.empty, torch.linspace, torch.ones, torch.rand, torch.randn, torch.zeros}


class OwnDraws(TorchFunctionMode):
    """A context in which the calling thread draws from a seed, and in single precision.

    The draws are those after ``torch.manual_seed``, which would change the random numbers of the
    whole process.

    Parameters
    ----------
    seed : int
        The seed.
    """

    def __init__(self, seed: int) -> None:
        super().__init__()
        self._seed = seed
        self._generators: dict[torch.device, torch.Generator] = {}

    def __torch_function__(
        self,
        function: Callable[..., Any],
        types: Iterable[type],
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        """Call a function of torch with the generator of the device that it draws on."""
        options = dict(kwargs or {})
        if function in _OF_DEFAULT_TYPE:
            options.setdefault("dtype", torch.float32)
        if function in _DRAWS and options.get("generator") is None:
            tensors = [value for value in args if isinstance(value, Tensor)]
            device = tensors[0].device if tensors else torch.device(options.get("device") or "cpu")
            if device not in self._generators:
                self._generators[device] = torch.Generator(device).manual_seed(self._seed)
            options["generator"] = self._generators[device]
        result = function(*args, **options)
        if function is torch.tensor and "dtype" not in options and result.is_floating_point():
            return function(*args, dtype=torch.float32, **options)
        return result
