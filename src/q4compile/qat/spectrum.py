"""Fourier transforms and windows as ONNX defines them; emitted code calls them.

Complex numbers are pairs on the last axis; a last axis of length 1 holds real ones.
"""

import torch
from torch import Tensor


def dft(
    x: Tensor, length: int | None, dim: int, *, inverse: bool = False, onesided: bool = False
) -> Tensor:
    """The discrete Fourier transform along `dim`, cut or zero-padded to `length` first.

    With `onesided`, only the frequencies that a real signal's transform is made of.
    """
    axis = dim % x.dim()
    signal = torch.view_as_complex(x.contiguous()) if x.shape[-1] == 2 else x.squeeze(-1)
    if inverse and onesided:
        real: Tensor = torch.fft.irfft(signal, length, axis)
        return real.unsqueeze(-1)
    if inverse:
        return torch.view_as_real(torch.fft.ifft(signal, length, axis))
    whole = torch.view_as_real(torch.fft.fft(signal, length, axis))
    return whole.narrow(axis, 0, whole.shape[axis] // 2 + 1) if onesided else whole


def stft(x: Tensor, step: int, window: Tensor | None, length: int, *, onesided: bool) -> Tensor:
    """[B, frames, frequencies, 2]: the transform of every frame of `length`, `step` apart."""
    size = len(window) if window is not None else length
    signal = torch.view_as_complex(x.contiguous()) if x.shape[-1] == 2 else x.squeeze(-1)
    frames = signal.unfold(1, size, step)
    weighted = frames if window is None else frames * window
    pairs = torch.view_as_real(weighted) if weighted.is_complex() else weighted.unsqueeze(-1)
    return dft(pairs, length, 2, onesided=onesided)


HANN, HAMMING, BLACKMAN = (0.5, 0.5, 0.0), (25 / 46, 21 / 46, 0.0), (0.42, 0.5, 0.08)
"""Coefficients of cosines of 0, 1 and 2 periods, with alternating signs."""


def window(length: int, kind: tuple[float, float, float], periodic: bool, beside: Tensor) -> Tensor:
    """float32[length]: a − b · cos(2πn/N) + c · cos(4πn/N), N = length, or length − 1."""
    a, b, c = kind
    n = torch.arange(length, device=beside.device, dtype=torch.float64)
    turn = 2 * torch.pi * n / (length if periodic else length - 1)
    return (a - b * torch.cos(turn) + c * torch.cos(2 * turn)).to(torch.float32)
