# Causal attention for training on a CPU. PyTorch's flash kernel computes it; its own backward pass is slow there, so this file has another.
import torch

CHUNK = 2**21  # scores in one piece of the backward pass, so that a piece stays in the caches


def score_gradients(scores, weight_gradients, logsumexp, delta):
    """(attention weights, gradient of the scores), [heads, T, T], both zero above the diagonal. delta is the dot product of a row's output and gradient."""
    place = torch.arange(scores.shape[-1])
    weights = torch.where(place[:, None] >= place, (scores.float() - logsumexp[..., None]).exp(), 0.0)
    return weights.to(scores.dtype), (weights * (weight_gradients.float() - delta[..., None])).to(scores.dtype)


class Attention(torch.autograd.Function):
    """The backward pass computes the weights again from the scores, as FlashAttention (arXiv 2205.14135) does."""

    gradients = staticmethod(score_gradients)

    @staticmethod
    def forward(ctx, q, k, v):
        y, logsumexp = torch.ops.aten._scaled_dot_product_flash_attention_for_cpu(q, k, v, 0.0, True)
        ctx.save_for_backward(q, k, v, y, logsumexp)
        return y

    @staticmethod
    def backward(ctx, dy):
        q, k, v, y, logsumexp = ctx.saved_tensors
        T, scale = q.shape[2], q.shape[3] ** -0.5
        delta, logsumexp = (dy.float() * y.float()).sum(-1).flatten(0, 1), logsumexp.flatten(0, 1)
        q, k, v, dy = (t.flatten(0, 1) for t in (q * scale, k, v, dy))  # [B * heads, T, head_dim]
        dq, dk, dv = (torch.empty_like(t) for t in (q, k, v))
        chunk = max(1, CHUNK // T**2)
        for first in range(0, len(q), chunk):
            part = slice(first, first + chunk)
            scores, weight_gradients = q[part] @ k[part].transpose(1, 2), dy[part] @ v[part].transpose(1, 2)
            weights, ds = Attention.gradients(scores, weight_gradients, logsumexp[part], delta[part])
            dv[part] = weights.transpose(1, 2) @ dy[part]
            dk[part] = ds.transpose(1, 2) @ q[part]
            dq[part] = ds @ k[part] * scale
        return tuple(t.view(y.shape) for t in (dq, dk, dv))


def causal_attention(q, k, v):
    """The output [B, heads, T, head_dim] for q, k and v of that shape: each row attends to itself and to the rows before it."""
    return Attention.apply(q, k, v)
