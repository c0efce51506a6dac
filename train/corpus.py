# Turns the unpacked packages into documents, of which every 33rd is held out from training: corpus.py WORKDIR -> WORKDIR/corpus.json
import json
import re
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent / "world"))
import mix  # noqa: F401, E402  the generator of the small world

PROSE = ("sotu", "austen", "web", "moby")
SEED = 1  # seed of the texts of the world for training
HELD_EVERY = 33
WORDNET = Path("/usr/share/wordnet")
QUOTES = str.maketrans({"“": '"', "”": '"', "‘": "'", "’": "'", "‑": "-", "–": "-"})


def clean(text):
    """The text with straight quotes, one kind of dash, single spaces, and one blank line between paragraphs."""
    text = text.translate(QUOTES).replace("--", "—")
    paragraphs = (" ".join(p.split()) for p in re.split(r"\n\s*\n", text))
    return "\n\n".join(p for p in paragraphs if p)


def sotu(src):
    """One document for each State of the Union speech, 1790 to 2021."""
    return [clean(p.read_text()) for p in sorted((src / "sotu/data").glob("[12]*.txt"))]


def moby_dick(src):
    """One document for each chapter. Its first line is the title."""
    chapters = (src / "moby-dick/data").glob("chapter_*.txt")
    return [clean(p.read_text()) for p in sorted(chapters, key=lambda p: int(p.stem.split("_")[1]))]


def austen(src):
    """One document for each chapter of the six novels."""
    documents = []
    for path in sorted(src.glob("austen-*.txt")):
        parts = re.split(r"(?im)^\s*(?:volume [ivx]+\s*)?chapter [ivxl\d]+\.?\s*$", path.read_text())
        documents += [clean(p.replace("_", "")) for p in parts[1:]]
    return documents


def web_bible(src):
    """One document for each chapter: its verses without notes, titles and markup."""
    documents, verses, current = [], [], None
    for entry in (src / "web.imp").read_text().split("$$$")[1:]:
        head, _, body = entry.partition("\n")
        match = re.fullmatch(r"(.+) (\d+):(\d+)", head.strip())
        if not match or match[3] == "0":
            continue
        if (match[1], match[2]) != current:
            documents.append(" ".join(verses))
            verses, current = [], (match[1], match[2])
        body = re.sub(r"<note.*?</note>|<title.*?</title>", " ", body, flags=re.S)
        if 'type="x-p"' in body and verses:
            verses.append("\n\n")
        verses.append(re.sub(r"<[^>]+>", "", re.sub(r"<l [^>]*/>", " ", body)))
    documents.append(" ".join(verses))
    return [clean(d) for d in documents if d.strip()]


def definitions():
    """[noun, gloss] for every single-word noun in WordNet's tagged texts, with the gloss of its first sense."""
    data, pairs = (WORDNET / "data.noun").read_bytes(), []
    for line in (WORDNET / "index.noun").read_text().splitlines():
        if line.startswith(" "):
            continue
        lemma, _, senses, *rest = line.split()
        tagged, first = int(rest[-int(senses) - 1]), int(rest[-int(senses)])
        if tagged and lemma.isalpha() and len(lemma) > 2:
            gloss = data[first : data.index(b"\n", first)].decode().split(" | ")[1]
            pairs.append([lemma, clean(gloss.split('; "')[0].split(";")[0])])
    return pairs


def short_definitions(corpus):
    """[noun, gloss] pairs with a gloss of fewer than 160 characters, for the world."""
    return [d for d in corpus["definitions"] if len(d[1]) < 160]


def main(work):
    src, corpus = work / "src", {}
    for name, read in zip(PROSE, (sotu, austen, web_bible, moby_dick)):
        documents = read(src)
        held = documents[HELD_EVERY // 2 :: HELD_EVERY]
        train = [d for i, d in enumerate(documents) if i % HELD_EVERY != HELD_EVERY // 2]
        corpus[name] = {"train": train, "held": held}
        size = [sum(len(d.encode()) for d in part) for part in (train, held)]
        print(f"{name}: {len(train)} documents, {size[0]} bytes to train; {len(held)} documents, {size[1]} bytes held out")
    corpus["definitions"] = definitions()
    print(f"definitions: {len(corpus['definitions'])} nouns")
    (work / "corpus.json").write_text(json.dumps(corpus, ensure_ascii=False))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
