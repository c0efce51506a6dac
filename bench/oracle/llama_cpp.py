"""Draws checkpoints within the limits of llama.cpp, converts them with its own converter, and has transformers compute them.

python llama_cpp.py --source SOURCE --out FOLDER

SOURCE is a checkout of llama.cpp: README.md says where to find the one that bench/peers runs. bench/peers/oracle.ts compares.
"""

import argparse
import json
import logging
import pathlib
import random
import sys
import tempfile

import torch
import transformers

import draws
from build import write_safetensors
from cases import Case
from generate import compute, text_of
from nearest import bailing
from weights import expanded, tensor_bytes


def limited(model_type, n, more=None, **changes):
    """A case of the ordinary draws with changed fields. `more` adds fields that depend on the drawn ones."""
    fields = draws.small(getattr(draws, model_type), random.Random(f"llama.cpp-{model_type}-{n}"), n)
    # llama.cpp's loaders of most layouts want a head of their own.
    fields |= {"tie_word_embeddings": False} | changes
    # All published configs have this field. The class of transformers does not read it, but the converter does.
    if model_type in ("dots1", "minimax_m2"):
        fields["scoring_func"] = "sigmoid"
    if more:
        fields |= more(fields)
    publish = hunyuan_fields if model_type == "hunyuan_v1_moe" else lambda config: config
    return Case(f"{model_type}-{n}", model_type, fields, "float32", publish=publish)


def mxfp4():
    """llama.cpp rounds the activations of these products to 8 bits, so it agrees less well than elsewhere."""
    fields = draws.gpt_oss_mxfp4(random.Random("llama.cpp-gpt_oss_mxfp4"), 1)
    fields |= {"tie_word_embeddings": False, "rope_parameters": PLAIN, "swiglu_limit": 7.0}
    return Case("gpt_oss_mxfp4-1", "gpt_oss", fields, "float32", mxfp4=True)


