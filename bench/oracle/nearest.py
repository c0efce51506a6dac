"""Cases of layouts that transformers lacks: the nearest class, set to the same maths, with fields and tensors renamed."""

import random

import draws


def per_layer(ks, normed):
    """Gives each layer its own number of experts a token. Weights are divided by their sum in layers with more than one."""

    def prepare(model):
        for layer, k in zip(model.model.layers, ks, strict=True):
            if hasattr(layer.mlp, "gate"):
                layer.mlp.gate.top_k = k
                layer.mlp.gate.norm_topk_prob = normed and k > 1

    return prepare


COPIED = ["vocab_size", "hidden_size", "num_hidden_layers", "num_attention_heads", "num_key_value_heads", "head_dim"]
COPIED += ["hidden_act", "intermediate_size", "moe_intermediate_size", "max_position_embeddings", "rms_norm_eps"]
COPIED += ["tie_word_embeddings", "attention_bias"]


def sigma_name(name):
    return name.replace("self_attn.q_norm", "self_attn.q_layernorm").replace("self_attn.k_norm", "self_attn.k_layernorm")


def sigma(n, model_type, dtype, *, experts, ks, architecture="SigmaV2ForCausalLM", **flags):
    """One case. `ks` is one number or a list; `flags` are fields of Sigma's config."""
    rng = random.Random(f"sigma-{n}")

    def drawn(rng, n):
        shape = draws.shape(rng, layers=(2, 3))
        shape |= {"moe_intermediate_size": draws.inner(rng, shape), "intermediate_size": 72, "num_experts": experts}
        return shape | ({"num_hidden_layers": len(ks)} if isinstance(ks, list) else {})

    shape = draws.small(drawn, rng, n)
    del shape["num_experts"]
    layers = shape["num_hidden_layers"]
    listed = ks if isinstance(ks, list) else [ks] * layers
    flags = {"attention_bias": False, "norm_topk_prob": False, "qk_layernorm": True, "routed_scaling_factor": 1.0} | flags
    dense = flags.get("first_k_dense_replace", 0)
    fields = shape | {"num_experts_per_tok": max(listed), "attention_bias": flags["attention_bias"]}
    if model_type == "qwen3_moe":
        fields |= {"num_experts": experts, "mlp_only_layers": list(range(dense))}
    else:
        fields |= {"n_routed_experts": experts, "n_shared_experts": flags["n_shared_experts"], "first_k_dense_replace": dense}
        fields |= {"routed_scaling_factor": flags["routed_scaling_factor"], "sliding_window": None}
    if model_type == "glm4_moe":
        fields |= {"use_qk_norm": flags["qk_layernorm"]}
        fields["rope_parameters"]["partial_rotary_factor"] = 1.0

    def publish(config):
        published = {"architectures": [architecture], "model_type": "sigma", "torch_dtype": config["dtype"]}
        published |= {key: config[key] for key in COPIED}
        published |= {"n_routed_experts": experts, "num_experts_per_tok": ks, "rope_scaling": None, "sliding_window": 4096}
        return published | {"rope_theta": config["rope_parameters"]["rope_theta"]} | flags

    return {
        "name": f"sigma-{n}",
        "model_type": model_type,
        "fields": fields,
        "dtype": dtype,
        "publish": publish,
        "rename": sigma_name,
        "prepare": per_layer(listed, flags["norm_topk_prob"]),
        "reference": "sigma",
    }


