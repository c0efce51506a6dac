"""The table of cases: which class computes each checkpoint, and how its config and its tensors are named as published."""

import random
from dataclasses import dataclass, field
from typing import Callable

import draws
from nearest import bailing_cases, sigma_cases

DTYPES = ["float32", "bfloat16", "float16"]


@dataclass
class Case:
    name: str
    # The model_type of the class of transformers, and the fields of its config.
    model_type: str
    fields: dict
    dtype: str
    # Saves each projection of all experts as one tensor.
    stacked: bool = False
    # Makes the config.json of the checkpoint from the one that transformers wrote.
    publish: Callable[[dict], dict] = lambda config: config
    # The name of a tensor in the checkpoint, from the name that transformers gave it.
    rename: Callable[[str], str] = lambda name: name
    # Changes the model after it is built.
    prepare: Callable[[object], None] = lambda model: None
    # Further tensors, which a reader must ignore: name to (shape, dtype).
    extras: dict = field(default_factory=dict)
    mxfp4: bool = False
    # The function of reference.py that computes the logits a second time.
    reference: str | None = None

    @property
    def layout(self):
        return self.name.rsplit("-", 1)[0]


def old_form(config):
    """The config as releases of transformers before 5 wrote it, and as most published ones are."""
    config = dict(config)
    rope = dict(config.pop("rope_parameters"))
    config["rope_theta"] = rope.pop("rope_theta")
    if "partial_rotary_factor" in rope:
        factor = rope.pop("partial_rotary_factor")
        if "rotary_dim" not in config:
            config["partial_rotary_factor"] = factor
    config["rope_scaling"] = None if rope["rope_type"] == "default" else rope
    config["torch_dtype"] = config.pop("dtype")
    if config["model_type"] == "qwen3_moe":
        config["num_experts"] = config.pop("num_local_experts")
    if config["model_type"] == "hunyuan_v1_moe":
        layers = config["num_hidden_layers"]
        config |= {"num_shared_expert": [1] * layers, "use_qk_norm": True, "use_mixed_mlp_moe": True, "use_cla": False}
        config["moe_intermediate_size"] = [config["intermediate_size"]] * layers
        if config["rope_scaling"]:
            config["rope_scaling"]["type"] = config["rope_scaling"].pop("rope_type")
    if config["model_type"] == "gpt_oss":
        config |= {"experts_per_token": config["num_experts_per_tok"], "initial_context_length": 64}
    del config["transformers_version"]
    return config


def predicted_tokens(config_fields):
    """A few tensors of a layer that predicts further tokens, as GLM-4.5 and Ling publish it behind the last layer."""
    layer, hidden = config_fields["num_hidden_layers"], config_fields["hidden_size"]
    shapes = {"enorm.weight": [hidden], "hnorm.weight": [hidden], "eh_proj.weight": [hidden, 2 * hidden]}
    shapes |= {"input_layernorm.weight": [hidden], "shared_head.norm.weight": [hidden]}
    return {f"model.layers.{layer}.{name}": (shape, "BF16") for name, shape in shapes.items()}


def nested(config):
    """The config of Llama 4 as published: the text model is one part of it."""
    text = {key: value for key, value in config.items() if key not in ("architectures", "transformers_version")}
    return {"architectures": ["Llama4ForConditionalGeneration"], "model_type": "llama4", "text_config": text}


def ordinary(model_type, n, **more):
    rng = random.Random(f"{model_type}-{n}")
    fields = draws.small(getattr(draws, model_type), rng, n)
    if n == 2 and model_type not in ("gpt_oss",):
        more.setdefault("publish", old_form)
    more.setdefault("name", f"{model_type}-{n}")
    return Case(model_type=model_type, fields=fields, dtype=DTYPES[n - 1], **more)


def mxfp4(n):
    fields = draws.gpt_oss_mxfp4(random.Random(f"gpt_oss_mxfp4-{n}"), n)
    publish = old_form if n == 2 else lambda config: config
    return Case(f"gpt_oss_mxfp4-{n}", "gpt_oss", fields, "bfloat16", mxfp4=True, publish=publish)


LAYOUTS = ["qwen3_moe", "mixtral", "olmoe", "qwen2_moe", "glm4_moe", "ernie4_5_moe", "hunyuan_v1_moe", "dots1"]
LAYOUTS += ["granitemoe", "granitemoeshared", "minimax_m2", "gpt_oss", "llama4_text"]


def all_cases():
    cases = []
    for layout in LAYOUTS:
        for n in (1, 2, 3):
            case = ordinary(layout, n)
            if case.name == "glm4_moe-2":
                case.extras = predicted_tokens(case.fields)
            cases.append(case)
    stacked = [("qwen3_moe", 1), ("qwen3_moe", 3), ("mixtral", 1), ("qwen2_moe", 1), ("glm4_moe", 1)]
    for layout, n in stacked:
        cases.append(ordinary(layout, n, name=f"{layout}_stacked-{n}", stacked=True))
    cases += [mxfp4(1), mxfp4(2)]
    hidden = {"vision_model.patch_embedding.linear.weight": ([24, 12], "BF16")}
    hidden["multi_modal_projector.linear_1.weight"] = ([16, 24], "BF16")
    rename = lambda name: f"language_model.{name}"  # noqa: E731
    cases.append(ordinary("llama4_text", 1, name="llama4-1", publish=nested, rename=rename, extras=hidden))
    cases += [Case(**arguments) for arguments in sigma_cases() + bailing_cases()]
    return cases