def own_heads(fields):
    """The size of a head is hidden / heads."""
    return {"head_dim": fields["hidden_size"] // fields["num_attention_heads"]}


def all_heads(fields):
    """Each query head has a key/value head."""
    return {"num_key_value_heads": fields["num_attention_heads"]}


def ernie(fields):
    """The converter divides the width of dense layers by the number of key/value heads to get that of the shared expert."""
    shared = fields["moe_intermediate_size"] * fields["moe_num_shared_experts"]
    return {"intermediate_size": shared * fields["num_key_value_heads"]}


def hunyuan_fields(config):
    """Fields that all published configs have, and that the converter needs."""
    layers = config["num_hidden_layers"]
    return config | {"moe_intermediate_size": [config["intermediate_size"]] * layers, "num_shared_expert": [1] * layers}


def same_k(fields):
    return {"moe_topk": [fields["moe_topk"]] * fields["num_hidden_layers"]}


PLAIN = {"rope_type": "default", "rope_theta": 10000.0}
# llama.cpp has the published sizes of chunks and of the attention's temperature as constants: too large for these prompts.
LLAMA4 = {"attention_chunk_size": 8192, "floor_scale": 8192, "attn_scale": 0.1, "use_qk_norm": True}
LLAMA4 |= {"attn_temperature_tuning": True, "attention_bias": False, "num_experts_per_tok": 1, "num_hidden_layers": 5}


def cases():
    experts = {"norm_topk_prob": True, "use_sliding_window": False, "sliding_window": None}
    short = {"rope_theta": 10000.0, "factor": 4.0, "original_max_position_embeddings": 64, "rope_type": "yarn"}
    whole = {"shared_expert_intermediate_size": 64, "norm_topk_prob": False}
    bailing_case = bailing(1, "float32", groups=2, kept=1, k=3, shared=1)
    bailing_case["fields"]["tie_word_embeddings"] = False
    bailing_case["fields"] |= own_heads(bailing_case["fields"])
    rotated = {"no_rope_layers": [1, 1, 1, 0, 1]}
    return [
        limited("qwen3_moe", 1, **experts),
        limited("mixtral", 1),
        limited("mixtral", 3),
        limited("olmoe", 1, all_heads),
        limited("qwen2_moe", 1, own_heads, **whole),
        limited("glm4_moe", 1),
        limited("glm4_moe", 3),
        limited("dots1", 1, all_heads),
        limited("dots1", 3, all_heads),
        limited("ernie4_5_moe", 1, ernie),
        limited("ernie4_5_moe", 2, ernie, moe_num_shared_experts=1, moe_layer_interval=1, moe_layer_start_index=1),
        limited("hunyuan_v1_moe", 1, same_k, rope_parameters=PLAIN),
        limited("granitemoe", 1),
        limited("granitemoe", 2),
        limited("granitemoeshared", 1),
        limited("minimax_m2", 1),
        limited("minimax_m2", 2),
        limited("gpt_oss", 1, swiglu_limit=7.0, rope_parameters=PLAIN),
        limited("gpt_oss", 2, swiglu_limit=7.0, rope_parameters={**short, "truncate": True}),
        limited("gpt_oss", 3, swiglu_limit=7.0, rope_parameters={**short, "truncate": True}, layer_types=None),
        mxfp4(),
        limited("llama4_text", 1, **LLAMA4, **rotated, interleave_moe_layer_step=2),
        limited("llama4_text", 2, **LLAMA4, **rotated),
        Case(**bailing_case),
    ]


def write_checkpoint(folder, case):
    specs = expanded(case["tensors"])
    tensors = {name: (spec["dtype"], spec["shape"], tensor_bytes(case["seed"], name, spec)) for name, spec in specs.items()}
    write_safetensors(folder / "model.safetensors", tensors)
    (folder / "config.json").write_text(json.dumps(case["config"]))


def without_vocabulary(model):
    """Cases have no tokenizer. llama.cpp needs a token for each id."""
    size = model.hparams["vocab_size"]
    model.gguf_writer.add_tokenizer_model("gpt2")
    model.gguf_writer.add_tokenizer_pre("default")
    model.gguf_writer.add_token_list([f"<{index}>" for index in range(size)])
    model.gguf_writer.add_token_types([1] * size)
    model.gguf_writer.add_token_merges(["< >"])
    model.gguf_writer.add_bos_token_id(0)
    model.gguf_writer.add_eos_token_id(1)


def convert(source, out):
    import gguf
    from conversion import ModelBase, ModelType, get_model_architecture, get_model_class

    config = ModelBase.load_hparams(source, False)
    model_class = get_model_class(get_model_architecture(config, ModelType.TEXT))
    model_class.set_vocab = without_vocabulary
    with torch.inference_mode():
        model_class(source, gguf.LlamaFileType.ALL_F32, out, eager=True).write()


def main():
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--source", type=pathlib.Path, required=True, help="checkout of llama.cpp")
    options.add_argument("--out", type=pathlib.Path, required=True, help="folder of the GGUF and JSON files")
    options.add_argument("--only", default="", help="only cases whose name contains this")
    arguments = options.parse_args()
    sys.path[:0] = [str(arguments.source), str(arguments.source / "gguf-py")]
    logging.basicConfig(level=logging.ERROR)
    torch.set_num_threads(1)
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    arguments.out.mkdir(parents=True, exist_ok=True)
    for case in cases():
        if arguments.only not in case.name:
            continue
        with tempfile.TemporaryDirectory() as folder:
            result = compute(case, pathlib.Path(folder), strict=False)
        (arguments.out / f"{case.name}.json").write_text(text_of(result))
        with tempfile.TemporaryDirectory() as folder:
            write_checkpoint(pathlib.Path(folder), result)
            convert(pathlib.Path(folder), arguments.out / f"{case.name}.gguf")
        print(case.name, flush=True)


if __name__ == "__main__":
    main()
