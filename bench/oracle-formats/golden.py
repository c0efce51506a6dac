# Writes test/golden/quantised.json: small quantised matrices, each packed and dequantised by a published implementation.
# run.sh installs the packages and runs this.
#
# Scales are turned to float32 before an implementation multiplies, so that its result has one rounding, as ours has.
import base64
import importlib.metadata
import importlib.util
import json
import os
import sys
import types

import torch

torch.manual_seed(18)
cases = []

DTYPES = {
    torch.float32: "F32", torch.float16: "F16", torch.bfloat16: "BF16", torch.float8_e4m3fn: "F8_E4M3",
    torch.int8: "I8", torch.uint8: "U8", torch.int32: "I32", torch.int64: "I64",
}


def encoded(tensor):
    tensor = tensor.detach().contiguous()
    return base64.b64encode(tensor.reshape(-1).view(torch.uint8).numpy().tobytes()).decode()


def add(title, by, config, weight, tensors, expected):
    """`weight` names the float tensor that the quantised `tensors` stand for. `expected` is `[rows, cols]`, or a stack of it."""
    cases.append({
        "title": title, "by": by, "config": config, "weight": weight, "shape": list(expected.shape),
        "tensors": {
            name: {"dtype": DTYPES[tensor.dtype], "shape": list(tensor.shape), "data": encoded(tensor)}
            for name, tensor in tensors.items()
        },
        "expected": encoded(expected.to(torch.float32)),
    })


