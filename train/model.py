# The transformer. Every layer has pre-norm, grouped-query attention with QK-norm and RoPE, and then a mixture of experts (or a dense SwiGLU).
from dataclasses import dataclass

import torch
from torch import nn
from torch.nn import functional as F

from attention import causal_attention

BLOCK = 64  # rows in one matrix product of an expert
IDLE = 0.1  # an expert with less than this part of the uniform share of rows is idle


@dataclass
class Config:
    vocab: int = 4096
    hidden: int = 256  # d
    layers: int = 8
    heads: int = 8
    kv_heads: int = 2
    head_dim: int = 32
    inner: int = 32  # f: width of one expert, or of the dense layer
    experts: int = 96  # E; 1 makes the model dense, without a router
    prototypes: int = 1  # G: groups of E / G experts, of which each row uses one (M6-T, arXiv 2105.15082)
    context: int = 2048
    rope_base: float = 10000.0
    eps: float = 1e-6


def precision(x):
    """The type in which products are computed: that of autocast, or the type of x."""
    return torch.get_autocast_dtype("cpu") if torch.is_autocast_enabled("cpu") else x.dtype


def at_least_float(x):
    return x.to(torch.promote_types(x.dtype, torch.float32))


class RMSNorm(nn.Module):
    def __init__(self, size, eps):
        super().__init__()
        self.weight, self.eps = nn.Parameter(torch.ones(size)), eps

    def forward(self, x):
        return x * torch.rsqrt(x.square().mean(-1, keepdim=True) + self.eps) * self.weight


def rope_table(config):
    """cos and sin, [context, head_dim]. Element i of a head's first half is rotated together with element i of its second half."""
    frequency = config.rope_base ** (-torch.arange(0, config.head_dim, 2).float() / config.head_dim)
    angle = torch.outer(torch.arange(config.context).float(), frequency)
    return torch.cat((angle, angle), -1).cos(), torch.cat((angle, angle), -1).sin()


def rotate(x, cos, sin):
    a, b = x.chunk(2, -1)
    return x * cos + torch.cat((-b, a), -1) * sin


