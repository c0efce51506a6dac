# Balancing losses for a router. Each takes scores [N, E] and the calls of each expert [E] in the whole batch, and is smallest if all experts are equally busy.
import torch


def global_batch(scores, load):
    """E * sum(f * P): f is an expert's share of the calls, P its mean probability, both over the whole batch (arXiv 2501.11873)."""
    return scores.shape[-1] * (load / load.sum() * scores.softmax(-1).mean(0)).sum()


def top1(scores, load, temperature=0.1):
    """E * sum(f²) / m: f is an expert's mean share in a softmax at a low temperature, m the mean of a row's largest probability (arXiv 2512.16248)."""
    share = (scores / temperature).softmax(-1).mean(0)
    return scores.shape[-1] * share.square().sum() / scores.softmax(-1).max(-1)[0].mean()


METHODS = {"top1": top1, "lbl": global_batch}
WEIGHTS = {"top1": 0.1, "lbl": 0.01}  # of the loss of one layer, beside the language loss
