"""Checks that every tensor and every drawn field matters to the logits. A case in which it does not would prove nothing."""

import copy
import re

import torch

from exact import logits_of

# A change of any group of tensors must change a logit by this, relative to the largest.
MATTERS = 1e-3


def template(name):
    return re.sub(r"\.\d+\.", ".N.", name)


@torch.no_grad()
def without_effect(case, model, tokens, logits):
    """Names a group of tensors or a field that hardly matters, or returns None."""
    scale = abs(logits).max()
    values = dict(model.named_parameters()) | dict(model.named_buffers())
    groups = {}
    for name, value in values.items():
        if value.is_floating_point():
            groups.setdefault(template(name), []).append(value)
    for group, tensors in groups.items():
        kept = [value.clone() for value in tensors]
        for value in tensors:
            # The sizes stay, so that the change is not only one of scale.
            value.mul_(1 + 0.3 * torch.sin(torch.arange(value.numel()).reshape(value.shape)))
        change = abs(logits_of(model, tokens).numpy() - logits).max() / scale
        for value, old in zip(tensors, kept):
            value.copy_(old)
        if change < MATTERS and "original_inv_freq" not in group:
            return f"{group} hardly matters: {change:.2g}"
    for field, changed in changes(model.config, case.reference is None):
        other = rebuilt(case, model, changed)
        change = abs(logits_of(other, tokens).numpy() - logits).max() / scale
        if change < MATTERS:
            return f"{field} hardly matters: {change:.2g}"
    return None


def rebuilt(case, model, changed):
    other = type(model)(changed).eval()
    other.load_state_dict(model.state_dict())
    case.prepare(other)
    return other


def changes(config, plain):
    """Pairs of a field and a config in which only this field is changed. `plain`: the class reads all of its config."""
    result = []

    def change(field, **values):
        other = copy.deepcopy(config)
        for key, value in values.items():
            setattr(other, key, value)
        result.append((field, other))

    rope = config.rope_parameters
    change("rope_theta", rope_parameters={**rope, "rope_theta": rope["rope_theta"] * 3})
    if rope["rope_type"] != "default":
        change("rope_type", rope_parameters={"rope_type": "default", "rope_theta": rope["rope_theta"]})
    if rope.get("partial_rotary_factor", 1) != 1:
        change("partial_rotary_factor", rope_parameters={**rope, "partial_rotary_factor": 1.0})
    types = getattr(config, "layer_types", None)
    if types and len(set(types)) > 1:
        change("layer_types", layer_types=["full_attention"] * len(types))
    elif getattr(config, "sliding_window", None):
        change("sliding_window", sliding_window=config.sliding_window + 1)
    multipliers = ("embedding_multiplier", "attention_multiplier", "residual_multiplier", "logits_scaling")
    for field in (*multipliers, "attn_scale", "swiglu_limit", "routed_scaling_factor", "clip_qkv"):
        value = getattr(config, field, None)
        if value and (field != "attn_scale" or config.attn_temperature_tuning):
            change(field, **{field: value * 0.8})
    if plain and hasattr(config, "norm_topk_prob"):
        change("norm_topk_prob", norm_topk_prob=not config.norm_topk_prob)
    if getattr(config, "n_group", 1) > 1:
        change("topk_group", topk_group=config.n_group)
    if config.model_type == "llama4_text":
        change("attention_chunk_size", attention_chunk_size=config.attention_chunk_size + 1)
        change("use_qk_norm", use_qk_norm=not config.use_qk_norm)
    return result
