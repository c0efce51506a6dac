# Exports a checkpoint as a Hugging Face directory in the Qwen3-MoE layout and float16: export.py WORKDIR OUT --name nano
import argparse
import json
import shutil
from pathlib import Path

import numpy as np
import torch

from bpe import SPECIALS, Tokenizer
from evaluate import load_checkpoint

DTYPES = {"F16": np.float16, "F32": np.float32}


def views(model):
    """Pairs of a Hugging Face name and a view [out, in] of the model's parameters, in file order."""
    state = {n: p.detach() for n, p in model.named_parameters()}
    yield "model.embed_tokens.weight", state["embed.weight"]
    for layer in range(model.config.layers):
        ours, theirs = f"blocks.{layer}.", f"model.layers.{layer}."
        yield theirs + "input_layernorm.weight", state[ours + "input_layernorm.weight"]
        for part in ("q_proj", "k_proj", "v_proj", "o_proj", "q_norm", "k_norm"):
            yield f"{theirs}self_attn.{part}.weight", state[f"{ours}attention.{part}.weight"]
        yield theirs + "post_attention_layernorm.weight", state[ours + "post_attention_layernorm.weight"]
        yield theirs + "mlp.gate.weight", state[ours + "mlp.router"]
        for expert in range(model.config.experts):
            gate_up, down = state[ours + "mlp.gate_up"][expert], state[ours + "mlp.down"][expert]  # [d, 2f], [f, d]
            yield f"{theirs}mlp.experts.{expert}.gate_proj.weight", gate_up[:, : model.config.inner].T
            yield f"{theirs}mlp.experts.{expert}.up_proj.weight", gate_up[:, model.config.inner :].T
            yield f"{theirs}mlp.experts.{expert}.down_proj.weight", down.T
    yield "model.norm.weight", state["norm.weight"]


def write_safetensors(path, named):
    """Writes 8 bytes of header length, the header as JSON, and then the tensors' bytes one after another."""
    header, offset = {"__metadata__": {"format": "pt"}}, 0
    for name, array in named:
        header[name] = {"dtype": "F16", "shape": list(array.shape), "data_offsets": [offset, offset + array.nbytes]}
        offset += array.nbytes
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    with path.open("wb") as file:
        file.write(len(text).to_bytes(8, "little") + text)
        for _, array in named:
            file.write(array.tobytes())


def read_safetensors(folder):
    """All tensors of a Hugging Face directory in float16 or float32, by name."""
    found = {}
    for path in folder.glob("*.safetensors"):
        raw = path.read_bytes()
        start = 8 + int.from_bytes(raw[:8], "little")
        header = json.loads(raw[8:start])
        header.pop("__metadata__", None)
        for name, t in header.items():
            first, last = (start + offset for offset in t["data_offsets"])
            found[name] = torch.from_numpy(np.frombuffer(raw[first:last], DTYPES[t["dtype"]]).reshape(t["shape"]).copy())
    return found


@torch.no_grad()
def load_views(model, folder):
    """Gives the model the weights of a Hugging Face directory."""
    tensors = read_safetensors(folder)
    for name, view in views(model):
        view.copy_(tensors[name])


def config_json(c, end):
    return {
        "architectures": ["Qwen3MoeForCausalLM"], "model_type": "qwen3_moe", "torch_dtype": "float16",
        "vocab_size": c.vocab, "hidden_size": c.hidden, "num_hidden_layers": c.layers,
        "num_attention_heads": c.heads, "num_key_value_heads": c.kv_heads, "head_dim": c.head_dim,
        "num_experts": c.experts, "num_experts_per_tok": c.prototypes, "norm_topk_prob": False, "router_aux_loss_coef": 0.0,
        "moe_intermediate_size": c.inner, "intermediate_size": c.inner, "decoder_sparse_step": 1, "mlp_only_layers": [],
        "hidden_act": "silu", "attention_bias": False, "attention_dropout": 0.0, "initializer_range": 0.02,
        "max_position_embeddings": c.context, "rope_theta": c.rope_base, "rope_scaling": None,
        "sliding_window": None, "use_sliding_window": False, "use_cache": True,
        "rms_norm_eps": c.eps, "tie_word_embeddings": True,
        "bos_token_id": end, "eos_token_id": end, "pad_token_id": end,
        **({"num_expert_prototypes": c.prototypes} if c.prototypes > 1 else {}),
    }  # fmt: skip


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("work", type=Path, help="directory with NAME.pt and the tokenizer")
    parser.add_argument("out", type=Path, help="directory to write")
    parser.add_argument("--name", default="nano", help="name of the checkpoint (default: nano)")
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    model, saved = load_checkpoint(args.work, args.name)
    specials = Tokenizer.load(args.work / "tokenizer.json").specials
    end = specials[SPECIALS[0]]
    write_safetensors(args.out / "model.safetensors", [(name, view.numpy().astype(np.float16)) for name, view in views(model)])
    generation = {"bos_token_id": end, "eos_token_id": [end, specials["<|end|>"]], "pad_token_id": end, "do_sample": True, "temperature": 0.5}
    for name, content in (("config.json", config_json(model.config, end)), ("generation_config.json", generation)):
        (args.out / name).write_text(json.dumps(content, indent=2) + "\n")
    for name in ("tokenizer.json", "tokenizer_config.json"):
        shutil.copy(args.work / name, args.out / name)
    total = sum(p.stat().st_size for p in args.out.iterdir())
    print(f"{args.out}: step {saved['step']}, {total} bytes in all")


if __name__ == "__main__":
    main()
