# Trains the mixture for --minutes, or the dense model for a number of --steps: train.py WORKDIR --name moe --minutes 40
import argparse
import json
import time
from pathlib import Path

import torch

from bpe import Tokenizer
from data import Batches
from evaluate import bits_per_byte
from model import IDLE, Config, Model
from muon import Muon

ROWS, LENGTH, LONG_EVERY = 24, 256, 16  # windows in a step and tokens in each; every 16th step has longer, but fewer windows
SAVE_SECONDS, EVAL_STEPS = 120, 250
SPLIT_EVERY, SPLIT_UNTIL = 25, 0.6  # steps between two calls of split(); share of the run after which split() is not called
BLOCK = 1024  # rows of the head's product at a time, so that their logits (4096 float32 a row) stay in the cache


class HeadLoss(torch.autograd.Function):
    """Mean cross-entropy of hidden [N, d] with the tied weights [vocab, d]. Loss and gradient are computed block by block in forward()."""

    @staticmethod
    def forward(ctx, hidden, weight, targets):
        w, loss = weight.bfloat16(), 0.0
        hidden_gradient, weight_gradient = torch.empty_like(hidden), torch.zeros_like(weight)
        for h, t, out in zip(hidden.split(BLOCK), targets.split(BLOCK), hidden_gradient.split(BLOCK)):
            h = h.bfloat16()
            logp = (h @ w.T).float().log_softmax(-1)  # [BLOCK, vocab]
            loss -= logp.gather(1, t[:, None]).sum()
            gradient = logp.exp_()
            gradient[torch.arange(len(t)), t] -= 1
            gradient = gradient.bfloat16()
            out.copy_(gradient @ w)
            weight_gradient += gradient.T @ h
        ctx.save_for_backward(hidden_gradient / len(targets), weight_gradient / len(targets))
        return loss / len(targets)

    @staticmethod
    def backward(ctx, scale):
        return ctx.saved_tensors[0] * scale, ctx.saved_tensors[1] * scale, None


def factor(progress):
    """Factor on the learning rate: a short rise, then constant, and from 45 % of the run a linear fall."""
    return min(0.02 + progress / 0.02, 1.0, (1 - progress) / 0.55 + 0.02)


def optimizers(model, args):
    """Muon for the matrices inside the layers, and AdamW for embedding, routers and norms."""
    hidden = [p for n, p in model.named_parameters() if p.dim() > 1 and not n.startswith("embed") and not n.endswith("router")]
    routers = [m.router for m in model.mixtures()]
    other = [p for p in model.parameters() if not any(p is q for q in hidden + routers)]
    adam = {"lr": args.adam, "betas": (0.9, 0.95), "weight_decay": 0.0, "foreach": True}
    chosen = [Muon(hidden, lr=args.lr, weight_decay=0.1), torch.optim.AdamW(other, **adam)]
    return chosen + [torch.optim.AdamW(routers, **{**adam, "lr": args.router})] if routers else chosen


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("work", type=Path, help="directory with data/ and tokenizer.json; NAME.pt is written to it")
    parser.add_argument("--name", default="moe", help="name of the checkpoint; training resumes if NAME.pt exists (default: moe)")
    parser.add_argument("--experts", type=int, default=96, help="experts in each layer; 1 makes the model dense (default: 96)")
    parser.add_argument("--minutes", type=float, default=40, help="length of the training run (default: 40)")
    parser.add_argument("--steps", type=int, help="number of steps, instead of --minutes")
    parser.add_argument("--lr", type=float, default=0.003, help="learning rate of Muon (default: 0.003)")
    parser.add_argument("--adam", type=float, default=0.0015, help="learning rate of AdamW, except for the routers (default: 0.0015)")
    parser.add_argument("--router", type=float, default=0.005, help="learning rate of AdamW for the routers (default: 0.005)")
    parser.add_argument("--balance", type=float, default=0.05, help="weight of the balancing loss (default: 0.05)")
    args = parser.parse_args()

    torch.set_num_threads(2)
    torch.manual_seed(1)
    tokenizer = Tokenizer.load(args.work / "tokenizer.json")
    model, batches = Model(Config(experts=args.experts)), Batches(args.work, tokenizer.specials["<|endoftext|>"])
    optimizer = optimizers(model, args)
    checkpoint, step, spent, printed = args.work / f"{args.name}.pt", 0, 0.0, time.time()
    if checkpoint.exists():
        saved = torch.load(checkpoint)
        model.load_state_dict(saved["model"])
        for o, state in zip(optimizer, saved["optimizer"]):
            o.load_state_dict(state)
        step, spent = saved["step"], saved["seconds"]
    parameters = sum(p.numel() for p in model.parameters())
    print(f"{args.name}: {parameters} parameters, from step {step}", flush=True)

    def save():
        state = {"model": model.state_dict(), "optimizer": [o.state_dict() for o in optimizer]}
        torch.save({**state, "config": vars(model.config), "step": step, "seconds": spent}, checkpoint.with_suffix(".tmp"))
        checkpoint.with_suffix(".tmp").rename(checkpoint)

    mark, saved_at, tokens, done = time.time(), time.time(), 0, False
    while not done:
        progress = step / args.steps if args.steps else spent / (60 * args.minutes)
        for o in optimizer:
            for group in o.param_groups:
                group["lr"] = o.defaults["lr"] * factor(progress)
        length = model.config.context if step % LONG_EVERY == LONG_EVERY - 1 else LENGTH
        window = torch.from_numpy(batches(step, ROWS * LENGTH // length, length))
        with torch.autocast("cpu", dtype=torch.bfloat16):
            hidden = model.hidden(window[:, :-1])
        loss = HeadLoss.apply(hidden.flatten(0, 1), model.embed.weight, window[:, 1:].flatten())
        mixtures = model.mixtures()
        total = loss + args.balance * sum(m.balance for m in mixtures) if mixtures else loss
        for o in optimizer:
            o.zero_grad(set_to_none=True)
        total.backward()
        for o in optimizer:
            o.step()
        for mixture in mixtures:
            mixture.center()
            if step % SPLIT_EVERY == SPLIT_EVERY - 1 and progress < SPLIT_UNTIL:
                mixture.split()
        step, tokens = step + 1, tokens + window.shape[0] * length
        now = time.time()
        spent, mark = spent + now - mark, now
        done = step >= args.steps if args.steps else spent >= 60 * args.minutes
        if step % 25 == 0 or done:
            load = [m.load.float() / m.load.float().mean() for m in mixtures]
            line = {"step": step, "seconds": round(spent, 1), "loss": round(loss.item(), 4), "rate": round(factor(progress), 4)}
            if mixtures:
                line |= {"hottest": [round(l.max().item(), 2) for l in load], "idle": [int((m.share < IDLE).sum()) for m in mixtures]}
                line |= {"balance": [round(m.balance.item(), 2) for m in mixtures]}
            print(json.dumps(line | {"tokens_per_second": round(tokens / (now - printed))}), flush=True)
            tokens, printed = 0, now
        if step % EVAL_STEPS == 0 or done:
            print(json.dumps({"step": step, "held_bits_per_byte": bits_per_byte(model, tokenizer, args.work, limit=16384)}), flush=True)
        if now - saved_at > SAVE_SECONDS or done:
            save()
            saved_at = now


if __name__ == "__main__":
    main()
