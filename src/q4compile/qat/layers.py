"""Layers of products and tables, their tensors as the ONNX file holds them."""

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import embedding, linear

from q4compile.qat import windows


class Linear(nn.Module):
    """``Y = X · W + b``, a MatMul or Gemm with a constant on the right.

    Args:
        weight: a `Weight` or `Constant` [K, N]; [N, K] if `transposed`.
        bias: [N], or None.
    """

    def __init__(
        self, weight: nn.Module, bias: nn.Module | None = None, *, transposed: bool = False
    ) -> None:
        super().__init__()
        self.weight, self.bias, self.transposed = weight, bias, transposed

    def forward(self, x: Tensor) -> Tensor:
        """[…, N] of [..., K]."""
        weight = self.weight()
        bias = None if self.bias is None else self.bias()
        return linear(x, weight if self.transposed else weight.t(), bias)


class Embedding(nn.Module):
    """``Y = table[indices]``, a Gather of rows; `table` is a `Weight` or `Constant` [N, …]."""

    def __init__(self, table: nn.Module) -> None:
        super().__init__()
        self.table = table

    def forward(self, indices: Tensor) -> Tensor:
        """[…, row] of int64[…], negative ones counted from the end."""
        table = self.table()
        return embedding(torch.where(indices < 0, indices + len(table), indices), table)


class Conv(nn.Module):
    """``Y = W ∗ X + b`` with every attribute of ONNX's Conv, see `windows.conv`."""

    def __init__(self, weight: nn.Module, bias: nn.Module | None = None, **how: Any) -> None:
        super().__init__()
        self.weight, self.bias, self.how = weight, bias, how

    def forward(self, x: Tensor) -> Tensor:
        """[B, M, …] of [B, C, …]."""
        bias = None if self.bias is None else self.bias()
        return windows.conv(x, self.weight(), bias, **self.how)
