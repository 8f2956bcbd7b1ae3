"""Matrices as int8, and inputs made fit for it.

What goes into a matrix is quantised while it runs, in 255 steps over the widest value of the text. A few
channels of this encoder are twenty times as wide as the rest and would leave these a dozen steps; so
every channel is divided by a size of its own beforehand, and the matrix multiplied by it (SmoothQuant,
Xiao et al. 2023, arXiv 2211.10438). The product stays what it was.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import torch

Array = NDArray[Any]
Floats = NDArray[np.float32]

# How much of the difference between the channels goes over to the matrix. On this encoder 0.8 left a
# third of the error that 0.5 left and 0 had; see docs/decisions.md.
STRENGTH = 0.8


def quantise_rows(matrix: Array) -> tuple[NDArray[np.int8], Floats]:
    """(rows, columns) float -> int8 and one float32 scale per row, symmetric, -127..127."""
    scale = np.maximum(np.abs(matrix).max(axis=1), 1e-8) / 127.0
    values = np.clip(np.rint(matrix / scale[:, None]), -127, 127).astype(np.int8)
    return values, scale.astype(np.float32)


def channel_sizes(widest: Array, weight: Array) -> Floats:
    """What to divide each input channel (in) of `weight` (out, in) by, given its widest values."""
    reach = np.maximum(np.abs(weight).max(axis=0), 1e-5)
    log = STRENGTH * np.log(np.maximum(widest, 1e-5)) - (1 - STRENGTH) * np.log(reach)
    sizes: Floats = np.exp(log - log.mean()).astype(np.float32)
    return sizes


def widest_inputs(bert: torch.nn.Module, rows: Sequence[Sequence[int]]) -> Mapping[str, Floats]:
    """The widest value of every input channel of every linear layer over the texts in `rows`, each
    a row of piece numbers. `bert` is not in training. Raises ValueError without rows."""
    import torch

    if not rows:
        raise ValueError("no text shows how wide the values become; give at least one")

    found: dict[str, torch.Tensor] = {}

    def look(name: str) -> Any:
        def hook(_: torch.nn.Module, inputs: tuple[torch.Tensor, ...]) -> None:
            width = inputs[0].shape[-1]
            seen = inputs[0].detach().abs().reshape(-1, width).amax(0)
            found[name] = torch.maximum(found[name], seen) if name in found else seen

        return hook

    hooks = [
        module.register_forward_pre_hook(look(name))
        for name, module in bert.named_modules()
        if isinstance(module, torch.nn.Linear)
    ]
    try:
        with torch.no_grad():
            for row in rows:
                ids = torch.tensor([list(row)])
                bert(ids, attention_mask=torch.ones_like(ids))
    finally:
        for hook in hooks:
            hook.remove()
    return {name: value.float().numpy() for name, value in found.items()}