class Attention(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.c = c
        self.q_proj = nn.Linear(c.hidden, c.heads * c.head_dim, bias=False)
        self.k_proj = nn.Linear(c.hidden, c.kv_heads * c.head_dim, bias=False)
        self.v_proj = nn.Linear(c.hidden, c.kv_heads * c.head_dim, bias=False)
        self.o_proj = nn.Linear(c.heads * c.head_dim, c.hidden, bias=False)
        self.q_norm, self.k_norm = RMSNorm(c.head_dim, c.eps), RMSNorm(c.head_dim, c.eps)

    def project(self, x, cos, sin):
        """q, k and v [B, heads, T, head_dim] of x [B, T, d]. The query heads of a group have the same k and v."""
        c, (B, T, _) = self.c, x.shape
        q = rotate(self.q_norm(at_least_float(self.q_proj(x)).view(B, T, c.heads, c.head_dim)).transpose(1, 2), cos, sin)
        k = rotate(self.k_norm(at_least_float(self.k_proj(x)).view(B, T, c.kv_heads, c.head_dim)).transpose(1, 2), cos, sin)
        v = self.v_proj(x).view(B, T, c.kv_heads, c.head_dim).transpose(1, 2)
        group = c.heads // c.kv_heads
        return q.to(v.dtype), k.to(v.dtype).repeat_interleave(group, 1), v.repeat_interleave(group, 1)

    def output(self, y):
        return self.o_proj(y.transpose(1, 2).flatten(2))


class Gather(torch.autograd.Function):
    """x[take]. Row i of x stands in k places, places[i * k : i * k + k], and other rows of the result are not used."""

    @staticmethod
    def forward(ctx, x, take, places, k):
        ctx.save_for_backward(places)
        ctx.k = k
        return x.index_select(0, take)

    @staticmethod
    def backward(ctx, gradient):
        gradient = gradient.index_select(0, *ctx.saved_tensors)
        return gradient if ctx.k == 1 else gradient.view(-1, ctx.k, gradient.shape[-1]).sum(1), None, None, None


class Return(torch.autograd.Function):
    """y[places]. No place occurs twice, so the gradient is a copy back, with zeros elsewhere."""

    @staticmethod
    def forward(ctx, y, places):
        ctx.save_for_backward(places)
        ctx.rows = len(y)
        return y.index_select(0, places)

    @staticmethod
    def backward(ctx, gradient):
        (places,) = ctx.saved_tensors
        return gradient.new_zeros(ctx.rows, gradient.shape[1]).index_copy_(0, places, gradient), None


def swiglu(gate_up):
    gate, up = gate_up.chunk(2, -1)
    return F.silu(gate) * up


def combine(h, y, weight):
    """h [B, T, d] plus the outputs y [N * k, d], each times its weight [N, k]."""
    return h + (y.view(*weight.shape, -1) * weight[..., None]).sum(1).view_as(h)


class Experts(nn.Module):
    """The mixture: the sum of p[e] * expert_e(x) over the chosen experts e. p is the softmax over all experts of a group, and is not renormalised."""

    def __init__(self, c, balance):
        super().__init__()
        self.c, self.balance = c, balance
        self.router = nn.Parameter(torch.empty(c.experts, c.hidden))  # [E, d]
        self.gate_up = nn.Parameter(torch.empty(c.experts, c.hidden, 2 * c.inner))  # [E, d, 2f], the gate half first
        self.down = nn.Parameter(torch.empty(c.experts, c.inner, c.hidden))  # [E, f, d]
        self.register_buffer("mean", torch.zeros(c.hidden))  # running mean of the rows
        self.register_buffer("share", torch.ones(c.experts))  # running load of each expert; 1 is the uniform share
        self.load, self.loss = None, None  # of the last batch: calls of each expert, and the balancing loss

    def choose(self, rows, k):
        """Weights and indices [N, k] of the experts of rows [N, d]: the k best, or the best of each of G groups (then k is G)."""
        groups = self.c.prototypes
        p = F.linear(rows, self.router).view(len(rows), groups, -1).softmax(-1)
        weight, chosen = p.topk(1 if groups > 1 else k, -1)  # [N, G, k]
        return weight.flatten(1), (chosen + torch.arange(groups)[:, None] * (self.c.experts // groups)).flatten(1)

    def observe(self, rows, chosen):
        """Updates the running figures and computes the balancing loss. Its gradient reaches only the router; README.md says why."""
        E, groups, rows = self.c.experts, self.c.prototypes, rows.detach()
        self.mean.lerp_(rows.mean(0), 0.1)
        self.share.lerp_(self.load * (E / chosen.numel()), 0.05)
        scores = F.linear(rows, self.router).view(len(rows), groups, -1)
        self.loss = sum(self.balance(s, load) for s, load in zip(scores.unbind(1), self.load.view(groups, -1))) / groups

    def place(self, chosen):
        """Places of the calls `chosen` [N * k] in a buffer of blocks of BLOCK rows with one expert each: (places [N * k], the expert of each block)."""
        E, order = self.c.experts, chosen.argsort()
        blocks = (self.load + BLOCK - 1) // BLOCK  # an expert with many rows gets several blocks, so no row is dropped
        first_row, first_place = self.load.cumsum(0) - self.load, (blocks.cumsum(0) - blocks) * BLOCK
        places = torch.empty_like(order)
        places[order] = torch.arange(len(order)) + (first_place - first_row)[chosen[order]]
        return places, torch.repeat_interleave(torch.arange(E), blocks)

    def forward(self, h, x, k):  # h and x [B, T, d]: the residual stream and its normed rows
        rows = x.flatten(0, 1)
        with torch.autocast("cpu", enabled=False):
            weight, chosen = self.choose(rows, k)
            k, calls = weight.shape[1], chosen.flatten()
            self.load = torch.bincount(calls, minlength=self.c.experts)
            if self.training:
                self.observe(rows, chosen)
        places, owner = self.place(calls)
        take = torch.zeros(len(owner) * BLOCK, dtype=torch.long).index_copy_(0, places, torch.arange(len(calls)) // k)
        buffer = Gather.apply(rows.to(precision(x)), take, places, k).view(len(owner), BLOCK, -1)
        inner = swiglu(torch.bmm(buffer, self.gate_up.to(buffer.dtype).index_select(0, owner)))  # [blocks, BLOCK, f]
        y = torch.bmm(inner, self.down.to(buffer.dtype).index_select(0, owner)).flatten(0, 1)
        return combine(h, Return.apply(y, places), weight)

    @torch.no_grad()
    def center(self):
        """Removes from the router its component along the mean row. That component only makes all rows prefer the same expert."""
        direction = F.normalize(self.mean, dim=0)
        self.router -= torch.outer(self.router @ direction, direction)

    @torch.no_grad()
    def split(self):
        """Makes each idle expert, which gets almost no gradient, a copy of the busiest expert of its group. Both then share the rows of that expert."""
        size = self.c.experts // self.c.prototypes
        for idle in (self.share < IDLE).nonzero().flatten().tolist():
            first = idle // size * size
            busy = first + int(self.share[first : first + size].argmax())
            self.gate_up[idle], self.down[idle] = self.gate_up[busy], self.down[busy]
            apart = 0.25 * self.router[busy].std() * torch.randn_like(self.router[busy])
            self.router[idle] = self.router[busy] - apart
            self.router[busy] += apart
            self.share[[busy, idle]] = self.share[busy] / 2


class Dense(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.gate_up = nn.Parameter(torch.empty(1, c.hidden, 2 * c.inner))
        self.down = nn.Parameter(torch.empty(1, c.inner, c.hidden))

    def forward(self, h, x, _):
        return h + swiglu(x @ self.gate_up[0]) @ self.down[0]


class Block(nn.Module):
    def __init__(self, c, balance):
        super().__init__()
        self.input_layernorm, self.attention = RMSNorm(c.hidden, c.eps), Attention(c)
        self.post_attention_layernorm, self.mlp = RMSNorm(c.hidden, c.eps), Experts(c, balance) if c.experts > 1 else Dense(c)

    def before(self, h, cos, sin):
        return self.attention.project(self.input_layernorm(h), cos, sin)

    def after(self, h, y):
        h = h + self.attention.output(y)
        return h, self.post_attention_layernorm(h)

    def forward(self, h, cos, sin, k):
        h, x = self.after(h, causal_attention(*self.before(h, cos, sin)))
        return self.mlp(h, x, k)


class Model(nn.Module):
    def __init__(self, config, balance=None):
        super().__init__()
        self.config = config
        self.embed = nn.Embedding(config.vocab, config.hidden)  # the output head has the same weights
        self.blocks = nn.ModuleList(Block(config, balance) for _ in range(config.layers))
        self.norm = RMSNorm(config.hidden, config.eps)
        self.cos, self.sin = rope_table(config)
        for name, p in self.named_parameters():
            if p.dim() > 1:
                fan_in = p.shape[1] if name.endswith(("gate_up", "down")) else p.shape[-1]
                scale = 0.02 if name.startswith("embed") else fan_in**-0.5
                if name.endswith(("o_proj.weight", "down")):
                    scale /= (2 * config.layers) ** 0.5
                nn.init.normal_(p, std=scale)

    def hidden(self, ids, active=None):
        """The normed rows [B, T, d] of ids [B, T], which are the input of the head. `active` has the number of experts a row uses in each layer."""
        h, T = self.embed(ids), ids.shape[1]
        for block, k in zip(self.blocks, active or [1] * len(self.blocks)):
            h = block(h, self.cos[:T], self.sin[:T], k)
        return self.norm(h)

    def forward(self, ids, active=None):
        """Logits [B, T, vocab]."""
        return F.linear(self.hidden(ids, active), self.embed.weight)

    def mixtures(self):
        return [block.mlp for block in self.blocks if isinstance(block.mlp, Experts)]