def sigma_cases():
    sigmoid = {"scoring_func": "sigmoid", "topk_method": "noaux_tc"}
    softmax = {"scoring_func": "softmax", "topk_method": "greedy"}
    one = {"norm_topk_prob": True, "routed_scaling_factor": 2.5, "n_shared_experts": 1, "first_k_dense_replace": 1}
    three = {"norm_topk_prob": True, "routed_scaling_factor": 1.5, "n_shared_experts": 2}
    five = {"n_shared_experts": 1, "first_k_dense_replace": 1, "qk_layernorm": False}
    old = "SigmaForCausalLM"
    return [
        sigma(1, "dots1", "float32", experts=12, ks=1, attention_bias=True, **sigmoid, **one),
        sigma(2, "qwen3_moe", "bfloat16", experts=16, ks=1, n_shared_experts=0, **softmax),
        sigma(3, "dots1", "float16", experts=8, ks=3, **sigmoid, **three),
        sigma(4, "qwen3_moe", "bfloat16", experts=12, ks=[3, 2, 1, 1], architecture=old, norm_topk_prob=True, **softmax),
        sigma(5, "glm4_moe", "float32", experts=6, ks=[1, 3, 1, 2], **sigmoid, **five),
    ]


def bailing(n, dtype, *, groups, kept, k, shared, model_type="bailing_moe_v2", extras=None, factor=0.5, **flags):
    """One case. transformers reads the same tensor names for its sarvam_moe, whose class is that of glm4_moe."""
    rng = random.Random(f"bailing_moe_v2-{n}")

    def drawn(rng, n):
        shape = draws.shape(rng, head_dims=[8, 12, 16, 20], layers=(3, 4))
        shape |= {"moe_intermediate_size": draws.inner(rng, shape), "intermediate_size": 72}
        return shape | {"num_experts": draws.choice(rng, groups=groups)[0]}

    shape = draws.small(drawn, rng, n)
    experts = shape.pop("num_experts")
    flags = {"use_qk_norm": True, "use_qkv_bias": False, "first_k_dense_replace": 1, "routed_scaling_factor": 2.5} | flags
    fields = shape | {"n_routed_experts": experts, "num_experts_per_tok": k, "n_group": groups, "topk_group": kept}
    fields |= {"n_shared_experts": shared, "use_qk_norm": flags["use_qk_norm"], "attention_bias": flags["use_qkv_bias"]}
    fields |= {key: flags[key] for key in ("first_k_dense_replace", "routed_scaling_factor")}
    # The published code divides by the sum only if there is more than one.
    fields |= {"norm_topk_prob": k > 1}
    fields["rope_parameters"]["partial_rotary_factor"] = factor

    def publish(config):
        published = {"architectures": ["BailingMoeV2ForCausalLM"], "model_type": model_type, "torch_dtype": config["dtype"]}
        published |= {key: config[key] for key in COPIED if key != "attention_bias"}
        published |= {"num_experts": experts, "num_experts_per_tok": k, "num_shared_experts": shared, "n_group": groups}
        published |= {"topk_group": kept, "norm_topk_prob": True, "score_function": "sigmoid", "router_dtype": "fp32"}
        published |= {"moe_router_enable_expert_bias": True, "use_bias": False, "rope_scaling": None, "norm_head": False}
        if factor != 1:
            published |= {"partial_rotary_factor": factor, "rotary_dim": int(config["head_dim"] * factor)}
        return published | {"rope_theta": config["rope_parameters"]["rope_theta"]} | flags

    return {
        "name": f"bailing_moe_v2-{n}",
        "model_type": "sarvam_moe",
        "fields": fields,
        "dtype": dtype,
        "publish": publish,
        "extras": extras(fields) if extras else {},
        "reference": "bailing_moe_v2",
    }


def next_tokens(fields):
    layer, hidden = fields["num_hidden_layers"], fields["hidden_size"]
    return {
        f"model.layers.{layer}.eh_proj.weight": ([hidden, 2 * hidden], "BF16"),
        f"model.layers.{layer}.final_layernorm.weight": ([hidden], "BF16"),
    }


def bailing_cases():
    predicted = {"extras": next_tokens, "num_nextn_predict_layers": 1}
    return [
        bailing(1, "float32", groups=2, kept=1, k=3, shared=1),
        bailing(2, "bfloat16", groups=4, kept=2, k=2, shared=2, use_qkv_bias=True, model_type="bailing_moe", **predicted),
        bailing(3, "float16", groups=1, kept=1, k=1, shared=1, use_qk_norm=False, factor=1.0, first_k_dense_replace=0),
    ]
