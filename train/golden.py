# Writes logits that PyTorch computes in float64, to test the served model: golden.py variants OUT | golden.py nano HF_DIR OUT.json
import argparse
import base64
import json
import random
import sys
from pathlib import Path

import numpy as np
import torch
from torch.nn import functional as F

from bpe import Tokenizer
from export import config_json, load_views, views
from model import Config, Model

sys.path.insert(0, str(Path(__file__).parents[1] / "bench" / "oracle"))
import weights  # noqa: E402  draws the numbers of model/convert/random.ts

TINY = {"vocab": 96, "hidden": 64, "layers": 3, "heads": 4, "kv_heads": 2, "head_dim": 16, "inner": 32}
# Name, what differs in the config, and how many experts a row uses in each layer.
VARIANTS = (
    ("top1", {"experts": 96}, [1, 1, 1]),
    ("elastic2", {"experts": 96}, [2, 2, 2]),
    ("elastic6", {"experts": 96}, [6, 6, 6]),
    ("layers", {"experts": 96}, [4, 1, 2]),
    ("prototypes", {"experts": 96, "prototypes": 2}, [2, 2, 2]),
)
PROMPTS = (
    "<|endoftext|>Once upon a", "<|endoftext|><|user|>What is the opposite of hot?<|end|><|assistant|>The opposite of hot",
    "<|endoftext|><|user|>What is the capital of France?<|end|><|assistant|>The capital of France is",
)
LEAST_LEAD = 0.3  # smallest difference of the two best logits; rounding to 8 bits cannot swap them
NEAREST_TIE = 1e-3  # a choice nearer than this to another one could differ by rounding; the weights are then drawn again


def tiny_model(name, seed, fields):
    """A model with the random weights of a seed, and how each tensor is drawn."""
    model, specs = Model(Config(**TINY, **fields)).double().eval(), {}
    for tensor, view in views(model):
        specs[tensor] = weights.spec_of(tensor, view.shape, "F32")
        data = np.frombuffer(weights.tensor_bytes(seed, tensor, specs[tensor]), np.float32)
        view.copy_(torch.from_numpy(data.copy()).view(view.shape))
    return model, specs


class Routes:
    """The chosen experts of each layer, and the smallest distance between the logarithms of the scores of a chosen and another expert."""

    def __init__(self, model):
        self.chosen, self.nearest = [], float("inf")
        for mixture in model.mixtures():
            mixture.choose = self.watching(mixture, mixture.choose)

    def watching(self, mixture, choose):
        def watched(rows, k):
            weight, chosen = choose(rows, k)
            self.chosen.append(chosen.sort(-1)[0].tolist())
            scores = F.linear(rows, mixture.router).view(len(rows), mixture.c.prototypes, -1).sort(-1, descending=True)[0]
            k = 1 if mixture.c.prototypes > 1 else k
            self.nearest = min(self.nearest, (scores[..., k - 1] - scores[..., k]).min().item())
            return weight, chosen

        return watched



@torch.no_grad()
def variant(name, fields, active):
    """A case as in test/oracle, with the number of experts of each layer in `active`."""
    for seed in range(100):
        model, specs = tiny_model(name, seed, fields)
        rng = random.Random(f"{name}-{seed}")
        tokens = [rng.randrange(TINY["vocab"]) for _ in range(28)]
        routes = Routes(model)
        logits = model(torch.tensor([tokens]), active)[0]
        if routes.nearest >= NEAREST_TIE:
            break
    else:
        raise ValueError(f"{name}: every seed has a choice near a tie")
    return {
        "layout": "qwen3_moe", "class": "train/model.py", "maths": "class", "versions": {"torch": torch.__version__.split("+")[0]}, "seed": seed,
        "config": config_json(model.config, 0), "tensors": weights.grouped(specs), "sha256": weights.file_sha256(seed, specs),
        "tokens": tokens, "vocab": TINY["vocab"], "active": active, "nearestTie": float(f"{routes.nearest:.3g}"), "routing": routes.chosen,
        "logits": base64.b64encode(logits.numpy().astype("<f4").tobytes()).decode(),
        "exact": {"positions": [], "logits": ""},
    }  # fmt: skip


@torch.no_grad()
def nano(folder):
    """For each prompt, the ten best logits of the last position, from the weights in a Hugging Face directory."""
    config = json.loads((folder / "config.json").read_text())
    model = Model(config_of(config)).double().eval()
    load_views(model, folder)
    tokenizer, cases = Tokenizer.load(folder / "tokenizer.json"), []
    for prompt in PROMPTS:
        ids = tokenizer.encode(prompt)
        top = model(torch.tensor([ids]))[0, -1].topk(10)
        if top.values[0] - top.values[1] < LEAST_LEAD:
            raise ValueError(f"the two best tokens after {prompt!r} are too close; choose another prompt in PROMPTS")
        cases.append({"prompt": prompt, "ids": ids, "top": [{"id": i, "logit": round(v, 6)} for v, i in zip(top.values.tolist(), top.indices.tolist())]})
    return cases


def config_of(config):
    """The Config for a config.json that export.py or scripts/export-checkpoint.ts has written."""
    return Config(
        vocab=config["vocab_size"], hidden=config["hidden_size"], layers=config["num_hidden_layers"], heads=config["num_attention_heads"],
        kv_heads=config["num_key_value_heads"], head_dim=config["head_dim"], inner=config["moe_intermediate_size"], experts=config["num_experts"],
        prototypes=config.get("num_expert_prototypes", 1), context=config["max_position_embeddings"], rope_base=config["rope_theta"], eps=config["rms_norm_eps"],
    )  # fmt: skip


def text_of(case):
    """One line for each field, so that a diff says what changed."""
    return "{\n" + ",\n".join(f"{json.dumps(k)}:{json.dumps(v, separators=(',', ':'))}" for k, v in case.items()) + "\n}\n"


def main():
    parser = argparse.ArgumentParser()
    commands = parser.add_subparsers(dest="command", required=True)
    tiny = commands.add_parser("variants", help="random tiny models of every variant")
    tiny.add_argument("out", type=Path, help="folder for one JSON file a variant")
    real = commands.add_parser("nano", help="an exported model")
    real.add_argument("folder", type=Path, help="Hugging Face directory")
    real.add_argument("out", type=Path, help="JSON file to write")
    args = parser.parse_args()
    torch.set_num_threads(1)
    if args.command == "nano":
        args.out.write_text(json.dumps(nano(args.folder), indent=1) + "\n")
        return
    args.out.mkdir(parents=True, exist_ok=True)
    for name, fields, active in VARIANTS:
        case = variant(name, fields, active)
        (args.out / f"{name}.json").write_text(text_of(case))
        print(f"{name}: seed {case['seed']}, nearest tie {case['nearestTie']}")


if __name__ == "__main__":
    main()
