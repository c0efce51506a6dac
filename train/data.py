# Encodes the prose and texts of the world, and serves batches of windows: data.py WORKDIR [--texts N] -> WORKDIR/data/
import argparse
import json
from multiprocessing import Pool
from pathlib import Path

import numpy as np

from bpe import Tokenizer
from corpus import PROSE, SEED, mix, short_definitions

KINDS = tuple(kind for kind, _ in mix.SHARES)
SHARES = {"sotu": 0.08, "austen": 0.05, "web": 0.045, "moby": 0.025, "copies": 0.05, "world": 0.75}  # average share of the windows in a batch
# How much a target counts in the loss: in an answer, in plain text, and in what a user or system says.
ANSWER, PLAIN, PROMPT = 1.0, 0.5, 0.25
BARE = 0.5  # share of the world's windows without their first token, <|endoftext|>, which the prompt of a completion does not have
HELD_SEED = 2  # seed of the held-out texts of the world
WORDS = {"held": True, "trained": False}  # held-out texts of the world have held-out names, things and templates, or those of training
PART = 5000  # texts that one process encodes at a time


def encode_prose(work, corpus, tokenizer):
    for name in PROSE:
        for part in ("train", "held"):
            write(work, f"{name}.{part}", *encode(tokenizer, ["<|endoftext|>" + d for d in corpus[name][part]]))


def encode(tokenizer, texts):
    """The ids of each text, and the bytes of all texts together."""
    return [np.array(tokenizer.encode(text), dtype=np.uint16) for text in texts], sum(len(text.encode()) for text in texts)


def write(work, name, texts, size):
    """Writes the ids of texts one after another, and the index at which each text begins as uint32."""
    lengths = np.array([len(ids) for ids in texts])
    np.concatenate(texts).tofile(work / "data" / f"{name}.bin")
    (np.cumsum(lengths) - lengths).astype(np.uint32).tofile(work / "data" / f"{name}.starts")
    print(f"{name}: {len(texts)} texts, {lengths.sum()} tokens, {size / lengths.sum():.2f} bytes a token", flush=True)


class EncodePart:
    """Encodes the texts of the world with the indexes of a range. A process of its own has its own tokenizer."""

    def __init__(self, work):
        corpus = json.loads((work / "corpus.json").read_text())
        self.tokenizer, self.definitions = Tokenizer.load(work / "tokenizer.json"), short_definitions(corpus)

    def __call__(self, part):
        return encode(self.tokenizer, list(mix.texts(SEED, part.start, len(part), definitions=self.definitions)))


def encode_world(work, count):
    with Pool(2) as pool:
        parts = list(pool.imap(EncodePart(work), (range(first, min(first + PART, count)) for first in range(0, count, PART))))
    write(work, "world.train", [ids for part, _ in parts for ids in part], sum(size for _, size in parts))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("work", type=Path, help="directory with corpus.json and tokenizer.json; data/ is written to it")
    parser.add_argument("--texts", type=int, default=500_000, help="texts of the world for training (default: 500000, about 60 M tokens)")
    parser.add_argument("--held-texts", type=int, default=60, help="held-out texts of each kind of the world (default: 60)")
    args = parser.parse_args()
    corpus, tokenizer = json.loads((args.work / "corpus.json").read_text()), Tokenizer.load(args.work / "tokenizer.json")
    (args.work / "data").mkdir(exist_ok=True)
    encode_prose(args.work, corpus, tokenizer)
    for kind in KINDS:
        for words, held in WORDS.items():
            texts = list(mix.texts(HELD_SEED, 0, args.held_texts, held, ((kind, 1.0),), short_definitions(corpus)))
            write(args.work, f"{kind}.{words}", *encode(tokenizer, texts))
    encode_world(args.work, args.texts)


class Batches:
    """Batches of windows, drawn by SHARES. A batch depends only on the step's number, so two models can be trained on the same tokens."""

    def __init__(self, work):
        data = work / "data"
        self.tokens = {name: np.fromfile(data / f"{name}.train.bin", dtype=np.uint16) for name in SHARES if name != "copies"}
        starts = np.fromfile(data / "world.train.starts", dtype=np.uint32)
        self.order = np.random.default_rng(SEED).permutation(starts)  # step s begins its windows with the texts from place 64 s on
        tokenizer = Tokenizer.load(work / "tokenizer.json")
        self.words = range(256, min(tokenizer.specials.values()))  # ids of tokens that are neither a single byte nor a mark
        # How much the targets after a mark count, until the next mark; 0 for a token that is no mark.
        self.after = np.zeros(len(tokenizer.bytes), dtype=np.float32)
        for mark, counts in ((mix.BEGIN, PLAIN), (mix.SYSTEM, PROMPT), (mix.USER, PROMPT), (mix.ASSISTANT, ANSWER), (mix.END, PROMPT)):
            self.after[tokenizer.specials[mark]] = counts

    def __call__(self, step, rows, length):
        """(int64 [rows, length + 1], float32 [rows, length]): ids, and how much each target counts.

        The inputs are all columns but the last, and the targets all columns but the first."""
        rng, out, counts = np.random.default_rng(step), np.empty((rows, length + 1), dtype=np.int64), np.empty((rows, length), dtype=np.float32)
        for row, name in enumerate(rng.choice(list(SHARES), size=rows, p=list(SHARES.values()))):
            if name == "copies":
                out[row], counts[row] = copies(rng, length, self.words)
                continue
            tokens = self.tokens[name]
            if name == "world":
                start = self.order[(step * 64 + row) % len(self.order)] + (rng.random() < BARE)
            else:
                start = rng.integers(len(tokens))
            start = min(int(start), len(tokens) - length - 1)
            out[row] = tokens[start : start + length + 1]
            counts[row] = self.counts(out[row, :-1])
        return out, counts

    def counts(self, ids):
        """How much the target after each of the ids [length] counts."""
        marks = np.where(self.after[ids] > 0, np.arange(len(ids)), -1)
        last = np.maximum.accumulate(marks)
        return np.where(last >= 0, self.after[ids[last]], np.float32(PLAIN))


def copies(rng, length, tokens):
    """A window of random words of two to six random tokens, which come again and again, and how much each target counts.

    Only what can be copied counts: a word that has been there before, without its first token."""
    words, ids, counts, seen = [rng.choice(tokens, rng.integers(2, 7)) for _ in range(rng.integers(4, 25))], [], [], set()
    while len(ids) <= length:
        which = int(rng.integers(len(words)))
        ids.extend(words[which])
        counts.extend([0.0] + [float(which in seen)] * (len(words[which]) - 1))
        seen.add(which)
    return ids[: length + 1], counts[1 : length + 1]


if __name__ == "__main__":
    main()
