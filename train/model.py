# The transformer. Every layer has pre-norm, grouped-query attention with QK-norm and RoPE, and then one expert of many (or a dense SwiGLU).
from dataclasses import dataclass

import torch
from torch import nn
from torch.nn import functional as F

BLOCK = 64  # rows in one matrix product of an expert
IDLE = 0.1  # an expert with less than this part of the uniform share of rows is idle


@dataclass
class Config:
    vocab: int = 4096
    hidden: int = 192  # d
    layers: int = 6
    heads: int = 6
    kv_heads: int = 2
    head_dim: int = 32
    inner: int = 32  # f: width of one expert, or of the dense layer
    experts: int = 96  # E; 1 makes the model dense, without a router
    context: int = 2048
    rope_base: float = 10000.0
    eps: float = 1e-6
    temperature: float = 0.1  # of the softmax in the balancing loss


class RMSNorm(nn.Module):
    def __init__(self, size, eps):
        super().__init__()
        self.weight, self.eps = nn.Parameter(torch.ones(size)), eps

    def forward(self, x):
        x = x.float()
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

    def forward(self, x, cos, sin, mask):  # x [B, T, d]
        B, T, _ = x.shape
        c, group = self.c, self.c.heads // self.c.kv_heads
        q = self.q_norm(self.q_proj(x).view(B, T, c.heads, c.head_dim)).transpose(1, 2)  # [B, heads, T, head_dim]
        k = self.k_norm(self.k_proj(x).view(B, T, c.kv_heads, c.head_dim)).transpose(1, 2)
        v = self.v_proj(x).view(B, T, c.kv_heads, c.head_dim).transpose(1, 2)
        q, k = rotate(q, cos, sin) * c.head_dim**-0.5, rotate(k, cos, sin)
        q = q.reshape(B * c.kv_heads, group * T, c.head_dim)  # the query heads of a group share one product with k
        scores = q @ k.reshape(B * c.kv_heads, T, c.head_dim).transpose(1, 2)  # [B * kv_heads, group * T, T]
        weights = (scores.view(-1, group, T, T) + mask.to(scores.dtype)).softmax(-1, dtype=scores.dtype)
        y = weights.view(-1, group * T, T) @ v.reshape(B * c.kv_heads, T, c.head_dim).to(weights.dtype)
        return self.o_proj(y.view(B, c.heads, T, c.head_dim).transpose(1, 2).reshape(B, T, -1))


class Permute(torch.autograd.Function):
    """Copies the rows `take` of x to the places `put` among `rows` rows of zeros. No index occurs twice, so the gradient is the reverse copy."""

    @staticmethod
    def forward(ctx, x, take, put, rows):
        ctx.save_for_backward(take, put)
        ctx.rows = x.shape[0]
        return x.new_zeros(rows, x.shape[1]).index_copy_(0, put, x.index_select(0, take))

    @staticmethod
    def backward(ctx, gradient):
        take, put = ctx.saved_tensors
        back = gradient.new_zeros(ctx.rows, gradient.shape[1])
        return back.index_copy_(0, take, gradient.index_select(0, put)), None, None, None


