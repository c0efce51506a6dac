"""Builds a checkpoint's config and list of tensors with transformers, and loads it with weights of a seed."""

import json
import math
from dataclasses import dataclass

import torch
from safetensors import safe_open
from transformers import AutoConfig, AutoModelForCausalLM, Mxfp4Config

from weights import spec_of, tensor_bytes

NAMES_OF_DTYPES = {"F32": torch.float32, "BF16": torch.bfloat16, "F16": torch.float16, "U8": torch.uint8}
# Scales of MXFP4 blocks: exponents of two, with a bias of 127. These give weights of about the size of the others.
SCALES = {"first": 121, "count": 5}


@dataclass
class Built:
    # The config.json as transformers reads it, and as it is published.
    own_config: dict
    config: dict
    # How each tensor of the published checkpoint is drawn, by name.
    specs: dict
    # The name in the checkpoint, by the name that transformers reads.
    names: dict
    experts: int


def as_mxfp4(specs):
    """Replaces the projections of the experts by blocks of 32 4-bit values and scales; inputs are the last dimension."""
    result = {}
    for name, spec in specs.items():
        if not name.endswith(("experts.gate_up_proj", "experts.down_proj")):
            result[name] = spec
            continue
        experts, inputs, outputs = spec["shape"]
        blocks = [experts, outputs, inputs // 32]
        result[f"{name}_blocks"] = {"dtype": "U8", "shape": [*blocks, 16], "first": 0, "count": 256}
        result[f"{name}_scales"] = {"dtype": "U8", "shape": blocks, **SCALES}
    return result


def build(case, folder):
    config = AutoConfig.for_model(case.model_type, **case.fields)
    model = AutoModelForCausalLM.from_config(config, dtype=getattr(torch, case.dtype))
    case.prepare(model)
    model.save_pretrained(folder, save_original_format=not case.stacked)
    own_config = json.loads((folder / "config.json").read_text())
    inputs_second = case.model_type in ("gpt_oss", "llama4_text")
    specs, names = {}, {}
    with safe_open(folder / "model.safetensors", "pt") as file:
        for name in file.keys():
            piece = file.get_slice(name)
            names[name] = case.rename(name)
            specs[names[name]] = spec_of(name, piece.get_shape(), piece.get_dtype(), inputs_second)
    if case.mxfp4:
        specs = as_mxfp4(specs)
        names = {name: name for name in specs}
        skipped = ["model.layers.*.self_attn", "model.layers.*.mlp.router", "model.embed_tokens", "lm_head"]
        own_config["quantization_config"] = {"quant_method": "mxfp4", "modules_to_not_convert": skipped}
    specs |= {name: spec_of(name, shape, dtype) for name, (shape, dtype) in case.extras.items()}
    return Built(own_config, case.publish(own_config), specs, names, experts_of(config))


def experts_of(config):
    for name in ("num_local_experts", "num_experts", "n_routed_experts", "moe_num_experts"):
        if hasattr(config, name):
            return getattr(config, name)
    raise ValueError(f"{config.model_type} has no number of experts")


def write_safetensors(path, tensors):
    """`tensors` is name to (dtype, shape, bytes)."""
    header, offset = {}, 0
    for name, (dtype, shape, data) in tensors.items():
        header[name] = {"dtype": dtype, "shape": shape, "data_offsets": [offset, offset + len(data)]}
        offset += len(data)
    text = json.dumps({"__metadata__": {"format": "pt"}, **header}).encode()
    text += b" " * (-len(text) % 8)
    path.write_bytes(len(text).to_bytes(8, "little") + text + b"".join(data for _, _, data in tensors.values()))


def load(case, built, seed, folder):
    """Writes the checkpoint as transformers reads it, and loads it in float32."""
    same = set(built.config) >= {"model_type"} and built.config["model_type"] == case.model_type
    config = built.config if same else built.own_config
    tensors = {}
    for name, published in built.names.items():
        spec = built.specs[published]
        tensors[name] = (spec["dtype"], spec["shape"], tensor_bytes(seed, published, spec))
    (folder / "config.json").write_text(json.dumps(config))
    write_safetensors(folder / "model.safetensors", tensors)
    more = {"quantization_config": Mxfp4Config(dequantize=True)} if case.mxfp4 else {}
    model, report = AutoModelForCausalLM.from_pretrained(
        folder,
        dtype=torch.float32,
        attn_implementation="eager",
        experts_implementation="eager",
        output_loading_info=True,
        **more,
    )
    for kind in ("missing_keys", "unexpected_keys", "mismatched_keys"):
        if report[kind]:
            raise ValueError(f"{case.name}: {kind}: {sorted(report[kind])[:5]}")
    check_config(case, model, built)
    case.prepare(model)
    wrong = [name for name, value in model.named_parameters() if value.dtype != torch.float32]
    if wrong:
        raise ValueError(f"{case.name}: not float32: {wrong[:5]}")
    return model.eval()


def check_config(case, model, built):
    """The published form of the config must mean the same as the one that transformers wrote."""
    wanted = AutoConfig.for_model(case.model_type, **case.fields).to_dict()
    found = model.config.to_dict()
    rope_wanted, rope_found = wanted.pop("rope_parameters"), found["rope_parameters"]
    for key, value in rope_wanted.items():
        other = rope_found.get(key)
        if other != value and not (isinstance(value, float) and math.isclose(other, value)):
            raise ValueError(f"{case.name}: {key} of the rotation is {other} in place of {value}")
    ignored = {"dtype", "transformers_version", "architectures", "moe_intermediate_size", "_experts_implementation", "_name_or_path"}
    wrong = [key for key in wanted if key not in ignored and found.get(key) != wanted[key]]
    if wrong:
        raise ValueError(f"{case.name}: the published config changes {wrong}")
