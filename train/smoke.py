# Runs the whole way from the generator to an exported model on little text, in about three minutes: smoke.py WORKDIR
import json
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
# Part of the way, and its arguments after WORKDIR. Each kind of training takes a few steps.
PARTS = (
    ("bpe.py",),
    ("data.py", "--texts", "4000", "--held-texts", "8"),
    ("train.py", "--name", "smoke", "--tokens", "150000", "--no-compile"),
    ("train.py", "--name", "progressive", "--tokens", "30000", "--schedule", "8,8,4,4,2,2,1,1", "--switch", "0.6", "--balance", "lbl", "--no-rules", "--no-compile"),
    ("train.py", "--name", "elastic", "--tokens", "20000", "--elastic", "--no-compile"),
    ("train.py", "--name", "prototypes", "--tokens", "20000", "--prototypes", "2", "--no-compile"),
    ("train.py", "--name", "dense", "--tokens", "20000", "--experts", "1", "--no-compile"),
)


def main(work):
    """Writes corpus.json from the held-out prose of bench/, and runs every part. The smoke model is exported to WORKDIR/hf."""
    documents = [20 * each["text"] for each in json.loads((HERE.parent / "bench" / "held-out.json").read_text())]
    sources = {name: {"train": documents[i::4], "held": documents[i : i + 1]} for i, name in enumerate(("sotu", "austen", "web", "moby"))}
    (work / "corpus.json").write_text(json.dumps({**sources, "definitions": []}))
    for script, *args in PARTS:
        run(script, work, *args)
    run("export.py", work, work / "hf", "--name", "smoke")


def run(script, *args):
    subprocess.run([sys.executable, "-B", HERE / script, *args], check=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
