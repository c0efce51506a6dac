# Random draws that depend only on (seed, index), so that any text can be made without those before it.
from random import Random

from words import Coined

INVENTED = 0.35  # share of names and things that are invented or any noun of the dictionary


class Draw:
    """A stream of choices. `held` draws from the held-out names, things and templates in place of the trained ones.

    `definitions` are pairs of a noun and its WordNet gloss. Facts ask for the gloss, and some invented words are such nouns."""

    __slots__ = ("random", "held", "invented", "definitions")

    def __init__(self, seed, index, held=False, definitions=()):
        self.random = Random((seed << 48) | (index << 1) | held).random
        self.held = held
        self.invented = 0 if held else INVENTED
        self.definitions = definitions

    def pick(self, items):
        return items[int(self.random() * len(items))]

    def below(self, count):
        return int(self.random() * count)

    def between(self, low, high):
        """An integer from low to high, both included."""
        return low + int(self.random() * (high - low + 1))

    def chance(self, share):
        return self.random() < share

    def sample(self, items, count):
        """`count` different items in random order."""
        left = list(items)
        return [left.pop(int(self.random() * len(left))) for _ in range(count)]

    def invents(self):
        """Whether to invent a word here."""
        return self.invented > 0 and self.chance(self.invented)

    def of(self, words):
        """An item of the trained or the held-out part of a `Words`. In training, some names and things are invented."""
        if isinstance(words, Coined) and self.invents():
            return words.invent(self)
        return self.pick(words.held if self.held else words.train)

    def noun(self, words):
        """An item of a `Words`. In training, some are any noun of the dictionary."""
        return Coined.noun(self) if self.definitions and self.invents() else self.of(words)

    def say(self, lines, fields=None):
        """A template of a `Lines`, filled with the fields."""
        templates = lines.held if self.held else lines.train
        variants = templates[int(self.random() * len(templates))]
        text = variants[int(self.random() * len(variants))] if len(variants) > 1 else variants[0]
        return text % fields if fields else text

    def weighted(self, table):
        """A key of a list of (key, share); the shares add up to 1."""
        left = self.random()
        for key, share in table:
            left -= share
            if left < 0:
                return key
        return table[-1][0]
