# Writes unusual texts and the ids that bpe.py gives for them, to check other implementations: tokenizer_check.py DIR OUT.json
import json
import sys
from pathlib import Path

from bpe import Tokenizer

TEXTS = (
    "Hello, world!  Two  spaces\n\n\nnew", "naïve café — “quotes” ’tis don't I'll", "日本語のテキスト 🦊🎉 \u200d emoji",
    "Привет мир १२३ x²", "  leading", "trailing   ", "\t\ttabs\r\n", "<|endoftext|><|user|>hi <|end|><|assistant|>",
    "12345 67.89%", "\u00a0nbsp\u3000ideographic", "a\u0301 combining", "CamelCase_snake-case/path.ts", "\x00\x01\x7f",
    "Call me Ishmael. Some years ago—never mind how long precisely—having little or no money in my purse",
)  # fmt: skip


def main(folder, out):
    tokenizer = Tokenizer.load(folder / "tokenizer.json")
    cases = [{"text": text, "ids": tokenizer.encode(text)} for text in TEXTS]
    out.write_text(json.dumps(cases, ensure_ascii=False, indent=1) + "\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
