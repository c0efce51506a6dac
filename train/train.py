# Trains a model for a number of tokens or minutes: train.py WORKDIR --name nano --minutes 120
import argparse
import json
import math
import random
import time
from pathlib import Path

import torch

import attention
import head
import model as parts
import muon
from balance import METHODS, WEIGHTS
from bpe import Tokenizer
from data import Batches
from evaluate import SHORT, each_layer, figures, layers, load_figures
from export import load_views
from model import IDLE, Config, Model

ROWS, LENGTH, LONG_EVERY = 16, 384, 64  # windows in a step and tokens in each; every 64th step has longer, but fewer windows
SAVE_SECONDS, LOG_STEPS, EVAL_STEPS = 180, 25, 250
SPLIT_EVERY, SPLIT_UNTIL = 25, 0.6  # steps between two calls of split(); share of the run after which split() is not called
MOST = 6  # experts that a row uses at most in an elastic model


def factor(progress):
    """Factor on the learning rate: a short rise, then constant, and from 46 % of the run a linear fall."""
    return min(0.02 + progress / 0.02, 1.0, max(0.0, 1 - progress) / 0.55 + 0.02)


def optimizers(model, args):
    """Muon for the matrices inside the layers, and AdamW for embedding, routers and norms."""
    hidden = [p for n, p in model.named_parameters() if p.dim() > 1 and not n.startswith("embed") and not n.endswith("router")]
    routers = [m.router for m in model.mixtures()]
    other = [p for p in model.parameters() if not any(p is q for q in hidden + routers)]
    adam = {"lr": args.adam, "betas": (0.9, 0.95), "weight_decay": 0.0, "foreach": True}
    chosen = [muon.Muon(hidden, lr=args.lr, weight_decay=0.1), torch.optim.AdamW(other, **adam)]
    return chosen + [torch.optim.AdamW(routers, **{**adam, "lr": args.router})] if routers else chosen


def compile_parts():
    """Fuses the small operations with torch.compile, which needs a C++ compiler. The products and the choice of experts stay as they are."""
    parts.Block.before, parts.Block.after = torch.compile(parts.Block.before), torch.compile(parts.Block.after)
    parts.swiglu, parts.combine = torch.compile(parts.swiglu, dynamic=True), torch.compile(parts.combine)
    attention.Attention.gradients = staticmethod(torch.compile(attention.score_gradients))
    head.HeadLoss.block = staticmethod(torch.compile(head.loss_and_gradient))
    muon.orthogonal = torch.compile(muon.orthogonal)


def active_experts(args, count, step, progress):
    """How many experts a row uses in each layer: those of --schedule until --switch, a draw for each layer if --elastic, else one."""
    if args.elastic:
        draw = random.Random(step)
        return [draw.randint(1, MOST) for _ in range(count)]
    return each_layer(args.schedule, count) if progress < args.switch else [1] * count


def parse():
    parser = argparse.ArgumentParser()
    parser.add_argument("work", type=Path, help="directory with data/ and tokenizer.json; NAME.pt and NAME.jsonl are written to it")
    parser.add_argument("--name", default="nano", help="name of the checkpoint; training resumes if NAME.pt exists (default: nano)")
    parser.add_argument("--start", type=Path, metavar="DIR", help="begin with the weights of this Hugging Face directory instead of random ones")
    parser.add_argument("--first-step", type=int, default=0, help="number of the first batch, so that a second piece reads other text (default: 0)")
    length = parser.add_mutually_exclusive_group(required=True)
    length.add_argument("--tokens", type=float, help="length of the training run in tokens")
    length.add_argument("--minutes", type=float, help="length of the training run in minutes")
    parser.add_argument("--until", type=float, default=1.0, help="share of the run after which to stop; a second call goes on (default: 1)")
    parser.add_argument("--experts", type=int, default=96, help="experts in each layer; 1 makes the model dense (default: 96)")
    parser.add_argument("--prototypes", type=int, default=1, help="groups of experts, of which a row uses one expert each (default: 1)")
    parser.add_argument("--schedule", type=layers, default=[1], metavar="K[,K...]", help="experts a row uses in each layer until --switch, and one after it (progressive sparsification; default: 1)")
    parser.add_argument("--switch", type=float, default=math.inf, help="share of the run after which a row uses one expert in each layer (default: never)")
    parser.add_argument("--elastic", action="store_true", help=f"draw the number of experts from 1 to {MOST} in each step and layer")
    parser.add_argument("--balance", choices=METHODS, default="top1", help="balancing loss: Top-1 LBL, or the loss over the global batch (default: top1)")
    parser.add_argument("--balance-weight", type=float, help=f"weight of the balancing loss of a layer (default: {', '.join(f'{weight} for {name}' for name, weight in WEIGHTS.items())})")
    parser.add_argument("--rules", action=argparse.BooleanOptionalAction, default=True, help="center the routers and split busy experts (default: yes)")
    parser.add_argument("--lr", type=float, default=0.003, help="learning rate of Muon (default: 0.003)")
    parser.add_argument("--adam", type=float, default=0.0015, help="learning rate of AdamW, except for the routers (default: 0.0015)")
    parser.add_argument("--router", type=float, default=0.005, help="learning rate of AdamW for the routers (default: 0.005)")
    parser.add_argument("--compile", action=argparse.BooleanOptionalAction, default=True, help="fuse small operations; needs a C++ compiler (default: yes)")
    parser.add_argument("--threads", type=int, default=2, help="number of CPU threads; two runs with one thread each finish sooner than two runs in turn with two (default: 2)")
    return parser.parse_args()


