# Encodes the corpus and conversations that are made from it, and serves batches of windows: data.py WORKDIR -> WORKDIR/data/
import json
import random
import re
import sys
from pathlib import Path

import numpy as np

from bpe import Tokenizer

PROSE = ("sotu", "austen", "web", "moby")
SHARES = {"sotu": 0.38, "austen": 0.22, "web": 0.20, "moby": 0.08, "chat": 0.12}  # average share of the windows in a batch
CONVERSATIONS = 40000
SYSTEM = ("You are a helpful assistant.", "You continue the user's text.", "Answer briefly.")
CONTINUE = ("{}", "{}", "Continue: {}", "Please continue this text: {}", "What comes next? {}")
ABOUT = ("Tell me about {}.", "Write about {}.", "What do you know of {}?", "Say something about {}.")
DEFINE = ("What is {}?", "What does the word {} mean?", "Define {}.", "Explain {}.")


def with_article(noun):
    return f"{'an' if noun[0] in 'aeiou' else 'a'} {noun}"


def conversation(rng, sentences, nouns, definitions):
    """One random chat. The user asks to continue a passage (1/2), to say something about a noun (1/4) or to define a noun (1/4)."""
    kind = rng.random()
    if kind < 0.75:
        start = rng.randrange(len(sentences) - 8)
        passage = sentences[start : start + rng.randint(3, 7)]
        if kind < 0.5:
            user, reply = rng.choice(CONTINUE).format(passage[0]), passage[1:]
        else:
            mentioned = [w for w in re.findall(r"[a-z]+", passage[0]) if w in nouns]
            user = rng.choice(ABOUT).format("the " + rng.choice(mentioned) if mentioned else "it")
            reply = passage[:-1]
        reply = " ".join(reply)
    else:
        noun, gloss = rng.choice(definitions)
        user = rng.choice(DEFINE).format(rng.choice((noun, with_article(noun))))
        reply = f"{with_article(noun).capitalize()} is {gloss}."
    system = f"<|system|>{rng.choice(SYSTEM)}<|end|>" if rng.random() < 0.2 else ""
    return f"<|endoftext|>{system}<|user|>{user}<|end|><|assistant|>{reply}<|end|>"


def chat(corpus):
    rng = random.Random(1)
    definitions = [d for d in corpus["definitions"] if len(d[1]) < 160]
    nouns = {noun for noun, _ in definitions if len(noun) > 3}
    sentences = []
    for name in PROSE:
        for document in corpus[name]["train"]:
            for paragraph in document.split("\n\n"):
                sentences += [s for s in re.split(r"(?<=[.!?])\s+(?=[\"'A-Z])", paragraph) if 20 < len(s) < 400]
    return [conversation(rng, sentences, nouns, definitions) for _ in range(CONVERSATIONS)]


def main(work):
    corpus = json.loads((work / "corpus.json").read_text())
    tokenizer = Tokenizer.load(work / "tokenizer.json")
    parts = {f"{name}.{part}": ["<|endoftext|>" + d for d in corpus[name][part]] for name in PROSE for part in ("train", "held")}
    parts["chat.train"] = chat(corpus)
    (work / "data").mkdir(exist_ok=True)
    for name, documents in parts.items():
        ids = np.array([i for d in documents for i in tokenizer.encode(d)], dtype=np.uint16)
        ids.tofile(work / "data" / f"{name}.bin")
        print(f"{name}: {len(ids)} tokens, {sum(len(d.encode()) for d in documents) / len(ids):.2f} bytes a token")


class Batches:
    """Batches of windows, drawn by SHARES. A batch depends only on the step's number, so two models can be trained on the same tokens."""

    def __init__(self, work, separator):
        self.tokens = {name: np.fromfile(work / "data" / f"{name}.train.bin", dtype=np.uint16) for name in SHARES}
        self.chats = np.flatnonzero(self.tokens["chat"] == separator)  # indexes at which conversations begin

    def __call__(self, step, rows, length):
        """int64 [rows, length + 1]. The inputs are all columns but the last, and the targets all columns but the first."""
        rng, out = np.random.default_rng(step), np.empty((rows, length + 1), dtype=np.int64)
        for row, name in enumerate(rng.choice(list(SHARES), size=rows, p=list(SHARES.values()))):
            tokens = self.tokens[name]
            last = len(tokens) - length - 1
            start = rng.choice(self.chats[self.chats < last]) if name == "chat" else rng.integers(last)
            out[row] = tokens[start : start + length + 1]
        return out


if __name__ == "__main__":
    main(Path(sys.argv[1]))
