# The notation of templates: {field}, <this|that>, and a leading ~ for templates that are held out from training.
import re
from itertools import product


class Words:
    """Words of which those after `~` are held out from training."""

    def __init__(self, text):
        train, _, held = text.partition("~")
        self.train, self.held = ([w.strip() for w in part.replace("\n", " ").split(",") if w.strip()] for part in (train, held))
        self.held = self.held or self.train

    def has(self, word):
        return word in self.train or word in self.held


class Lines:
    """Templates, one a line. Each becomes the list of its variants, ready for `%` with a dict of fields."""

    def __init__(self, lines):
        lines = lines.strip().splitlines() if isinstance(lines, str) else lines
        lines = [line.strip() for line in lines if line.strip()]
        self.train = [variants(line) for line in lines if line[0] != "~"]
        # A group without held-out templates uses the trained ones in held-out texts, too.
        self.held = [variants(line[1:].strip()) for line in lines if line[0] == "~"] or self.train
        self.train = self.train or self.held


def variants(template):
    parts = re.split(r"<([^<>]*\|[^<>]*)>", template)
    choices = [part.split("|") if i % 2 else [part] for i, part in enumerate(parts)]
    texts = (re.sub(r"\{(\w+)\}", r"%(\1)s", "".join(chosen)) for chosen in product(*choices))
    return [re.sub(r" {2,}", " ", text) for text in texts]


class Event:
    """What can happen in a story: its full tellings, its short sentence, and questions as (question, word, sentence)."""

    def __init__(self, lines):
        self.full = Lines([line for line in lines if line[0] not in "=?"])
        self.short = [variants(line[1:].strip())[0] for line in lines if line[0] == "="]
        self.asks = [[variants(part.strip()) for part in line[1:].split("||")] for line in lines if line[0] == "?"]
        for ask in self.asks:
            if len(ask) != 3:
                raise ValueError(f"a question needs three parts: {ask[0][0]}")


def events(text):
    """The sections of a text by name. A section starts with @name; = is the short sentence, ? a question with its answers."""
    found = {}
    for section in re.split(r"(?m)^@", text)[1:]:
        name, *lines = [line.strip() for line in section.splitlines() if line.strip()]
        found[name] = Event(lines)
    return found


def a(noun):
    return f"an {noun}" if noun[0] in "aeiouAEIOU" else f"a {noun}"


def cap(text):
    return text[0].upper() + text[1:]


def listed(items, word="and"):
    """"a, b and c"."""
    return items[0] if len(items) == 1 else f"{', '.join(items[:-1])} {word} {items[-1]}"


ONES = "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen".split()
TENS = "_ _ twenty thirty forty fifty sixty seventy eighty ninety".split()


def number(n):
    """A number up to 100 in words."""
    if n < 20:
        return ONES[n]
    if n == 100:
        return "one hundred"
    return TENS[n // 10] + (f"-{ONES[n % 10]}" if n % 10 else "")


IRREGULAR = {"mouse": "mice", "goose": "geese", "sheep": "sheep", "fish": "fish", "deer": "deer", "wolf": "wolves", "knife": "knives", "leaf": "leaves",
             "loaf": "loaves", "scarf": "scarves", "child": "children", "foot": "feet", "tooth": "teeth", "shelf": "shelves", "man": "men", "woman": "women",
             "potato": "potatoes", "tomato": "tomatoes", "calf": "calves", "ox": "oxen", "goldfish": "goldfish"}


def plural(noun, count=2):
    if count == 1:
        return noun
    if noun in IRREGULAR:
        return IRREGULAR[noun]
    if noun[-1] == "y" and noun[-2] not in "aeiou":
        return noun[:-1] + "ies"
    return noun + ("es" if noun.endswith(("s", "x", "ch", "sh", "z")) else "s")
