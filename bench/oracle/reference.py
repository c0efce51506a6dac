"""Float64 references of the layouts that transformers lacks, written from the code that their makers published.

Sigma: microsoft/ltp-sglang, branch sigma, python/sglang/srt/models/ (SigmaForCausalLM, SigmaV2ForCausalLM).
Bailing: inclusionAI/Ling-V2, models/modeling_bailing_moe_v2.py.
"""

import numpy as np

from weights import tensor_bytes


def tensors(seed, specs):
    """Reads the tensors of a checkpoint as float64."""
    result = {}
    for name, spec in specs.items():
        data = tensor_bytes(seed, name, spec)
        if spec["dtype"] == "BF16":
            values = (np.frombuffer(data, np.uint16).astype(np.uint32) << 16).view(np.float32)
        else:
            values = np.frombuffer(data, {"F32": np.float32, "F16": np.float16}[spec["dtype"]])
        result[name] = values.astype(np.float64).reshape(spec["shape"])
    return result


def rms_norm(x, weight, eps):
    return x / np.sqrt((x * x).mean(-1, keepdims=True) + eps) * weight


def softmax(x):
    powers = np.exp(x - x.max(-1, keepdims=True))
    return powers / powers.sum(-1, keepdims=True)


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def swiglu(x, gate, up, down):
    z = x @ gate.T
    return (z * sigmoid(z) * (x @ up.T)) @ down.T


