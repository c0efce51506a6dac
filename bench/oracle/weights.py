"""Draws the weights of a checkpoint: the same numbers as model/convert/random.ts, rounded as the file stores them."""

import hashlib
import itertools
import math
import re
import struct

import numpy as np

# Standard deviation of the sum of four dice with 256 sides.
DICE_DEVIATION = math.sqrt((4 * (256**2 - 1)) / 12)


def dice(seed, name, count):
    """Sums of four dice with sides 0 to 255, for the first `count` elements of a tensor."""
    digest = hashlib.sha256(f"{seed}/{name}".encode()).digest()
    a, b = (np.uint32(word) for word in struct.unpack_from("<II", digest))
    with np.errstate(over="ignore"):
        x = np.arange(count, dtype=np.uint32) * np.uint32(0x9E3779B9) ^ a
        x = (x ^ (x >> np.uint32(16))) * np.uint32(0x7FEB352D) + b
        x = (x ^ (x >> np.uint32(15))) * np.uint32(0x846CA68B)
        x ^= x >> np.uint32(16)
    return sum(((x >> np.uint32(shift)) & np.uint32(255)).astype(np.int64) for shift in (0, 8, 16, 24))


def float_bytes(values, dtype):
    """The bytes of float32 values in a dtype of safetensors, rounded to nearest, ties to even."""
    if dtype == "F32":
        return values.tobytes()
    if dtype == "F16":
        return values.astype(np.float16).tobytes()
    if dtype == "BF16":
        words = values.view(np.uint32).astype(np.uint64)
        return ((words + 0x7FFF + ((words >> 16) & 1)) >> 16).astype(np.uint16).tobytes()
    raise ValueError(f"no such dtype: {dtype}")


def tensor_bytes(seed, name, spec):
    """The bytes of a tensor. `spec` has dtype, shape, and mean and deviation, or, for bytes, first and count."""
    sums = dice(seed, name, math.prod(spec["shape"]))
    if spec["dtype"] == "U8":
        return (spec["first"] + sums % spec["count"]).astype(np.uint8).tobytes()
    unit = spec["deviation"] / DICE_DEVIATION
    return float_bytes((spec["mean"] + (sums - 510) * unit).astype(np.float32), spec["dtype"])


def file_sha256(seed, specs):
    """SHA-256 of all tensors' bytes, in order of their names."""
    digest = hashlib.sha256()
    for name in sorted(specs):
        digest.update(tensor_bytes(seed, name, specs[name]))
    return digest.hexdigest()


def numbers_of(values):
    """Writes a set of integers as a range if it is one: 0-3, else 1,3."""
    low, high = min(values), max(values)
    if len(values) > 1 and len(values) == high - low + 1:
        return f"{low}-{high}"
    return ",".join(str(value) for value in sorted(values))


def grouped(specs):
    """Joins tensors that differ in the numbers of their names only: model.layers.{0-3}.mlp.experts.{0-7}.…"""
    kinds = {}
    for name, spec in specs.items():
        numbers = tuple(int(part) for part in re.findall(r"(?<=\.)\d+(?=\.)", name))
        template = re.sub(r"(?<=\.)\d+(?=\.)", "{}", name)
        key = (template, repr(sorted(spec.items())))
        kinds.setdefault(key, (template, spec, []))[2].append(numbers)
    groups = []
    for template, spec, tuples in kinds.values():
        axes = [set(axis) for axis in zip(*tuples)]
        if math.prod(map(len, axes)) != len(tuples):
            raise ValueError(f"{template} does not have every combination of its numbers")
        filled = template.format(*("{" + numbers_of(axis) + "}" for axis in axes))
        groups.append({"name": re.sub(r"\{(\d+)\}", r"\1", filled), **spec})
    return sorted(groups, key=lambda group: group["name"])


def expanded(groups):
    """The tensors of `grouped`, by name."""
    specs = {}
    for group in groups:
        parts = re.split(r"\{([\d,-]+)\}", group["name"])
        choices = []
        for text in parts[1::2]:
            if "-" in text:
                low, high = map(int, text.split("-"))
                choices.append(range(low, high + 1))
            else:
                choices.append([int(value) for value in text.split(",")])
        spec = {key: value for key, value in group.items() if key != "name"}
        for numbers in itertools.product(*choices):
            tail = (f"{number}{part}" for number, part in zip(numbers, parts[2::2]))
            specs[parts[0] + "".join(tail)] = spec
    return specs


# Mean and gain or deviation of a tensor, by its name. A gain is divided by the square root of the number of inputs.
# The gains are large, so that attention and routing differ strongly between positions.
RULES = [
    (r"(e_score_correction_bias|expert_bias)$", {"mean": 0, "deviation": 0.2}),
    (r"sinks$", {"mean": 0.5, "deviation": 1}),
    (r"norm\d*\.weight$", {"mean": 1, "deviation": 0.2}),
    (r"(router|gate)\.bias$", {"mean": 0, "deviation": 0.5}),
    (r"bias$", {"mean": 0, "deviation": 0.3}),
    (r"(embed_tokens|word_embeddings)\.weight$", {"mean": 0, "deviation": 1}),
    (r"(lm_head|router|gate|wg|router\.layer|shared_expert_gate)\.weight$", {"mean": 0, "gain": 2}),
    (r"", {"mean": 0, "gain": 1.5}),
]
# Experts whose tensors have the inputs in the second dimension.
INPUTS_IN_SECOND = re.compile(r"experts\.(gate_up_proj|down_proj)$")


def spec_of(name, shape, dtype, inputs_second=False):
    """How a tensor of a checkpoint is drawn."""
    rule = next(rule for pattern, rule in RULES if re.search(pattern, name))
    if "gain" in rule:
        inputs = shape[-2] if inputs_second and INPUTS_IN_SECOND.search(name) else shape[-1]
        deviation = round(rule["gain"] / math.sqrt(inputs), 3)
    else:
        deviation = rule["deviation"]
    return {"dtype": dtype, "shape": list(shape), "mean": rule["mean"], "deviation": deviation}