class Experts(nn.Module):
    """The mixture: p[e] * expert_e(x) with e = argmax p. p is the softmax over all experts, and is not renormalised."""

    def __init__(self, c):
        super().__init__()
        self.c = c
        self.router = nn.Parameter(torch.empty(c.experts, c.hidden))  # [E, d]
        self.gate_up = nn.Parameter(torch.empty(c.experts, c.hidden, 2 * c.inner))  # [E, d, 2f], the gate half first
        self.down = nn.Parameter(torch.empty(c.experts, c.inner, c.hidden))  # [E, f, d]
        self.register_buffer("mean", torch.zeros(c.hidden))  # running mean of the rows
        self.register_buffer("share", torch.ones(c.experts))  # running load of each expert; 1 is the uniform share
        self.load, self.balance = None, None  # of the last batch: number of rows of each expert, and the balancing loss

    def forward(self, x):  # [B, T, d]
        E, rows = self.c.experts, x.reshape(-1, x.shape[-1])  # [N, d]
        with torch.autocast("cpu", enabled=False):
            logits = rows.float() @ self.router.T  # [N, E]
            p, chosen = logits.softmax(-1).max(-1)  # [N]
            if self.training:  # balancing loss, with a gradient for the router only; README.md has the formula
                self.mean.lerp_(rows.detach().float().mean(0), 0.1)
                scores = rows.detach().float() @ self.router.T
                soft_load = (scores / self.c.temperature).softmax(-1).mean(0)
                self.balance = E * soft_load.square().sum() / scores.softmax(-1).max(-1)[0].mean()
        self.load = torch.bincount(chosen, minlength=E)
        if self.training:
            self.share.lerp_(self.load * (E / len(rows)), 0.05)
        order = chosen.argsort()  # [N]: row numbers, sorted by expert
        blocks = (self.load + BLOCK - 1) // BLOCK  # [E]: an expert with many rows gets several blocks, so no row is dropped
        owner = torch.repeat_interleave(torch.arange(E), blocks)
        sorted_by = chosen[order]
        first_row, first_slot = self.load.cumsum(0) - self.load, (blocks.cumsum(0) - blocks) * BLOCK
        slot = first_slot[sorted_by] + torch.arange(len(rows)) - first_row[sorted_by]
        buffer = Permute.apply(rows, order, slot, len(owner) * BLOCK).view(len(owner), BLOCK, -1)
        gate, up = torch.bmm(buffer, self.gate_up.index_select(0, owner)).chunk(2, -1)  # [blocks, BLOCK, f]
        y = torch.bmm(F.silu(gate) * up, self.down.index_select(0, owner)).flatten(0, 1)
        return (Permute.apply(y, slot, order, len(rows)) * p[:, None]).view_as(x)

    @torch.no_grad()
    def center(self):
        """Removes from the router its component along the mean row. That component only makes all rows prefer the same expert."""
        direction = F.normalize(self.mean, dim=0)
        self.router -= torch.outer(self.router @ direction, direction)

    @torch.no_grad()
    def split(self):
        """Makes each idle expert, which gets almost no gradient, a copy of the busiest expert. Both then share the rows of that expert."""
        for idle in (self.share < IDLE).nonzero().flatten().tolist():
            busy = int(self.share.argmax())
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

    def forward(self, x):
        gate, up = (x @ self.gate_up[0]).chunk(2, -1)
        return (F.silu(gate) * up) @ self.down[0]


class Block(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.input_layernorm, self.attention = RMSNorm(c.hidden, c.eps), Attention(c)
        self.post_attention_layernorm, self.mlp = RMSNorm(c.hidden, c.eps), Experts(c) if c.experts > 1 else Dense(c)

    def forward(self, h, cos, sin, mask):
        h = h + self.attention(self.input_layernorm(h), cos, sin, mask)
        return h + self.mlp(self.post_attention_layernorm(h))


class Model(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.config = config
        self.embed = nn.Embedding(config.vocab, config.hidden)  # the output head has the same weights
        self.blocks = nn.ModuleList(Block(config) for _ in range(config.layers))
        self.norm = RMSNorm(config.hidden, config.eps)
        self.cos, self.sin = rope_table(config)
        for name, p in self.named_parameters():
            if p.dim() > 1:
                fan_in = p.shape[1] if name.endswith(("gate_up", "down")) else p.shape[-1]
                scale = 0.02 if name.startswith("embed") else fan_in**-0.5
                if name.endswith(("o_proj.weight", "down")):
                    scale /= (2 * config.layers) ** 0.5
                nn.init.normal_(p, std=scale)

    def hidden(self, ids):
        """The normed rows [B, T, d] of ids [B, T], which are the input of the head."""
        T = ids.shape[1]
        mask = torch.full((T, T), float("-inf")).triu(1)
        h = self.embed(ids)
        for block in self.blocks:
            h = block(h, self.cos[:T], self.sin[:T], mask)
        return self.norm(h)

    def forward(self, ids):
        """Logits [B, T, vocab]."""
        return F.linear(self.hidden(ids), self.embed.weight)

    def mixtures(self):
        return [block.mlp for block in self.blocks if isinstance(block.mlp, Experts)]