def rotated(x, theta, dims):
    """Rotates the first `dims` elements of each head, the first half of them against the second. x: [T, heads, d]."""
    angles = np.arange(len(x))[:, None] * theta ** -(np.arange(0, dims, 2) / dims)
    cos, sin = np.cos(angles)[:, None], np.sin(angles)[:, None]
    first, second, rest = x[..., : dims // 2], x[..., dims // 2 : dims], x[..., dims:]
    return np.concatenate([first * cos - second * sin, second * cos + first * sin, rest], -1)


def attend(q, k, v):
    """Causal attention. q: [T, heads, d], k and v: [T, KV heads, d]."""
    rows, heads, size = q.shape
    share = heads // k.shape[1]
    hidden = np.triu(np.full((rows, rows), -np.inf), 1)
    output = np.empty_like(q)
    for head in range(heads):
        scores = q[:, head] @ k[:, head // share].T / np.sqrt(size)
        output[:, head] = softmax(scores + hidden) @ v[:, head // share]
    return output.reshape(rows, heads * size)


def routed(x, weights, prefix, choose):
    """`choose` returns the experts of a row and their weights."""
    output = np.zeros_like(x)
    for row, hidden in enumerate(x):
        for expert, weight in choose(hidden):
            parts = (weights[f"{prefix}.experts.{expert}.{part}_proj.weight"] for part in ("gate", "up", "down"))
            output[row] += weight * swiglu(hidden, *parts)
    return output


def dense(x, weights, prefix):
    return swiglu(x, *(weights[f"{prefix}.{part}_proj.weight"] for part in ("gate", "up", "down")))


def sigma(config, weights, tokens):
    heads, groups = config["num_attention_heads"], config["num_key_value_heads"]
    size = config.get("head_dim") or config["hidden_size"] // heads
    eps, theta = config["rms_norm_eps"], config.get("rope_theta", 10000)
    x = weights["model.embed_tokens.weight"][tokens]
    for layer in range(config["num_hidden_layers"]):
        prefix = f"model.layers.{layer}"

        def linear(y, name):
            bias = weights[f"{prefix}.self_attn.{name}.bias"] if config.get("attention_bias", False) else 0
            return y @ weights[f"{prefix}.self_attn.{name}.weight"].T + bias

        y = rms_norm(x, weights[f"{prefix}.input_layernorm.weight"], eps)
        q, k, v = (linear(y, f"{name}_proj").reshape(len(y), -1, size) for name in "qkv")
        if config.get("qk_layernorm", True):
            q = rms_norm(q, weights[f"{prefix}.self_attn.q_layernorm.weight"], eps)
            k = rms_norm(k, weights[f"{prefix}.self_attn.k_layernorm.weight"], eps)
        assert q.shape[1] == heads and k.shape[1] == groups
        x = x + linear(attend(rotated(q, theta, size), rotated(k, theta, size), v), "o_proj")
        y = rms_norm(x, weights[f"{prefix}.post_attention_layernorm.weight"], eps)
        x = x + sigma_feed_forward(config, weights, y, layer)
    return rms_norm(x, weights["model.norm.weight"], eps) @ head(config, weights, "model.embed_tokens.weight").T


def head(config, weights, embedding):
    return weights[embedding if config["tie_word_embeddings"] else "lm_head.weight"]


def sigma_feed_forward(config, weights, y, layer):
    prefix = f"model.layers.{layer}.mlp"
    if layer < config.get("first_k_dense_replace", 0):
        return dense(y, weights, prefix)
    gate = weights[f"{prefix}.gate.weight"]
    bias = weights.get(f"{prefix}.gate.e_score_correction_bias", 0)
    ks = config["num_experts_per_tok"]
    k = ks[layer] if isinstance(ks, list) else ks

    def choose(hidden):
        scores = {"sigmoid": sigmoid, "softmax": softmax}[config["scoring_func"]](gate @ hidden)
        chosen = np.argsort(-(scores + bias), kind="stable")[:k]
        picked = scores[chosen]
        if k > 1 and config["norm_topk_prob"]:
            picked = picked / (picked.sum() + 1e-20)
        return zip(chosen, picked * config.get("routed_scaling_factor", 1.0))

    output = routed(y, weights, prefix, choose)
    if config.get("n_shared_experts"):
        output = output + dense(y, weights, f"{prefix}.shared_experts")
    return output


def bailing_moe_v2(config, weights, tokens):
    heads, groups = config["num_attention_heads"], config["num_key_value_heads"]
    size = config.get("head_dim") or config["hidden_size"] // heads
    eps = config["rms_norm_eps"]
    dims = int(size * config.get("partial_rotary_factor", 1.0))
    x = weights["model.word_embeddings.weight"][tokens]
    for layer in range(config["num_hidden_layers"]):
        prefix = f"model.layers.{layer}"
        y = rms_norm(x, weights[f"{prefix}.input_layernorm.weight"], eps)
        qkv = y @ weights[f"{prefix}.attention.query_key_value.weight"].T
        if config["use_qkv_bias"]:
            qkv = qkv + weights[f"{prefix}.attention.query_key_value.bias"]
        qkv = qkv.reshape(len(y), heads + 2 * groups, size)
        q, k, v = qkv[:, :heads], qkv[:, heads : heads + groups], qkv[:, heads + groups :]
        if config["use_qk_norm"]:
            q = rms_norm(q, weights[f"{prefix}.attention.query_layernorm.weight"], eps)
            k = rms_norm(k, weights[f"{prefix}.attention.key_layernorm.weight"], eps)
        theta = config["rope_theta"]
        y = attend(rotated(q, theta, dims), rotated(k, theta, dims), v)
        y = y @ weights[f"{prefix}.attention.dense.weight"].T
        x = x + (y + weights[f"{prefix}.attention.dense.bias"] if config["use_bias"] else y)
        y = rms_norm(x, weights[f"{prefix}.post_attention_layernorm.weight"], eps)
        x = x + bailing_feed_forward(config, weights, y, layer)
    return rms_norm(x, weights["model.norm.weight"], eps) @ head(config, weights, "model.word_embeddings.weight").T


def bailing_feed_forward(config, weights, y, layer):
    prefix = f"model.layers.{layer}.mlp"
    if layer < config["first_k_dense_replace"]:
        return dense(y, weights, prefix)
    gate, bias = weights[f"{prefix}.gate.weight"], weights[f"{prefix}.gate.expert_bias"]
    k, groups = config["num_experts_per_tok"], config["n_group"]

    def choose(hidden):
        scores = sigmoid(gate @ hidden)
        biased = (scores + bias).reshape(groups, -1)
        best_two = np.sort(biased, -1)[:, -2:].sum(-1)
        for group in np.argsort(-best_two)[config["topk_group"] :]:
            biased[group] = -np.inf
        chosen = np.argsort(-biased.reshape(-1), kind="stable")[:k]
        picked = scores[chosen]
        if k > 1:
            picked = picked / (picked.sum() + 1e-20)
        return zip(chosen, picked * config["routed_scaling_factor"])

    output = routed(y, weights, prefix, choose)
    if config["num_shared_experts"] is not None:
        output = output + dense(y, weights, f"{prefix}.shared_experts")
    return output
