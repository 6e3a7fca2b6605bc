"""Attention and rotary position embedding as ONNX defines them; emitted code calls them."""

import math

import torch
from torch import Tensor


def attention(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    mask: Tensor | None = None,
    past_key: Tensor | None = None,
    past_value: Tensor | None = None,
    lengths: Tensor | None = None,
    *,
    q_num_heads: int = 0,
    kv_num_heads: int = 0,
    scale: float | None = None,
    softcap: float = 0.0,
    is_causal: bool = False,
    left_window_size: int = -1,
    right_window_size: int = -1,
    qk_matmul_output_mode: int = 0,
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """softmax(scale · Q · Kᵀ + bias) · V, the keys and values it read, and the scores.

    Args:
        q, k, v: [B, heads, T, E], or [B, T, heads · E]; the result has that form. Fewer heads of k
            and v than of q serve several each.
        mask: True where a key is seen, or numbers that are added to the scores.
        past_key, past_value: what stands before k and v.
        lengths: int64[B], how many keys of each sequence count; the queries are the last of them.
        qk_matmul_output_mode: which scores: 0 products, 1 after softcap, 2 with the bias, 3 after
            softmax.
    """
    flat = q.dim() == 3
    if flat:
        q, k, v = _heads(q, q_num_heads), _heads(k, kv_num_heads), _heads(v, kv_num_heads)
    before: int | Tensor = 0
    if past_key is not None and past_value is not None:
        before = past_key.shape[2]
        k, v = torch.cat([past_key, k], 2), torch.cat([past_value, v], 2)
    elif lengths is not None:
        before = lengths.reshape(-1, 1, 1, 1) - q.shape[2]
    bias = _mask_bias(mask, q, k)
    window = (left_window_size, 0 if is_causal else right_window_size)
    bias = bias + _window_bias(q, k, before, window)
    if lengths is not None:
        within = torch.arange(k.shape[2], device=k.device) < lengths.reshape(-1, 1, 1, 1)
        bias = bias + _bias(within, q)
    groups = q.shape[1] // k.shape[1]
    factor = math.sqrt(1 / math.sqrt(q.shape[3]) if scale is None else scale)
    keys, values = (each.repeat_interleave(groups, 1) for each in (k, v))
    products = (q * factor) @ (keys * factor).transpose(2, 3)
    capped = softcap * torch.tanh(products / softcap) if softcap else products
    scores = capped + bias
    blind = (bias == -torch.inf).all(-1, keepdim=True)
    shares = torch.where(blind, 0.0, scores.masked_fill(blind, 0.0).softmax(-1))
    shown = (products, capped, scores, shares)[qk_matmul_output_mode]
    y = shares @ values
    return (y.transpose(1, 2).flatten(2) if flat else y), k, v, shown


def _heads(x: Tensor, heads: int) -> Tensor:
    return _split(x, heads).transpose(1, 2)


def _split(x: Tensor, heads: int) -> Tensor:
    """[B, T, heads · E] as [B, T, heads, E]."""
    return x.reshape(x.shape[0], x.shape[1], heads, -1)


def _bias(seen: Tensor, like: Tensor) -> Tensor:
    """0 where `seen`, −∞ elsewhere."""
    return torch.zeros_like(seen, dtype=like.dtype).masked_fill(~seen, -torch.inf)


def _mask_bias(mask: Tensor | None, q: Tensor, k: Tensor) -> Tensor:
    if mask is None:
        return q.new_zeros(q.shape[2], k.shape[2])
    bias = _bias(mask, q) if mask.dtype == torch.bool else mask
    missing = k.shape[2] - bias.shape[-1]
    return torch.nn.functional.pad(bias, (0, missing), value=-torch.inf) if missing > 0 else bias


def _window_bias(q: Tensor, k: Tensor, before: int | Tensor, window: tuple[int, int]) -> Tensor:
    """Query i stands at `before` + i and sees keys up to `window` to its left and right."""
    rows = torch.arange(q.shape[2], device=q.device).unsqueeze(1)
    ahead = torch.arange(k.shape[2], device=q.device) - (rows + before)
    seen = torch.ones_like(ahead, dtype=torch.bool)
    left, right = window
    if left >= 0:
        seen = seen & (ahead >= -left)
    return _bias(seen & (ahead <= right) if right >= 0 else seen, q)


def rotary_embedding(
    x: Tensor,
    cos: Tensor,
    sin: Tensor,
    positions: Tensor | None = None,
    *,
    num_heads: int = 0,
    dims: int = 0,
    interleaved: bool = False,
) -> Tensor:
    """x with the first `dims` numbers of each head turned in pairs by an angle per position.

    Args:
        x: [B, heads, T, E], or [B, T, heads · E].
        cos, sin: [positions, E / 2], or [B, T, E / 2] without `positions`.
        positions: int64[B, T].
        interleaved: whether a pair are neighbours, or one number of each half.
    """
    rows = x.transpose(1, 2) if x.dim() == 4 else _split(x, num_heads)
    turned, rest = rows.tensor_split([dims or rows.shape[3]], 3)
    c, s = (each if positions is None else each[positions] for each in (cos, sin))
    c, s = (each[..., : turned.shape[3] // 2].unsqueeze(2) for each in (c, s))
    if interleaved:
        a, b = turned[..., ::2], turned[..., 1::2]
        pairs = torch.stack([c * a - s * b, s * a + c * b], -1).flatten(3)
    else:
        a, b = turned.chunk(2, 3)
        pairs = torch.cat([c * a - s * b, s * a + c * b], 3)
    whole = torch.cat([pairs, rest], 3)
    return whole.transpose(1, 2) if x.dim() == 4 else whole.flatten(2)
