"""Draws the shapes and flags of checkpoints for the layouts that transformers has. Each function returns fields of a config."""

HEAD_DIMS = [8, 12, 16, 20, 24]


def shape(rng, *, head_dim=True, head_dims=HEAD_DIMS, layers=(2, 5)):
    """Sizes that all layouts have. The head dimension differs from hidden / heads unless the layout has none of its own."""
    heads, kv = rng.choice([(2, 1), (2, 2), (4, 1), (4, 2), (6, 2), (6, 3), (8, 2), (8, 4)])
    hidden = rng.choice([size for size in range(32, 97, 8) if size % (2 * heads) == 0])
    drawn = {
        "vocab_size": rng.randrange(72, 129),
        "hidden_size": hidden,
        "num_hidden_layers": rng.randint(*layers),
        "num_attention_heads": heads,
        "num_key_value_heads": kv,
        "max_position_embeddings": 256,
        "rms_norm_eps": rng.choice([1e-6, 1e-5, 1e-3]),
        "tie_word_embeddings": rng.random() < 0.4,
        "rope_parameters": {"rope_type": "default", "rope_theta": rng.choice([500.0, 10000.0, 1000000.0])},
        "bos_token_id": None,
        "eos_token_id": None,
        "pad_token_id": None,
    }
    if head_dim:
        drawn["head_dim"] = rng.choice([size for size in head_dims if size != hidden // heads])
    return drawn


def inner(rng, drawn):
    """An inner size that no other dimension of an expert can be mistaken for."""
    hidden = drawn["hidden_size"]
    return rng.choice([size for size in (16, 24, 40, 48, 56) if size != hidden and 2 * size != hidden])


def choice(rng, *, most=16, groups=1):
    """Numbers of experts, and of experts a token. Each of `groups` groups has at least four experts."""
    experts = rng.choice([size for size in (4, 6, 8, 12, 16) if size <= most and size % groups == 0 and size // groups >= 4])
    return experts, rng.randint(1, min(4, experts - 1))


# Most numbers in the experts of a checkpoint: tests make each checkpoint again.
MOST_WEIGHTS = 150_000


def small(draw, rng, n):
    """Draws until the checkpoint is small enough."""
    while True:
        drawn = draw(rng, n)
        experts = next(drawn[key] for key in EXPERTS if key in drawn)
        width = drawn.get("moe_intermediate_size", drawn["intermediate_size"])
        if drawn["num_hidden_layers"] * experts * 3 * drawn["hidden_size"] * width <= MOST_WEIGHTS:
            return drawn


EXPERTS = ["num_experts", "num_local_experts", "n_routed_experts", "moe_num_experts"]
YARN = {"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 64}


def yarn(drawn, **more):
    drawn["rope_parameters"] = {**YARN, "rope_theta": drawn["rope_parameters"]["rope_theta"], **more}


def qwen3_moe(rng, n):
    drawn = shape(rng)
    experts, k = choice(rng)
    drawn |= {
        "num_experts": experts,
        "num_experts_per_tok": 1 if n == 2 else max(k, 2),
        "moe_intermediate_size": inner(rng, drawn),
        "intermediate_size": 64,
        "norm_topk_prob": n == 1,
        "attention_bias": n == 2,
    }
    if n == 1:
        drawn |= {"use_sliding_window": True, "sliding_window": rng.randint(5, 12)}
    if n == 2:
        drawn |= {"num_hidden_layers": 4, "decoder_sparse_step": 2}
    if n == 3:
        drawn |= {"num_hidden_layers": 4, "mlp_only_layers": [0, 2]}
        yarn(drawn)
    return drawn


def mixtral(rng, n):
    drawn = shape(rng)
    experts, k = choice(rng, most=8)
    drawn |= {"num_local_experts": experts, "num_experts_per_tok": 1 if n == 3 else max(k, 2)}
    drawn["intermediate_size"] = inner(rng, drawn)
    if n == 2:
        drawn["sliding_window"] = rng.randint(5, 12)
    if n == 3:
        drawn["rope_parameters"] |= {"rope_type": "linear", "factor": 2.5}
    return drawn


def olmoe(rng, n):
    drawn = shape(rng, head_dim=False)
    experts, k = choice(rng)
    drawn |= {
        "num_experts": experts,
        "num_experts_per_tok": max(k, 2) if n < 3 else 1,
        "norm_topk_prob": n == 2,
        "clip_qkv": 1.5 if n == 2 else None,
        "attention_bias": n == 3,
    }
    drawn["intermediate_size"] = inner(rng, drawn)
    return drawn


def qwen2_moe(rng, n):
    drawn = shape(rng)
    experts, k = choice(rng)
    drawn |= {
        "num_experts": experts,
        "num_experts_per_tok": max(k, 2) if n < 3 else 1,
        "moe_intermediate_size": inner(rng, drawn),
        "shared_expert_intermediate_size": 64,
        "intermediate_size": 80,
        "norm_topk_prob": n == 2,
        "qkv_bias": n != 3,
    }
    if n == 2:
        drawn |= {"num_hidden_layers": 4, "mlp_only_layers": [1]}
        drawn |= {"use_sliding_window": True, "sliding_window": rng.randint(5, 12), "max_window_layers": 3}
    return drawn


def sigmoid_with_bias(rng, n, drawn, groups):
    """Fields that glm4_moe and dots1 share."""
    experts, k = choice(rng, groups=groups)
    return drawn | {
        "n_routed_experts": experts,
        "num_experts_per_tok": 1 if n == 3 else max(k, 2),
        "moe_intermediate_size": inner(rng, drawn),
        "intermediate_size": 72,
        "n_shared_experts": n % 2 + 1,
        "routed_scaling_factor": [1.0, 2.5, 1.8][n - 1],
        "n_group": groups,
        "topk_group": max(1, groups - 1),
    }


def glm4_moe(rng, n):
    groups = [1, 2, 4][n - 1]
    drawn = sigmoid_with_bias(rng, n, shape(rng, head_dims=[8, 12, 16, 20]), groups)
    if n == 3:
        drawn["topk_group"] = 2
    drawn |= {
        "first_k_dense_replace": [1, 0, 2][n - 1],
        "norm_topk_prob": n != 3,
        "use_qk_norm": n != 1,
        "attention_bias": n != 3,
        "num_nextn_predict_layers": 1 if n == 2 else 0,
    }
    drawn["num_hidden_layers"] = max(3, drawn["num_hidden_layers"])
    drawn["rope_parameters"]["partial_rotary_factor"] = 0.25 if n == 3 else 0.5
    if n == 3:
        drawn["head_dim"] = 16
    return drawn


def dots1(rng, n):
    drawn = sigmoid_with_bias(rng, n, shape(rng), [1, 2, 1][n - 1])
    drawn |= {
        "first_k_dense_replace": [1, 0, 2][n - 1],
        "norm_topk_prob": n != 1,
        "attention_bias": n == 2,
        "num_hidden_layers": max(3, drawn["num_hidden_layers"]),
        "sliding_window": None,
    }
    if n == 2:
        drawn |= {"sliding_window": rng.randint(5, 12), "max_window_layers": 1}
    return drawn


def ernie4_5_moe(rng, n):
    drawn = shape(rng)
    experts, k = choice(rng, most=8)
    drawn |= {
        "moe_num_experts": experts,
        "moe_k": 1 if n == 2 else max(k, 2),
        "moe_intermediate_size": inner(rng, drawn),
        "intermediate_size": 72,
        "moe_num_shared_experts": [2, 0, 1][n - 1],
        "moe_layer_start_index": [1, 0, 1][n - 1],
        "use_bias": n == 3,
        "tie_word_embeddings": n != 2,
        "num_hidden_layers": max(3, drawn["num_hidden_layers"]),
    }
    if n == 2:
        drawn |= {"num_hidden_layers": 4, "moe_layer_interval": 2}
    if n == 3:
        drawn |= {"num_hidden_layers": 4, "moe_layer_end_index": 2}
    return drawn


def hunyuan_v1_moe(rng, n):
    drawn = shape(rng)
    experts, k = choice(rng)
    drawn |= {"num_experts": experts, "moe_topk": max(k, 2) if n < 3 else 1, "attention_bias": n == 2}
    drawn["intermediate_size"] = inner(rng, drawn)
    if n == 2:
        layers = drawn["num_hidden_layers"]
        drawn["moe_topk"] = [rng.randint(1, 3) for _ in range(layers - 1)] + [2]
    if n != 2:
        drawn["rope_parameters"] |= {"rope_type": "dynamic", "alpha": 8.0, "factor": 1.0}
    return drawn


def granitemoe(rng, n):
    drawn = shape(rng, head_dim=False)
    experts, k = choice(rng)
    drawn |= {
        "num_local_experts": experts,
        "num_experts_per_tok": max(k, 2) if n < 3 else 1,
        "embedding_multiplier": rng.choice([1.5, 3.0, 6.0]),
        "attention_multiplier": rng.choice([0.1, 0.2, 0.35]),
        "residual_multiplier": rng.choice([0.22, 0.5, 1.5]),
        "logits_scaling": rng.choice([2.0, 6.0, 0.5]),
        "attention_bias": n == 2,
    }
    drawn["intermediate_size"] = inner(rng, drawn)
    return drawn


def granitemoeshared(rng, n):
    return granitemoe(rng, n) | {"shared_intermediate_size": [40, 72, 0][n - 1]}


def minimax_m2(rng, n):
    drawn = shape(rng, head_dims=[12, 16, 20, 24])
    experts, k = choice(rng)
    drawn |= {"num_local_experts": experts, "num_experts_per_tok": max(k, 2) if n < 3 else 1}
    drawn["intermediate_size"] = inner(rng, drawn)
    if n != 3:
        drawn["rotary_dim"] = [8, 6][n - 1]
    return drawn


def gpt_oss(rng, n):
    drawn = shape(rng)
    experts, k = choice(rng, most=8)
    drawn |= {
        "num_local_experts": experts,
        "num_experts_per_tok": 1 if n == 3 else max(k, 2),
        "sliding_window": rng.randint(5, 12),
        "swiglu_limit": [7.0, 2.0, 1.0][n - 1],
        "num_hidden_layers": max(3, drawn["num_hidden_layers"]),
    }
    drawn["intermediate_size"] = inner(rng, drawn)
    if n != 3:
        yarn(drawn, beta_fast=32.0, beta_slow=1.0, truncate=False)
    if n == 3:
        drawn |= {"num_hidden_layers": 3, "layer_types": ["full_attention", "sliding_attention", "full_attention"]}
    return drawn


def gpt_oss_mxfp4(rng, n):
    """Blocks of 32 need inner and hidden sizes that are multiples of 32."""
    drawn = gpt_oss(rng, n)
    drawn |= {"hidden_size": [64, 96][n - 1], "intermediate_size": [96, 32][n - 1]}
    drawn |= {"num_hidden_layers": 3, "num_local_experts": 4, "num_experts_per_tok": [2, 1][n - 1]}
    return drawn


def llama4_text(rng, n):
    drawn = shape(rng, layers=(4, 5))
    layers = drawn["num_hidden_layers"]
    drawn |= {
        "num_local_experts": choice(rng, most=8)[0],
        "num_experts_per_tok": [1, 1, 2][n - 1],
        "intermediate_size_mlp": 72,
        "interleave_moe_layer_step": [2, 1, 1][n - 1],
        "attention_chunk_size": rng.randint(6, 11),
        "no_rope_layers": [[1, 1, 0, 1, 1][:layers], [1, 0] * 2 + [1] * (layers - 4), [0, 1, 1, 1, 0][:layers]][n - 1],
        "use_qk_norm": n != 2,
        "attn_temperature_tuning": n != 3,
        "floor_scale": rng.choice([2, 5]),
        "attn_scale": rng.choice([0.1, 0.7]),
        "attention_bias": n == 3,
    }
    drawn["intermediate_size"] = inner(rng, drawn)
    theta = drawn["rope_parameters"]["rope_theta"]
    if n != 1:
        high = [4.0, 1.0][n - 2]
        drawn["rope_parameters"] = {"rope_type": "llama3", "rope_theta": theta, "factor": 16.0, "low_freq_factor": 1.0}
        drawn["rope_parameters"] |= {"high_freq_factor": high, "original_max_position_embeddings": 32}
    return drawn
