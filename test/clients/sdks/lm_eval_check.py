"""Scores and generates text with lm-evaluation-harness's clients, and compares the results with the gateway's own.

Needs Python 3.10 or later with `pip install "lm-eval[api]"` (no torch), and a gateway that serves a model with a chat
template: `python lm_eval_check.py http://127.0.0.1:8080 [MODEL]`. Exits with 1 at the first difference.
"""

import json
import math
import sys
import urllib.request

from lm_eval.api.instance import Instance
from lm_eval.models.openai_completions import LocalChatCompletion, LocalCompletionsAPI

BASE_URL = sys.argv[1].rstrip("/")
MODEL = sys.argv[2] if len(sys.argv) > 2 else "nano"
GREETING = [{"role": "user", "content": "Good morning."}]


def post(path, body):
    headers = {"content-type": "application/json"}
    request = urllib.request.Request(BASE_URL + path, json.dumps(body).encode(), headers)
    with urllib.request.urlopen(request) as response:
        return json.load(response)


def encode(text):
    return post("/tokenize", {"model": MODEL, "prompt": text, "add_special_tokens": False})["tokens"]


def true_logprob(context, continuation):
    """The continuation's log-probability from a request with `max_tokens: 0`, which generates nothing."""
    body = {"model": MODEL, "prompt": context + continuation, "echo": True, "logprobs": 1, "max_tokens": 0}
    logprobs = post("/v1/completions", body)["choices"][0]["logprobs"]["token_logprobs"]
    return sum(logprobs[len(context) :])


def require_close(name, found, expected):
    if not math.isclose(found, expected, abs_tol=1e-3):
        sys.exit(f"{name}: the harness finds {found:.4f}, the gateway's own scoring {expected:.4f}")
    print(f"{name}: {found:.4f}")


def instances(kind, arguments):
    return [Instance(request_type=kind, doc={}, arguments=each, idx=i) for i, each in enumerate(arguments)]


def ended_turn():
    """A conversation as text, and an answer that the model ends: the next token is a stop id."""
    body = {"model": MODEL, "messages": GREETING, "max_tokens": 200, "temperature": 0, "return_token_ids": True}
    answer = post("/v1/chat/completions", body)
    choice = answer["choices"][0]
    if choice["finish_reason"] != "stop":
        sys.exit("the model does not end its turn: no stop id follows")
    prompt = post("/detokenize", {"model": MODEL, "tokens": answer["prompt_token_ids"]})["prompt"]
    return prompt, choice["message"]["content"]


def check_completions(batch_size, concurrent):
    harness = LocalCompletionsAPI(
        base_url=f"{BASE_URL}/v1/completions",
        model=MODEL,
        tokenizer_backend="auto",
        batch_size=batch_size,
        num_concurrent=concurrent,
    )
    if harness.tokenizer_backend != "remote":
        sys.exit("the harness does not find /tokenizer_info and /tokenize")
    label = f"batch {batch_size}, {concurrent} at once"

    pairs = [
        ("The old man sat by", " the sea."),
        ("It is a truth universally", " acknowledged"),
        ("", "Good morning."),
        ended_turn(),
    ]
    scores = harness.loglikelihood(instances("loglikelihood", pairs))
    for (context, continuation), (found, _) in zip(pairs, scores):
        whole = encode(context + continuation)
        begun = encode(context) or [harness.prefix_token_id]
        rest = whole[len(encode(context)) :]
        require_close(f"loglikelihood of {continuation[:20]!r} ({label})", found, true_logprob(begun, rest))

    texts = ["The old man sat by the sea.", "It is a truth universally acknowledged."]
    rolled = harness.loglikelihood_rolling(instances("loglikelihood_rolling", [(text,) for text in texts]))
    for text, found in zip(texts, rolled):
        expected = true_logprob([harness.prefix_token_id], encode(text))
        require_close(f"loglikelihood_rolling of {text[:20]!r} ({label})", found, expected)

    settings = {"until": ["."], "max_gen_toks": 24, "temperature": 0}
    written = harness.generate_until(instances("generate_until", [("The old man", dict(settings))]))
    body = {"model": MODEL, "prompt": encode("The old man"), "max_tokens": 24, "temperature": 0, "stop": ["."]}
    expected = post("/v1/completions", body)["choices"][0]["text"]
    if written != [expected]:
        sys.exit(f"generate_until ({label}): the harness finds {written!r}, the gateway writes {expected!r}")
    print(f"generate_until ({label}): {expected!r}")


def check_chat():
    harness = LocalChatCompletion(base_url=f"{BASE_URL}/v1/chat/completions", model=MODEL)
    prompt = harness.apply_chat_template(GREETING)
    settings = {"until": ["!"], "max_gen_toks": 24, "temperature": 0}
    written = harness.generate_until(instances("generate_until", [(prompt, settings)]))
    body = {"model": MODEL, "messages": GREETING, "max_tokens": 24, "temperature": 0, "stop": ["!"]}
    expected = post("/v1/chat/completions", body)["choices"][0]["message"]["content"]
    if written != [expected]:
        sys.exit(f"chat: the harness finds {written!r}, the gateway writes {expected!r}")
    print(f"chat: {expected!r}")


for size, at_once in [(1, 1), (4, 1), (2, 2)]:
    check_completions(size, at_once)
check_chat()
