"""Runs a model of transformers in float32, and in float64 throughout, and records which experts it chooses."""

import contextlib
import copy
import sys

import torch

DOUBLED = {"float32": torch.float64, "float": torch.float64}


class DoubleTorch:
    """The torch module, except that its float32 is float64."""

    def __getattr__(self, name):
        return DOUBLED.get(name) or getattr(torch, name)


@contextlib.contextmanager
def double_precision():
    """Code of transformers that asks for float32 gets float64: norms, softmax, routers, frequencies of the rotation."""
    modules = [
        module
        for name, module in list(sys.modules.items())
        if name.startswith("transformers.models.") or name == "transformers.modeling_rope_utils"
        if getattr(module, "torch", None) is torch
    ]
    original = torch.Tensor.float
    try:
        for module in modules:
            module.torch = DoubleTorch()
        torch.Tensor.float = lambda self: self.double()
        yield
    finally:
        torch.Tensor.float = original
        for module in modules:
            module.torch = torch


@contextlib.contextmanager
def recorded_choices(records):
    """Appends (scores, chosen) of every choice over rows. Choices within groups, which have three dimensions, are left out."""
    function, method = torch.topk, torch.Tensor.topk

    def recording(original):
        def topk(scores, *args, **named):
            result = original(scores, *args, **named)
            if scores.dim() == 2:
                records.append((scores.detach().clone(), result[1].detach().clone()))
            return result

        return topk

    try:
        torch.topk, torch.Tensor.topk = recording(function), recording(method)
        yield
    finally:
        torch.topk, torch.Tensor.topk = function, method


def margin(scores, chosen):
    """The smallest distance between a chosen and another score; for probabilities, between their logarithms."""
    rows = scores.double()
    if bool((rows > 0).all()) and bool(((rows.sum(-1) - 1).abs() < 1e-6).all()):
        rows = rows.log()
    mask = torch.zeros_like(rows, dtype=torch.bool).scatter(1, chosen, True)
    worst = rows.masked_fill(~mask, float("inf")).amin(-1)
    best = rows.masked_fill(mask, float("-inf")).amax(-1)
    return float((worst - best).min())


def in_double(model, prepare):
    """The same model in float64. `prepare` makes the changes that the model was given after it was built."""
    with double_precision():
        exact = type(model)(copy.deepcopy(model.config)).double().eval()
        exact.load_state_dict({name: value.double() for name, value in model.state_dict().items()})
        prepare(exact)
    narrow = [name for name, value in exact.named_buffers() if value.is_floating_point() and value.dtype != torch.float64]
    if narrow:
        raise ValueError(f"not in float64: {narrow}")
    return exact


@torch.no_grad()
def logits_of(model, tokens):
    return model(input_ids=torch.tensor([tokens]), use_cache=False).logits[0]


@torch.no_grad()
def run_double(model, tokens):
    """Logits in float64, norms of the residual stream after each layer at the last position, and the recorded choices."""
    records = []
    with double_precision(), recorded_choices(records):
        result = model(input_ids=torch.tensor([tokens]), use_cache=False, output_hidden_states=True)
    if result.logits.dtype != torch.float64:
        raise ValueError(f"the logits are {result.logits.dtype}")
    # The last of the hidden states has passed the final norm.
    norms = [float(state[0, -1].norm()) for state in result.hidden_states[:-1]]
    return result.logits[0], norms, records
