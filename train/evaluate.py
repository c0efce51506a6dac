# Prints held-out bits per byte and the load of experts, or samples, of a checkpoint: evaluate.py WORKDIR --name nano [--log] [--sample PROMPT ...] [--chat TEXT ...]
import argparse
import json
import math
from pathlib import Path

import numpy as np
import torch
from torch.nn import functional as F

from bpe import Tokenizer
from corpus import PROSE, mix
from data import KINDS, SHARES, WORDS
from model import Config, Model

WINDOW = 512
SHORT = 4096  # tokens of each kind that are enough for a look during a training run


def held(work, kind, words="held", limit=None):
    """Batches [windows, tokens + 1] of ids of one kind's held-out text. Prose has the same text whatever `words` says. Each window begins with the last id of the one before.

    Windows have WINDOW tokens, but the last one has what is left."""
    ids = np.fromfile(work / "data" / f"{kind}.{words if kind in KINDS else 'held'}.bin", dtype=np.uint16)[:limit].astype(np.int64)
    whole = (len(ids) - 1) // WINDOW
    if whole > 0:
        windows = np.lib.stride_tricks.sliding_window_view(ids, WINDOW + 1)[::WINDOW][:whole]
        yield from torch.from_numpy(windows.copy()).split(16)
    if len(ids) - 1 > whole * WINDOW:
        yield torch.from_numpy(ids[None, whole * WINDOW :])


@torch.no_grad()
def read(model, work, active=None, words="held", limit=None, precision=torch.bfloat16):
    """Reads the held-out text. Yields, for each kind, its bits and bytes, and the calls of each expert [layers, E]."""
    model.eval()
    sizes = torch.tensor([len(b) for b in Tokenizer.load(work / "tokenizer.json").bytes])
    for kind in KINDS + PROSE:
        bits, size, load = 0.0, 0, torch.zeros(len(model.mixtures()), model.config.experts)
        for window in held(work, kind, words, limit):
            targets = window[:, 1:]
            with torch.autocast("cpu", dtype=torch.bfloat16, enabled=precision is torch.bfloat16):
                logits = model(window[:, :-1], active)
            bits += F.cross_entropy(logits.float().flatten(0, 1), targets.flatten(), reduction="sum").item() / math.log(2)
            size += sizes[targets].sum().item()
            if model.mixtures():
                load += torch.stack([m.load for m in model.mixtures()])
        yield kind, bits, size, load
    model.train()


def figures(model, work, **options):
    """Bits per byte of the held-out text, by kind, for the world and for the prose; and the share of its calls that each expert got, [layers, E].

    1 is the uniform share. Each kind counts in the load as it does in training."""
    found = {kind: (bits, size, load) for kind, bits, size, load in read(model, work, **options)}
    groups = {**{kind: (kind,) for kind in found}, "world": KINDS, "prose": PROSE}
    held = {name: round(sum(found[k][0] for k in kinds) / sum(found[k][1] for k in kinds), 4) for name, kinds in groups.items()}
    return held, sum(share * found[kind][2] / found[kind][2].mean(-1, keepdim=True) for kind, share in trained_shares(work).items())


def trained_shares(work):
    """The share of the training tokens that each kind has. All kinds of the world have equally many held-out texts, so their lengths can be compared."""
    size = {kind: share * len(np.fromfile(work / "data" / f"{kind}.held.bin", dtype=np.uint16)) for kind, share in mix.SHARES}
    text = 1 - SHARES["copies"]
    return {**{kind: SHARES["world"] / text * x / sum(size.values()) for kind, x in size.items()}, **{name: SHARES[name] / text for name in PROSE}}


def load_figures(load):
    """The busiest and the idlest expert of each layer, and how many experts got no call."""
    return {"hottest": [round(x.item(), 2) for x in load.max(-1)[0]], "coldest": [round(x.item(), 2) for x in load.min(-1)[0]], "dead": [int((x == 0).sum()) for x in load]}


@torch.no_grad()
def generate(model, tokenizer, prompt, temperature, tokens, seed, active=None):
    model.eval()
    ids, start, random = tokenizer.encode(prompt), len(tokenizer.encode(prompt)), torch.Generator().manual_seed(seed)
    stop = (tokenizer.specials["<|endoftext|>"], tokenizer.specials["<|end|>"])
    while len(ids) < start + tokens:
        logits = model(torch.tensor([ids]), active)[0, -1]
        if temperature == 0:
            ids.append(int(logits.argmax()))
        else:
            ids.append(int(torch.multinomial((logits / temperature).softmax(-1), 1, generator=random)))
        if ids[-1] in stop:
            return tokenizer.decode(ids[start:-1]), "stop"
    return tokenizer.decode(ids[start:]), "length"


def load_checkpoint(work, name):
    saved = torch.load(work / f"{name}.pt")
    model = Model(Config(**saved["config"]))
    model.load_state_dict(saved["model"])
    return model, saved


def layers(text):
    """A number of experts, or one for each layer, separated by commas."""
    return [int(part) for part in text.split(",")]


def each_layer(numbers, count):
    return numbers * count if len(numbers) == 1 else numbers


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("work", type=Path, help="directory with NAME.pt, data/ and tokenizer.json")
    parser.add_argument("--name", default="nano", help="name of the checkpoint (default: nano)")
    parser.add_argument("--active", type=layers, default=[1], metavar="K[,K...]", help="experts a row uses, in all layers or in each (default: 1)")
    parser.add_argument("--log", action="store_true", help="add the figures to NAME.jsonl")
    parser.add_argument("--sample", nargs="*", default=[], metavar="PROMPT", help="continue these texts")
    parser.add_argument("--chat", nargs="*", default=[], metavar="TEXT", help="answer these user messages")
    parser.add_argument("--temperature", type=float, default=0.8, help="sampling temperature; 0 is greedy (default: 0.8)")
    parser.add_argument("--tokens", type=int, default=160, help="most tokens of a sample (default: 160)")
    args = parser.parse_args()
    torch.set_num_threads(2)
    tokenizer = Tokenizer.load(args.work / "tokenizer.json")
    model, saved = load_checkpoint(args.work, args.name)
    active = each_layer(args.active, model.config.layers)
    print(f"{args.name}: step {saved['step']}, {saved['tokens']} tokens, {saved['seconds'] / 60:.1f} minutes, {sum(p.numel() for p in model.parameters())} parameters")
    prompts = args.sample + [f"<|endoftext|><|user|>{text}<|end|><|assistant|>" for text in args.chat]
    for seed, prompt in enumerate(prompts):
        text, reason = generate(model, tokenizer, prompt, args.temperature, args.tokens, seed, active)
        print(f"{prompt}[{text}] ({reason})")
    if not prompts:
        for words in WORDS:
            found, load = figures(model, args.work, active=active, words=words, precision=torch.float32)
            line = json.dumps({"tokens": saved["tokens"], "active": active, "words": words, "final": found} | (load_figures(load) if len(load) else {}))
            print(line)
            if args.log:
                with (args.work / f"{args.name}.jsonl").open("a") as file:
                    file.write(line + "\n")


if __name__ == "__main__":
    main()
