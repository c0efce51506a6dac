# Weighted mean cross-entropy of the output head, whose weights are those of the embedding. The logits of all rows are never in memory together.
import torch

BLOCK = 1024  # rows of the head's product at a time, so that their logits (4096 a row) stay in the cache


def loss_and_gradient(logits, targets, share):
    """(sum of the cross-entropy times share [N], its gradient for the logits) of logits [N, vocab]."""
    logp, share = logits.float().log_softmax(-1), share[:, None]
    hit = torch.arange(logits.shape[-1]) == targets[:, None]
    return -torch.where(hit, logp * share, 0.0).sum(), ((logp.exp() - hit.float()) * share).to(logits.dtype)


class HeadLoss(torch.autograd.Function):
    """The loss of hidden [N, d] with weight [vocab, d], targets [N], and how much each target counts [N]. Loss and gradients are computed block by block in forward(), in bfloat16 products."""

    block = staticmethod(loss_and_gradient)

    @staticmethod
    def forward(ctx, hidden, weight, targets, counts):
        w, loss = weight.bfloat16(), 0.0
        hidden_gradient, weight_gradient = torch.empty_like(hidden), torch.zeros_like(weight)
        share = counts / counts.sum()
        for h, t, s, out in zip(*(x.split(BLOCK) for x in (hidden, targets, share, hidden_gradient))):
            h = h.bfloat16()
            part, gradient = HeadLoss.block(h @ w.T, t, s)
            loss += part
            out.copy_(gradient @ w)
            weight_gradient += gradient.T @ h
        ctx.save_for_backward(hidden_gradient, weight_gradient)
        return loss

    @staticmethod
    def backward(ctx, scale):
        return ctx.saved_tensors[0] * scale, ctx.saved_tensors[1] * scale, None, None
