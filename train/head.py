# Mean cross-entropy of the output head, whose weights are those of the embedding. The logits of all rows are never in memory together.
import torch

BLOCK = 1024  # rows of the head's product at a time, so that their logits (4096 a row) stay in the cache


def loss_and_gradient(logits, targets):
    """(sum of the cross-entropy, its gradient for the logits) of logits [N, vocab]."""
    logp = logits.float().log_softmax(-1)
    hit = torch.arange(logits.shape[-1]) == targets[:, None]
    return -torch.where(hit, logp, 0.0).sum(), (logp.exp() - hit.float()).to(logits.dtype)


class HeadLoss(torch.autograd.Function):
    """The loss of hidden [N, d] with weight [vocab, d] and targets [N]. Loss and gradients are computed block by block in forward(), in bfloat16 products."""

    block = staticmethod(loss_and_gradient)

    @staticmethod
    def forward(ctx, hidden, weight, targets):
        w, loss = weight.bfloat16(), 0.0
        hidden_gradient, weight_gradient = torch.empty_like(hidden), torch.zeros_like(weight)
        for h, t, out in zip(hidden.split(BLOCK), targets.split(BLOCK), hidden_gradient.split(BLOCK)):
            h = h.bfloat16()
            part, gradient = HeadLoss.block(h @ w.T, t)
            loss += part
            out.copy_(gradient @ w)
            weight_gradient += gradient.T @ h
        ctx.save_for_backward(hidden_gradient / len(targets), weight_gradient / len(targets))
        return loss / len(targets)

    @staticmethod
    def backward(ctx, scale):
        return ctx.saved_tensors[0] * scale, ctx.saved_tensors[1] * scale, None
