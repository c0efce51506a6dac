"""Makes random tiny checkpoints, has transformers compute their logits, and writes both as JSON. See README.md.

python generate.py --out ../../test/oracle            writes all cases
python generate.py --out ../../test/oracle --check    computes them again and compares
"""

import argparse
import base64
import json
import pathlib
import random
import sys
import tempfile
import zlib

import numpy as np
import torch
import transformers

import reference
from build import build, load
from cases import all_cases
from exact import in_double, logits_of, margin, run_double
from sensitivity import without_effect
from weights import expanded, file_sha256, grouped

# Choices nearer to a tie than this could differ between float32 and float64. The weights are then drawn again.
NEAREST_TIE = 1e-3
# Relative to the largest logit. Two independent computations in float64 must agree to this.
SAME_DOUBLE = 1e-9
# float32 results on another machine may differ by this, relative to the largest logit.
SAME_FLOAT = 2e-5
EXACT_POSITIONS = 5


def base64_of(array):
    return base64.b64encode(np.ascontiguousarray(array).tobytes()).decode()


def relative(a, b):
    return float(np.abs(a - b).max() / np.abs(b).max())


def drawn_tokens(seed, vocab):
    rng = random.Random(f"tokens-{seed}")
    return [rng.randrange(vocab) for _ in range(rng.randint(24, 32))]


def experts_chosen(records, experts):
    """For each layer with experts, the sorted experts of each position. Choices among groups are left out."""
    chosen = [indices.tolist() for scores, indices in records if scores.shape[-1] == experts]
    return [[sorted(row) for row in layer] for layer in chosen]


def compute(case, folder, strict=True):
    """Draws weights until no choice is near a tie, and returns the case's JSON. Unless `strict`, a field may not matter."""
    built = build(case, folder)
    first = zlib.crc32(case.name.encode()) % 10000 * 100
    dull = []
    for seed in range(first, first + 100):
        model = load(case, built, seed, folder)
        tokens = drawn_tokens(f"{case.name}-{seed}", model.config.vocab_size)
        single = logits_of(model, tokens).numpy()
        exact = in_double(model, case.prepare)
        double, norms, records = run_double(exact, tokens)
        double, routing = double.numpy(), experts_chosen(records, built.experts)
        nearest = min(margin(*record) for record in records)
        reason = "a choice is near a tie" if nearest < NEAREST_TIE else alike(double, routing)
        reason = reason or (without_effect(case, model, tokens, single) if strict else None)
        if reason is None:
            break
        dull.append(reason)
    else:
        raise ValueError(f"{case.name}: no seed gives a useful case: {dull[-5:]}")
    if case.reference:
        other = getattr(reference, case.reference)(built.config, reference.tensors(seed, built.specs), tokens)
        if relative(other, double) > SAME_DOUBLE:
            raise ValueError(f"{case.name}: the reference differs by {relative(other, double)}")
    positions = sorted({round(i * (len(tokens) - 1) / (EXACT_POSITIONS - 1)) for i in range(EXACT_POSITIONS)})
    groups = grouped(built.specs)
    if expanded(groups) != built.specs:
        raise ValueError(f"{case.name}: the list of tensors was not joined correctly")
    return {
        "layout": case.layout,
        "class": type(model).__name__,
        "maths": "nearest class, reference.py" if case.reference else "class",
        "versions": {"transformers": transformers.__version__, "torch": torch.__version__.split("+")[0]},
        "seed": seed,
        "config": built.config,
        "tensors": groups,
        "sha256": file_sha256(seed, built.specs),
        "tokens": tokens,
        "vocab": int(single.shape[-1]),
        "noise": float(f"{relative(single, double):.2g}"),
        "nearestTie": float(f"{nearest:.3g}"),
        "norms": [float(f"{norm:.6g}") for norm in norms],
        "routing": routing,
        "logits": base64_of(single.astype("<f4")),
        "exact": {"positions": positions, "logits": base64_of(double[positions].astype("<f8"))},
    }


def alike(logits, routing):
    """Positions must differ strongly, and layers must use several experts. Otherwise a wrong mask could pass."""
    scale = np.abs(logits).max()
    apart = [np.abs(logits[i] - logits[i + 1]).max() / scale for i in range(len(logits) - 1)]
    if min(apart) < 0.1:
        return "two positions are alike"
    few = any(len({expert for row in layer for expert in row}) < 3 for layer in routing)
    return "a layer uses fewer than three experts" if few else None


def text_of(result):
    """One line for each field, and one for each group of tensors, so that a diff says what changed."""
    lines = []
    for key, value in result.items():
        text = json.dumps(value, separators=(",", ":"))
        if key == "tensors":
            text = "[\n" + ",\n".join(json.dumps(group, separators=(",", ":")) for group in value) + "\n]"
        lines.append(f"{json.dumps(key)}:{text}")
    return "{\n" + ",\n".join(lines) + "\n}\n"


def differences(found, expected):
    """What differs between two results; logits may differ by rounding."""
    names = [key for key in expected if key not in ("logits", "exact", "noise", "norms", "nearestTie")]
    wrong = [key for key in names if found.get(key) != expected[key]]
    for result in (found, expected):
        result["single"] = np.frombuffer(base64.b64decode(result["logits"]), "<f4")
        result["double"] = np.frombuffer(base64.b64decode(result["exact"]["logits"]), "<f8")
    if relative(found["single"], expected["single"]) > SAME_FLOAT:
        wrong.append("logits")
    if relative(found["double"], expected["double"]) > SAME_DOUBLE:
        wrong.append("exact")
    return wrong


def main():
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--out", type=pathlib.Path, required=True, help="folder of the JSON files")
    options.add_argument("--check", action="store_true", help="compare with the files in place of writing them")
    options.add_argument("--only", default="", help="only cases whose name contains this")
    arguments = options.parse_args()
    torch.set_num_threads(1)
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    failed = False
    for case in all_cases():
        if arguments.only not in case.name:
            continue
        with tempfile.TemporaryDirectory() as folder:
            result = compute(case, pathlib.Path(folder))
        path = arguments.out / f"{case.name}.json"
        text = text_of(result)
        if arguments.check:
            wrong = differences(result, json.loads(path.read_text()))
            failed |= bool(wrong)
            print(case.name, f"differs in {', '.join(wrong)}" if wrong else "is the same", flush=True)
        else:
            path.write_text(text)
            print(case.name, result["class"], f"seed {result['seed']}, noise {result['noise']}, {len(text)} bytes", flush=True)
    sys.exit(failed)


if __name__ == "__main__":
    main()
