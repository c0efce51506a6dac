# An independent forward pass of an exported directory, in numpy: reference_logits.py DIR --ids 1,2,3 | --golden OUT.json
import argparse
import json
from pathlib import Path

import numpy as np

GOLDEN = ("It is a truth universally", "<|endoftext|><|user|>What is a whale?<|end|><|assistant|>", "The captain looked at the sea and")


def read_safetensors(path, dtype):
    raw = path.read_bytes()
    start = 8 + int.from_bytes(raw[:8], "little")
    header = json.loads(raw[8:start])
    header.pop("__metadata__", None)
    return {
        name: np.frombuffer(raw, np.float16, (t["data_offsets"][1] - t["data_offsets"][0]) // 2, start + t["data_offsets"][0])
        .reshape(t["shape"])
        .astype(dtype)
        for name, t in header.items()
    }


def softmax(x):
    e = np.exp(x - x.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


class Reference:
    def __init__(self, folder, dtype=np.float64):
        self.config, self.dtype = json.loads((folder / "config.json").read_text()), dtype
        self.weights = read_safetensors(folder / "model.safetensors", dtype)

    def norm(self, x, name):
        return x / np.sqrt((x * x).mean(-1, keepdims=True) + self.config["rms_norm_eps"]) * self.weights[name]

    def rope(self, x):  # [heads, T, head_dim]
        half = x.shape[-1] // 2
        angle = np.outer(np.arange(x.shape[1]), self.config["rope_theta"] ** (-np.arange(half) / half))
        a, b, cos, sin = x[..., :half], x[..., half:], np.cos(angle), np.sin(angle)
        return np.concatenate((a * cos - b * sin, b * cos + a * sin), -1).astype(self.dtype)

    def attention(self, x, prefix):  # [T, d]
        T, size = len(x), self.config["head_dim"]

        def heads(part):  # [heads, T, head_dim]
            return (x @ self.weights[f"{prefix}{part}_proj.weight"].T).reshape(T, -1, size).transpose(1, 0, 2)

        q = self.rope(self.norm(heads("q"), prefix + "q_norm.weight"))
        k = self.rope(self.norm(heads("k"), prefix + "k_norm.weight"))
        group = len(q) // len(k)
        k, v = k.repeat(group, 0), heads("v").repeat(group, 0)
        scores = q @ k.transpose(0, 2, 1) / self.dtype(size**0.5)
        scores[:, np.triu_indices(T, 1)[0], np.triu_indices(T, 1)[1]] = -np.inf
        y = (softmax(scores) @ v).transpose(1, 0, 2).reshape(T, -1)
        return y @ self.weights[prefix + "o_proj.weight"].T

    def expert(self, x, prefix):
        gate, up = x @ self.weights[prefix + "gate_proj.weight"].T, x @ self.weights[prefix + "up_proj.weight"].T
        return (gate / (1 + np.exp(-gate)) * up) @ self.weights[prefix + "down_proj.weight"].T

    def experts(self, x, prefix):
        """The output of each row's chosen expert, times the expert's raw probability, and the number of that expert."""
        p = softmax(x @ self.weights[prefix + "gate.weight"].T)
        chosen = p.argmax(-1)
        rows = [p[i, e] * self.expert(x[i], f"{prefix}experts.{e}.") for i, e in enumerate(chosen)]
        return np.stack(rows), chosen

    def __call__(self, ids):
        """Logits [T, vocab] and the chosen experts [layers, T]."""
        h, routes = self.weights["model.embed_tokens.weight"][ids], []
        for layer in range(self.config["num_hidden_layers"]):
            prefix = f"model.layers.{layer}."
            h = h + self.attention(self.norm(h, prefix + "input_layernorm.weight"), prefix + "self_attn.")
            y, chosen = self.experts(self.norm(h, prefix + "post_attention_layernorm.weight"), prefix + "mlp.")
            h = h + y
            routes.append(chosen.tolist())
        return self.norm(h, "model.norm.weight") @ self.weights["model.embed_tokens.weight"].T, routes


def last_position(reference, ids):
    logits, routes = reference(ids)
    top = np.argsort(-logits[-1])[:10]
    return {"ids": ids, "top": [{"id": int(i), "logit": round(float(logits[-1, i]), 6)} for i in top], "experts": routes}


def compare(reference, folder, work, name):
    """Prints, for each golden prompt, the largest difference from PyTorch among the ten best logits of the last position."""
    import torch

    from bpe import Tokenizer
    from evaluate import load_checkpoint

    model, tokenizer = load_checkpoint(work, name)[0].half().float().eval(), Tokenizer.load(folder / "tokenizer.json")
    for prompt in GOLDEN:
        ids = tokenizer.encode(prompt)
        ours, theirs = reference(ids)[0][-1], model(torch.tensor([ids]))[0, -1].detach().numpy()
        top = np.argsort(-ours)[:10]
        print(f"{prompt!r}: {np.abs(ours - theirs)[top].max():.1e}, same order: {(np.argsort(-theirs)[:10] == top).all()}")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path, help="directory that export.py has written")
    parser.add_argument("--ids", help="comma-separated token ids; prints the logits of every position as JSON")
    parser.add_argument("--golden", type=Path, help="file to write: for three prompts, the ten best logits of the last position")
    parser.add_argument("--compare", type=Path, metavar="WORKDIR", help="compare with the PyTorch checkpoint in WORKDIR, rounded to float16")
    parser.add_argument("--name", default="moe", help="name of the checkpoint for --compare (default: moe)")
    parser.add_argument("--float32", action="store_true", help="compute in float32 instead of float64")
    args = parser.parse_args()
    reference = Reference(args.folder, np.float32 if args.float32 else np.float64)
    if args.ids:
        logits, routes = reference([int(i) for i in args.ids.split(",")])
        print(json.dumps({"logits": logits.tolist(), "experts": routes}))
    if args.golden:
        from bpe import Tokenizer

        tokenizer = Tokenizer.load(args.folder / "tokenizer.json")
        golden = [{"prompt": p, **last_position(reference, tokenizer.encode(p))} for p in GOLDEN]
        args.golden.write_text(json.dumps(golden, indent=1) + "\n")
    if args.compare:
        compare(reference, args.folder, args.compare, args.name)


if __name__ == "__main__":
    main()
