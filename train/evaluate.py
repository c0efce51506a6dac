# Prints held-out bits per byte, or expert load and samples, of a checkpoint: evaluate.py WORKDIR --name moe [--load] [--sample PROMPT ...] [--chat TEXT ...]
import argparse
import math
from pathlib import Path

import numpy as np
import torch
from torch.nn import functional as F

from bpe import Tokenizer
from data import PROSE
from model import Config, Model

WINDOW = 512


def held(work, name, limit):
    """[windows, WINDOW + 1] ids of one source's held-out text. Each window begins with the last id of the window before."""
    ids = np.fromfile(work / "data" / f"{name}.held.bin", dtype=np.uint16)[:limit].astype(np.int64)
    windows = (len(ids) - 1) // WINDOW
    return torch.from_numpy(np.stack([ids[i * WINDOW : i * WINDOW + WINDOW + 1] for i in range(windows)]))


@torch.no_grad()
def bits_per_byte(model, tokenizer, work, limit=None, precision=torch.bfloat16):
    """Bits that the model needs for each byte of the held-out text: by source, and for all sources together."""
    model.eval()
    sizes = torch.tensor([len(b) for b in tokenizer.bytes])
    bits, size = {}, {}
    for name in PROSE:
        bits[name], size[name] = 0.0, 0
        for window in held(work, name, limit).split(16):
            with torch.autocast("cpu", dtype=torch.bfloat16, enabled=precision is torch.bfloat16):
                logits = model(window[:, :-1])
            loss = F.cross_entropy(logits.float().flatten(0, 1), window[:, 1:].flatten(), reduction="sum")
            bits[name] += loss.item() / math.log(2)
            size[name] += sizes[window[:, 1:]].sum().item()
    model.train()
    return {**{n: round(bits[n] / size[n], 4) for n in PROSE}, "all": round(sum(bits.values()) / sum(size.values()), 4)}


@torch.no_grad()
def expert_load(model, work):
    """Share of the held-out text's rows that each expert got, [layers, E]; 1 is the uniform share."""
    model.eval()
    load = torch.zeros(len(model.mixtures()), model.config.experts)
    for name in PROSE:
        for window in held(work, name, None).split(16):
            model(window[:, :-1])
            load += torch.stack([m.load for m in model.mixtures()])
    return load / load.mean(-1, keepdim=True)


@torch.no_grad()
def generate(model, tokenizer, prompt, temperature, tokens, seed):
    model.eval()
    ids, start, random = tokenizer.encode(prompt), len(tokenizer.encode(prompt)), torch.Generator().manual_seed(seed)
    stop = (tokenizer.specials["<|endoftext|>"], tokenizer.specials["<|end|>"])
    while len(ids) < start + tokens:
        logits = model(torch.tensor([ids]))[0, -1]
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


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("work", type=Path, help="directory with NAME.pt, data/ and tokenizer.json")
    parser.add_argument("--name", default="moe", help="name of the checkpoint (default: moe)")
    parser.add_argument("--load", action="store_true", help="print the load of each layer's hottest and coldest expert on the held-out text")
    parser.add_argument("--sample", nargs="*", default=[], metavar="PROMPT", help="continue these texts")
    parser.add_argument("--chat", nargs="*", default=[], metavar="TEXT", help="answer these user messages")
    parser.add_argument("--temperature", type=float, default=0.8, help="sampling temperature; 0 is greedy (default: 0.8)")
    parser.add_argument("--tokens", type=int, default=80, help="most tokens of a sample (default: 80)")
    args = parser.parse_args()
    torch.set_num_threads(2)
    tokenizer = Tokenizer.load(args.work / "tokenizer.json")
    model, saved = load_checkpoint(args.work, args.name)
    print(f"{args.name}: step {saved['step']}, {saved['seconds'] / 60:.1f} minutes, {sum(p.numel() for p in model.parameters())} parameters")
    prompts = args.sample + [f"<|endoftext|><|user|>{text}<|end|><|assistant|>" for text in args.chat]
    for seed, prompt in enumerate(prompts):
        text, reason = generate(model, tokenizer, prompt, args.temperature, args.tokens, seed)
        print(f"{prompt}[{text}] ({reason})")
    if args.load:
        for layer, load in enumerate(expert_load(model, args.work)):
            print(f"layer {layer}: hottest {load.max():.2f}, coldest {load.min():.2f} of the uniform share")
    if not prompts and not args.load:
        print("held-out bits per byte:", bits_per_byte(model, tokenizer, args.work, precision=torch.float32))


if __name__ == "__main__":
    main()
