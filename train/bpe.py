# A byte-level BPE tokenizer: learns merges, encodes, decodes, and writes Hugging Face's tokenizer.json: bpe.py WORKDIR
import json
import sys
from collections import Counter, defaultdict
from pathlib import Path

import regex

from corpus import PROSE, SEED, mix, short_definitions

VOCABULARY = 4096
WORLD_TEXTS, WORLD_WEIGHT = 20000, 6  # texts of the world that are counted, and how often each counts: the tokenizer is learned mostly from them
SPECIALS = ["<|endoftext|>", "<|system|>", "<|user|>", "<|assistant|>", "<|end|>"]
WORDS = regex.compile(r"'(?:[sdmt]|ll|ve|re)| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+")  # GPT-2's word pattern
CHAT_TEMPLATE = (
    "{{ bos_token }}{% if tools %}{{ '<|system|>' }}{% if messages[0]['role'] == 'system' %}"
    "{{ messages[0]['content'] + '\\n\\n' }}{% endif %}{{ '# Tools\\n\\nYou may call these functions:\\n<tools>' }}"
    "{% for tool in tools %}{{ '\\n' + (tool | tojson) }}{% endfor %}"
    "{{ '\\n</tools>\\n\\nTo call one, write its name and its arguments:\\n<tool_call>\\n{\"name\": <function-name>, \"arguments\": <args-json-object>}\\n</tool_call><|end|>' }}"
    "{% endif %}{% for message in messages %}{% if message['role'] == 'tool' %}"
    "{{ '<|user|><tool_response>\\n' + message['content'] + '\\n</tool_response><|end|>' }}"
    "{% elif message['tool_calls'] %}{{ '<|assistant|>' + (message['content'] or '') }}"
    "{% for call in message['tool_calls'] %}{% if message['content'] or not loop.first %}{{ '\\n' }}{% endif %}"
    "{{ '<tool_call>\\n{\"name\": ' + (call['function']['name'] | tojson) + ', \"arguments\": ' }}"
    "{% if call['function']['arguments'] is string %}{{ call['function']['arguments'] }}{% else %}"
    "{{ call['function']['arguments'] | tojson }}{% endif %}{{ '}\\n</tool_call>' }}{% endfor %}{{ '<|end|>' }}"
    "{% elif not (tools and loop.first and message['role'] == 'system') %}"
    "{{ '<|' + message['role'] + '|>' + message['content'] + '<|end|>' }}{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|assistant|>' }}{% endif %}"
)


def byte_symbols():
    """The printable character by which GPT-2 represents each of the 256 bytes."""
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    hidden = [b for b in range(256) if b not in printable]
    return {**{b: chr(b) for b in printable}, **{b: chr(256 + i) for i, b in enumerate(hidden)}}


SYMBOLS = byte_symbols()
BYTES = {symbol: byte for byte, symbol in SYMBOLS.items()}


def merge_pair(word, pair):
    """The word's symbols, in which every occurrence of the pair is one symbol. Occurrences are found from left to right."""
    out, i = [], 0
    while i < len(word):
        if i + 1 < len(word) and (word[i], word[i + 1]) == pair:
            out.append(word[i] + word[i + 1])
            i += 2
        else:
            out.append(word[i])
            i += 1
    return out


def learn(counts, merges_wanted):
    """The merges, most frequent pair first. After each merge, only the words that contain its pair are counted again."""
    words = [[SYMBOLS[b] for b in word.encode()] for word in counts]
    weights, totals, where, merges = list(counts.values()), Counter(), defaultdict(set), []
    for i, word in enumerate(words):
        for pair in zip(word, word[1:]):
            totals[pair] += weights[i]
            where[pair].add(i)
    while len(merges) < merges_wanted:
        best = max(totals, key=lambda pair: (totals[pair], pair))
        merges.append(best)
        for i in where.pop(best):
            for pair in zip(words[i], words[i][1:]):
                totals[pair] -= weights[i]
            words[i] = merge_pair(words[i], best)
            for pair in zip(words[i], words[i][1:]):
                totals[pair] += weights[i]
                where[pair].add(i)
        del totals[best]
    return merges