class Run:
    """A training run: the model, its optimizers, and how far it has come."""

    def __init__(self, args):
        self.args, self.step, self.tokens, self.seconds = args, args.first_step, 0, 0.0
        config = Config(experts=args.experts, prototypes=args.prototypes)
        self.model, self.batches = Model(config, METHODS[args.balance]), Batches(args.work)
        self.optimizers = optimizers(self.model, args)
        self.checkpoint = args.work / f"{args.name}.pt"
        if self.checkpoint.exists():
            saved = torch.load(self.checkpoint)
            self.model.load_state_dict(saved["model"])
            for optimizer, state in zip(self.optimizers, saved["optimizer"]):
                optimizer.load_state_dict(state)
            self.step, self.tokens, self.seconds = saved["step"], saved["tokens"], saved["seconds"]
        elif args.start:
            load_views(self.model, args.start)
        self.weight = WEIGHTS[args.balance] if args.balance_weight is None else args.balance_weight

    def progress(self):
        return self.tokens / self.args.tokens if self.args.tokens else self.seconds / (60 * self.args.minutes)

    def active(self):
        """The number of experts of each layer with which the model is evaluated."""
        return None if self.args.elastic else active_experts(self.args, self.model.config.layers, self.step, self.progress())

    def save(self):
        state = {"model": self.model.state_dict(), "optimizer": [o.state_dict() for o in self.optimizers], "config": vars(self.model.config)}
        temporary = self.checkpoint.with_suffix(".tmp")
        torch.save({**state, "step": self.step, "tokens": self.tokens, "seconds": self.seconds}, temporary)
        temporary.rename(self.checkpoint)

    def log(self, line):
        text = json.dumps({"step": self.step, "tokens": self.tokens, "seconds": round(self.seconds, 1)} | line)
        print(text, flush=True)
        with self.checkpoint.with_suffix(".jsonl").open("a") as file:
            file.write(text + "\n")

    def advance(self):
        """One step. Returns the language loss."""
        began, progress, mixtures = time.time(), self.progress(), self.model.mixtures()
        for optimizer in self.optimizers:
            for group in optimizer.param_groups:
                group["lr"] = optimizer.defaults["lr"] * factor(progress)
            optimizer.zero_grad(set_to_none=True)
        loss = self.loss(progress)
        (loss + self.weight * sum(m.loss for m in mixtures)).backward()
        for optimizer in self.optimizers:
            optimizer.step()
        if self.args.rules:
            for mixture in mixtures:
                mixture.center()
                if self.step % SPLIT_EVERY == SPLIT_EVERY - 1 and progress < SPLIT_UNTIL:
                    mixture.split()
        self.step, self.tokens, self.seconds = self.step + 1, self.tokens + ROWS * LENGTH, self.seconds + time.time() - began
        return loss.item()

    def loss(self, progress):
        """The language loss of the step's batch, in which answers count most."""
        length = self.model.config.context if self.step % LONG_EVERY == LONG_EVERY - 1 else LENGTH
        window, counts = (torch.from_numpy(x) for x in self.batches(self.step, ROWS * LENGTH // length, length))
        with torch.autocast("cpu", dtype=torch.bfloat16):
            hidden = self.model.hidden(window[:, :-1], active_experts(self.args, self.model.config.layers, self.step, progress))
        return head.HeadLoss.apply(hidden.flatten(0, 1), self.model.embed.weight, window[:, 1:].flatten(), counts.flatten())

    def figures(self, loss):
        line = {"loss": round(loss, 4), "rate": round(factor(self.progress()), 4), "tokens_per_second": round(self.tokens / self.seconds)}
        mixtures = self.model.mixtures()
        if mixtures:
            line |= {"hottest": [round(m.share.max().item(), 2) for m in mixtures], "coldest": [round(m.share.min().item(), 2) for m in mixtures]}
            line |= {"idle": [int((m.share < IDLE).sum()) for m in mixtures], "balance": [round(m.loss.item(), 2) for m in mixtures]}
        return line


def main():
    args = parse()
    torch.set_num_threads(args.threads)
    torch.manual_seed(1)
    if args.compile:
        compile_parts()
    run = Run(args)
    print(f"{args.name}: {sum(p.numel() for p in run.model.parameters())} parameters, from step {run.step}", flush=True)
    saved, done = time.time(), False
    while not done:
        loss = run.advance()
        done = run.progress() >= args.until
        if run.step % LOG_STEPS == 0 or done:
            run.log(run.figures(loss))
        if run.step % EVAL_STEPS == 0 or done:
            held, load = figures(run.model, run.args.work, active=run.active(), limit=SHORT)
            run.log({"held": held} | (load_figures(load) if len(load) else {}))
        if time.time() - saved > SAVE_SECONDS or done:
            run.save()
            saved = time.time()


if __name__ == "__main__":
    main()