def load_file(name, path):
    """Imports one file of a package without the package's own imports, which need a GPU's libraries."""
    spec = importlib.util.spec_from_file_location(name, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def fp8():
    from transformers.integrations.finegrained_fp8 import Fp8Dequantize
    dequantize = Fp8Dequantize(None)._dequantize_one
    config = {"quant_method": "fp8", "activation_scheme": "dynamic", "weight_block_size": [8, 16]}
    weight = torch.randn(24, 48).to(torch.float8_e4m3fn)
    for dtype in (torch.float32, torch.bfloat16):
        scale = (torch.rand(3, 3) * 0.01 + 1e-4).to(dtype)
        add(f"fp8 blocks with {DTYPES[dtype]} scales", "transformers", config, "m.up_proj.weight",
            {"m.up_proj.weight": weight, "m.up_proj.weight_scale_inv": scale}, dequantize(weight, scale, torch.float32))
    stack = torch.randn(3, 16, 32).to(torch.float8_e4m3fn)
    scales = torch.rand(3, 2, 2) * 0.01
    add("a stack of fp8 blocks", "transformers", config, "m.experts.gate_up_proj",
        {"m.experts.gate_up_proj": stack, "m.experts.gate_up_proj_scale_inv": scales}, dequantize(stack, scales, torch.float32))
    # Every code but the two NaNs, under one scale.
    codes = torch.tensor([code for code in range(256) if code & 127 != 127], dtype=torch.uint8).view(torch.float8_e4m3fn)
    scale = torch.tensor(0.37)
    add("every fp8 code under one scale", "torch", {"quant_method": "fp8", "activation_scheme": "static"}, "m.q_proj.weight",
        {"m.q_proj.weight": codes.reshape(2, 127), "m.q_proj.weight_scale": scale, "m.q_proj.input_scale": scale},
        codes.reshape(2, 127).to(torch.float32) * scale)


def mxfp4():
    from transformers.integrations.mxfp4 import convert_moe_packed_tensors
    blocks = torch.randint(0, 256, (2, 12, 3, 16), dtype=torch.uint8)
    scales = torch.randint(110, 135, (2, 12, 3), dtype=torch.uint8)
    expected = convert_moe_packed_tensors(blocks, scales, dtype=torch.float32).transpose(1, 2).contiguous()
    config = {"quant_method": "mxfp4", "modules_to_not_convert": ["model.layers.*.self_attn", "model.layers.*.mlp.router", "lm_head"]}
    name = "model.layers.0.mlp.experts.down_proj"
    add("mxfp4", "transformers", config, name, {f"{name}_blocks": blocks, f"{name}_scales": scales}, expected)


def compressed(title, form, args, shape, scale_shape, scale_dtype=torch.bfloat16, zero=False):
    from compressed_tensors.compressors.base import BaseCompressor
    from compressed_tensors.quantization import QuantizationArgs, QuantizationScheme
    weights = QuantizationArgs(**args)
    scheme = QuantizationScheme(targets=["Linear"], weights=weights)
    compressor = BaseCompressor.get_value_from_registry(form)
    state = {"weight": torch.randn(*shape), "weight_scale": (torch.rand(*scale_shape) * 0.2 + 0.1).to(scale_dtype)}
    if zero:
        most = 2 ** (weights.num_bits - 1)
        state["weight_zero_point"] = torch.randint(-most, most, scale_shape).to(torch.int8)
    packed = compressor.compress(dict(state), scheme)
    exact = {**packed, "weight_scale": packed["weight_scale"].float()}
    expected = compressor.decompress(exact, scheme)["weight"]
    name = "model.layers.1.mlp.experts.3.down_proj"
    config = {
        "quant_method": "compressed-tensors", "format": form, "quantization_status": "compressed", "ignore": ["lm_head", "re:.*router"],
        "config_groups": {"group_0": {"targets": ["Linear"], "weights": args}},
    }
    add(title, "compressed-tensors", config, f"{name}.weight", {f"{name}.{key}": value for key, value in packed.items()}, expected)


def compressed_tensors():
    packed = "pack-quantized"
    group = {"type": "int", "strategy": "group", "group_size": 32}
    compressed("int4 groups", packed, {**group, "num_bits": 4, "symmetric": True}, (24, 96), (24, 3))
    compressed("int4 groups with zero points", packed, {**group, "num_bits": 4, "symmetric": False}, (24, 96), (24, 3), zero=True)
    compressed("int8 groups with zero points", packed, {**group, "num_bits": 8, "symmetric": False}, (10, 64), (10, 2), torch.float16, zero=True)
    channel = {"type": "int", "strategy": "channel"}
    compressed("packed int8 channels", packed, {**channel, "num_bits": 8, "symmetric": True}, (12, 36), (12, 1))
    compressed("packed int4 channels", packed, {**channel, "num_bits": 4, "symmetric": True}, (12, 40), (12, 1))
    compressed("int8 channels", "int-quantized", {**channel, "num_bits": 8, "symmetric": True}, (12, 40), (12, 1))
    compressed("int8 channels with zero points", "naive-quantized", {**channel, "num_bits": 8, "symmetric": False}, (12, 40), (12, 1), zero=True)
    compressed("int8 under one scale", "int-quantized", {"type": "int", "strategy": "tensor", "num_bits": 8, "symmetric": True}, (6, 40), (1,))
    float8 = {"type": "float", "num_bits": 8, "symmetric": True}
    compressed("float8 channels", "float-quantized", {**float8, "strategy": "channel"}, (12, 40), (12, 1))
    compressed("float8 under one scale", "float-quantized", {**float8, "strategy": "tensor"}, (6, 40), (1,))
    compressed("float8 blocks with a ragged edge", "float-quantized",
               {**float8, "strategy": "block", "block_structure": [8, 16]}, (20, 40), (3, 3), torch.float32)


def compressed_order():
    """The groups of activation order, which the package has removed after this release."""
    sys.path.insert(0, os.environ["COMPRESSED_TENSORS_0_10_2"])
    from compressed_tensors.compressors.quantized_compressors.pack_quantized import pack_to_int32
    from compressed_tensors.quantization import QuantizationArgs
    from compressed_tensors.quantization.lifecycle.forward import dequantize
    rows, cols, group = 16, 64, 16
    weights = {"num_bits": 4, "type": "int", "symmetric": True, "strategy": "group", "group_size": group, "actorder": "group"}
    codes = torch.randint(-8, 8, (rows, cols), dtype=torch.int8)
    scale = (torch.rand(rows, cols // group) * 0.1 + 0.01).bfloat16()
    order = (torch.arange(cols) // group)[torch.randperm(cols)].to(torch.int32)
    expected = dequantize(codes, scale.float(), args=QuantizationArgs(**weights), g_idx=order)
    name = "model.layers.1.mlp.experts.3.down_proj"
    config = {
        "quant_method": "compressed-tensors", "format": "pack-quantized", "quantization_status": "frozen", "ignore": [],
        "config_groups": {"group_0": {"targets": ["re:.*down_proj"], "weights": weights}},
    }
    add("int4 groups in activation order", "compressed-tensors 0.10.2", config, f"{name}.weight",
        {f"{name}.weight_packed": pack_to_int32(codes, 4), f"{name}.weight_scale": scale, f"{name}.weight_g_idx": order,
         f"{name}.weight_shape": torch.tensor([rows, cols])}, expected)
    sys.path.pop(0)
    for module in [module for module in sys.modules if module.split(".")[0] == "compressed_tensors"]:
        del sys.modules[module]


def awq():
    # The package's own __init__ imports all its models, so that the package is made of its folder only.
    for name in ("awq", "awq.modules", "awq.modules.linear"):
        module = types.ModuleType(name)
        module.__path__ = [os.path.join(os.environ["AUTOAWQ"], *name.split("."))]
        sys.modules[name] = module
    from awq.modules.linear.gemm import WQLinear_GEMM
    from awq.utils.packing_utils import dequantize_gemm
    linear = torch.nn.Linear(64, 32, bias=False)
    scales = (torch.rand(2, 32) * 0.02 + 0.005)
    zeros = torch.randint(0, 16, (2, 32)).float()
    linear.weight.data = linear.weight.data.clamp(-0.01, 0.01)
    low = (-zeros * scales.half().float()).repeat_interleave(32, dim=0).T
    high = ((15 - zeros) * scales.half().float()).repeat_interleave(32, dim=0).T
    linear.weight.data = torch.maximum(torch.minimum(linear.weight.data, high), low)
    packed = WQLinear_GEMM.from_linear(linear, 4, 32, scales=scales, zeros=zeros)
    expected = dequantize_gemm(packed.qweight, packed.qzeros, packed.scales.float(), 4, 32).T
    config = {"quant_method": "awq", "bits": 4, "group_size": 32, "zero_point": True, "version": "gemm", "modules_to_not_convert": ["gate"]}
    name = "model.layers.0.mlp.experts.0.gate_proj"
    add("awq", "autoawq", config, f"{name}.weight",
        {f"{name}.{key}": getattr(packed, key) for key in ("qweight", "qzeros", "scales")}, expected)


def gptq_parts(rows, cols, bits, group, ordered):
    """A linear layer whose weights lie on a grid, its scales and zero points `[rows, groups]`, and the group of each column."""
    groups = cols // group
    group_of = torch.arange(cols) // group
    if ordered:
        group_of = group_of[torch.randperm(cols)]
    group_of = group_of.to(torch.int32)
    scales = (torch.rand(rows, groups) * 0.02 + 0.005).half().float()
    zeros = torch.randint(1, 2 ** bits, (rows, groups)).float()
    codes = torch.randint(0, 2 ** bits, (rows, cols)).float()
    linear = torch.nn.Linear(cols, rows, bias=False)
    linear.weight.data = (codes - zeros[:, group_of.long()]) * scales[:, group_of.long()]
    return linear, scales, zeros, group_of


def gptq_config(bits, group, ordered, form):
    return {"quant_method": "gptq", "bits": bits, "group_size": group, "desc_act": ordered, "sym": False, "checkpoint_format": form}


def autogptq(bits, ordered):
    file = "qlinear_cuda.py" if ordered else "qlinear_cuda_old.py"
    module = load_file(file[:-3], os.path.join(os.environ["AUTOGPTQ"], "auto_gptq/nn_modules/qlinear", file))
    rows, cols, group = 32, 64, 16
    linear, scales, zeros, group_of = gptq_parts(rows, cols, bits, group, ordered)
    packed = module.QuantLinear(bits, group, cols, rows, False, weight_dtype=torch.float32)
    packed.pack(linear, scales.clone(), zeros.clone(), group_of.clone())
    expected = packed.forward(torch.eye(cols)).T
    tensors = {"qweight": packed.qweight, "qzeros": packed.qzeros, "scales": packed.scales.half()}
    if ordered:
        tensors["g_idx"] = group_of
    name = "model.layers.0.mlp.experts.0.up_proj"
    order = "the groups of activation order" if ordered else "groups in order"
    add(f"gptq of {bits} bits, {order}", "auto-gptq", gptq_config(bits, group, ordered, "gptq"), f"{name}.weight",
        {f"{name}.{key}": value for key, value in tensors.items()}, expected)


def gptqmodel(bits, ordered):
    from gptqmodel.nn_modules.qlinear.torch import TorchLinear
    from gptqmodel.quantization import FORMAT
    rows, cols, group = 32, 64, 32
    linear, scales, zeros, group_of = gptq_parts(rows, cols, bits, group, ordered)
    packed = TorchLinear(bits=bits, group_size=group, sym=False, desc_act=ordered, in_features=cols, out_features=rows, format=FORMAT.GPTQ_V2)
    packed.pack_original(linear, scales.clone(), zeros.clone(), group_of.clone())
    stored = {key: getattr(packed, key).clone() for key in ("qweight", "qzeros", "scales", "g_idx")}
    packed.post_init()
    packed.scales = packed.scales.float()
    expected = packed.dequantize_weight().float().T
    name = "model.layers.0.mlp.experts.0.up_proj"
    add(f"gptq_v2 of {bits} bits{', activation order' if ordered else ''}", "gptqmodel", gptq_config(bits, group, ordered, "gptq_v2"),
        f"{name}.weight", {f"{name}.{key}": value for key, value in stored.items()}, expected)


def main():
    compressed_order()
    fp8()
    mxfp4()
    compressed_tensors()
    awq()
    for bits in (2, 3, 4, 8):
        autogptq(bits, False)
    autogptq(4, True)
    gptqmodel(4, True)
    gptqmodel(3, False)
    gptqmodel(8, False)
    versions = {name: importlib.metadata.version(name) for name in ("torch", "transformers", "compressed-tensors")}
    # The releases in archives.txt.
    versions.update({"auto-gptq": "0.7.1", "autoawq": "0.2.9", "gptqmodel": "7.7.0"})
    with open(sys.argv[1], "w") as file:
        json.dump({"versions": versions, "cases": cases}, file, separators=(",", ":"))
        file.write("\n")


main()