class Tokenizer:
    def __init__(self, merges):
        self.ranks = {tuple(pair): rank for rank, pair in enumerate(merges)}
        symbols = [SYMBOLS[b] for b in sorted(SYMBOLS)] + [a + b for a, b in merges]
        self.vocab = {symbol: i for i, symbol in enumerate(symbols)}
        self.specials = {name: len(symbols) + i for i, name in enumerate(SPECIALS)}
        self.bytes = [bytes(BYTES[c] for c in symbol) for symbol in symbols] + [b""] * len(SPECIALS)
        self.cache = {}

    @classmethod
    def load(cls, path):
        return cls([tuple(m) for m in json.loads(Path(path).read_text())["model"]["merges"]])

    def encode_word(self, text):
        if text not in self.cache:
            word = [SYMBOLS[b] for b in text.encode()]
            while len(word) > 1:
                best = min(zip(word, word[1:]), key=lambda pair: self.ranks.get(pair, len(self.ranks)))
                if best not in self.ranks:
                    break
                word = merge_pair(word, best)
            self.cache[text] = [self.vocab[symbol] for symbol in word]
        return self.cache[text]

    def encode(self, text):
        """Ids of the text. The name of a special token in the text becomes that token."""
        ids = []
        for part in regex.split("(" + "|".join(map(regex.escape, SPECIALS)) + ")", text):
            if part in self.specials:
                ids.append(self.specials[part])
            else:
                for word in WORDS.findall(part):
                    ids += self.encode_word(word)
        return ids

    def decode(self, ids):
        return b"".join(self.bytes[i] for i in ids).decode(errors="replace")

    def save(self, folder):
        byte_level = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True}
        added = [
            {"id": i, "content": name, "single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": True}
            for name, i in self.specials.items()
        ]
        tokenizer = {
            "version": "1.0", "truncation": None, "padding": None, "added_tokens": added, "normalizer": None,
            "pre_tokenizer": byte_level, "post_processor": None, "decoder": byte_level,
            "model": {
                "type": "BPE", "dropout": None, "unk_token": None, "continuing_subword_prefix": None,
                "end_of_word_suffix": None, "fuse_unk": False, "byte_fallback": False, "ignore_merges": False,
                "vocab": {**self.vocab, **self.specials}, "merges": [list(pair) for pair in self.ranks],
            },
        }
        config = {
            "tokenizer_class": "PreTrainedTokenizerFast", "model_max_length": 2048, "clean_up_tokenization_spaces": False,
            "bos_token": SPECIALS[0], "eos_token": SPECIALS[0], "pad_token": SPECIALS[0], "unk_token": None,
            "additional_special_tokens": SPECIALS[1:], "chat_template": CHAT_TEMPLATE,
            "added_tokens_decoder": {str(a["id"]): {k: v for k, v in a.items() if k != "id"} for a in added},
        }
        for name, content in (("tokenizer.json", tokenizer), ("tokenizer_config.json", config)):
            (folder / name).write_text(json.dumps(content, ensure_ascii=False, indent=1))


def main(work):
    corpus, counts = json.loads((work / "corpus.json").read_text()), Counter()
    special = regex.compile("|".join(map(regex.escape, SPECIALS)))
    for text in mix.texts(SEED, 0, WORLD_TEXTS, definitions=short_definitions(corpus)):
        counts.update(word for part in special.split(text) for word in WORDS.findall(part))
    counts = Counter({word: WORLD_WEIGHT * count for word, count in counts.items()})
    for name in PROSE:
        for document in corpus[name]["train"]:
            counts.update(WORDS.findall(document))
    tokenizer = Tokenizer(learn(counts, VOCABULARY - 256 - len(SPECIALS)))
    tokenizer.save(work)
    print(f"{len(counts)} distinct words, {len(tokenizer.vocab) + len(SPECIALS)} tokens")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
