# Tells a story: draws the characters, runs a plot, and keeps its texts, its short sentences and the questions about it.
import re
from functools import cache
from hashlib import blake2b

from draw import Draw
from grammar import a, cap, plural
from phrases import DAY, DETAIL, END, HE, LATER, OPEN, PEOPLE, SHE
from plots import friends, things, work
from words import ANIMALS, BOYS, COLOURS, FLOWERS, FOODS, FRIENDS, GIRLS, HELPERS, HEROES, LIVING, LOOKS, PETS, PLACES, THINGS, TOWNS, TRAITS

EVENTS = things.EVENTS | friends.EVENTS | work.EVENTS
PLOTS = things.PLOTS | friends.PLOTS | work.PLOTS
NAMES = tuple(PLOTS)
HANDS = {"hands": ("hands", "arm"), "paws": ("paws", "paw"), "beak": ("beak", "beak"), "mouth": ("mouth", "leg")}
HOOFED = {"goat", "sheep", "pig", "donkey", "deer", "horse", "cow", "frog", "turtle"}
SLOW = ("turtle", "hedgehog", "mouse", "duck", "hen", "pig", "sheep", "goose", "donkey", "mole")

FRIEND, FRIEND_FIRST, HERO, HERO_FIRST = MARKS = "\x01\x02\x03\x04"  # stand for f, F, h and H until it is known how to name them


@cache
def held_combination(hero, thing):
    """Whether stories about this animal and this thing together are kept out of training."""
    return hero in ANIMALS and blake2b(f"{hero} {thing}".encode(), digest_size=1).digest()[0] % 8 == 0


class Fields(dict):
    """The fields of a story's templates. A missing capitalised key is the capitalised value of the lower-case one."""

    def __missing__(self, key):
        if not key[0].isupper():
            raise KeyError(f"a template uses {{{key}}}, which the plot does not set")
        value = self[key] = cap(self[key[0].lower() + key[1:]])
        return value


class Tale:
    """A story. `wish` may fix "plot", "hero" (an animal, "girl" or "boy"), "name" and "t" (the thing)."""

    def __init__(self, draw, wish=None):
        self.draw, self.wish = draw, wish or {}
        self.full, self.short, self.asks, self.marks, self.told = [], [], [], [False, False], []
        self.plot = self.wish.get("plot") or self._plot()
        self.topic = PLOTS[self.plot][1]
        self._hero()
        self.full.append(draw.say(OPEN, self.fields))
        if draw.chance(0.4):
            self.full.append(draw.say(DETAIL, self.fields))
        PLOTS[self.plot][0](self)

    def _plot(self):
        thing = self.wish.get("t")
        fits = [n for n, (_, _, things_, _) in PLOTS.items() if things_ and things_.has(thing)] if thing else NAMES
        while True:
            plot = self.draw.pick(fits)
            hero = self.wish.get("hero")
            if hero is None or self._fits(plot, hero):
                return plot

    @staticmethod
    def _fits(plot, hero):
        lacks = PLOTS[plot][3]
        if hero in ("girl", "boy"):
            return True
        if plot == "race":
            return hero in SLOW
        return "animal" not in lacks and not ANIMALS[hero]["can"].intersection(lacks)

    def _hero(self):
        draw, wish = self.draw, self.wish
        kind = wish.get("hero")
        if kind is None:
            if "animal" in PLOTS[self.plot][3] or draw.chance(0.45):
                kind = draw.pick(("girl", "boy"))
            else:
                kind = draw.of(HEROES)
                while not self._fits(self.plot, kind):
                    kind = draw.of(HEROES) if not draw.held else draw.pick(("girl", "boy"))
        she = kind == "girl" or kind != "boy" and draw.chance(0.5)
        self.person = kind in ("girl", "boy")
        name = wish.get("name") or (draw.of(GIRLS if she else BOYS) if self.person else draw.of(PETS) if draw.chance(0.6) else None)
        trait = draw.of(TRAITS) if draw.chance(0.6) else None
        noun = f"{trait} {kind}" if trait else draw.pick(("little ", "young ", "", "")) + kind
        s, o, p, r = self.pronouns = SHE if she else HE
        hands, arm = HANDS["hands" if self.person else "beak" if ANIMALS[kind]["class"] == "bird" else "mouth" if kind in HOOFED else "paws"]
        self.kind, self.name = kind, name
        home = draw.pick(("in", "near")) + f" {TOWNS.invent(draw)}" if draw.invents() else PLACES[draw.of(LIVING)]
        day = draw.pick(DAY)
        who = f"{a(noun)} named {name}" if name else a(noun)
        self.call = name or f"the {kind}"
        self.capital = cap(self.call)
        self.fields = Fields({"the": "the", "who": who, "Who": cap(who), "kind": a(noun), "h": self.call, "H": cap(self.call), "s": s, "S": cap(s), "o": o, "p": p, "P": cap(p), "r": r, "eyes": draw.pick(("bright", "brown", "big", "dark")), "hands": hands, "arm": arm,
                       "in": home, "In": cap(home), "Day": day, "dayl": day[0].lower() + day[1:] if day[1] == "n" else day})
        self.names = {name} if name else set()

    def hero_can(self, skills):
        return not self.person and bool(ANIMALS[self.kind]["can"].intersection(skills))

    def set(self, **fields):
        self.fields.update(fields)

    def thing(self, among=THINGS):
        draw = self.draw
        fits = PLOTS[self.plot][2] or among
        t = self.wish.get("t") or draw.of(fits)
        while "t" not in self.wish and not draw.held and held_combination(self.kind, t):
            t = draw.of(fits)
        colour = draw.pick(COLOURS.train) if draw.chance(0.7) else None
        ct = f"{colour or draw.of(LOOKS)} {t}"
        self.colour = colour
        self.set(t=t, ta=a(t), ct=ct, at=a(ct), article=a(ct).split(" ")[0])

    def _other(self, who, f, pronouns):
        fs, fo, fp, _ = pronouns
        self.other = f
        self.set(fwho=who, f=FRIEND, F=FRIEND_FIRST, fs=fs, FS=cap(fs), fo=fo, fp=fp, fpos=f"{f}'s", f2=who)

    def friend(self, stranger=False, person=False, among=None, family=False):
        draw = self.draw
        pronouns = HE if self.pronouns is SHE else SHE  # so that no pronoun is ambiguous
        she = pronouns is SHE
        if family:
            f = draw.pick((f"{self.fields['p']} mother", f"{self.fields['p']} grandmother") if she else (f"{self.fields['p']} father", f"{self.fields['p']} grandfather"))
            self._other(f, f, pronouns)
            self.set(f2=f)
            self.known = True
        elif person or self.person and not among and draw.chance(0.6):
            if person or stranger and draw.chance(0.5):
                who, f, _ = draw.pick([p for p in PEOPLE if p[2] is pronouns])
                self._other(who, f, pronouns)
            else:
                name = draw.of(GIRLS if she else BOYS)
                self.names.add(name)
                self._other(f"a {'girl' if she else 'boy'} named {name}", name, pronouns)
                self.set(f2=name)
            self.known = stranger or person
        else:
            kinds = [k for k in (among or (FRIENDS.held if draw.held else FRIENDS.train)) if k != self.kind]
            kind = draw.pick(kinds)
            self._other(a(kind), f"the {kind}", pronouns)
            self.known = stranger
        self.stranger = stranger or person

    def helper(self, skill):
        draw = self.draw
        kind = draw.of(HELPERS[skill])
        while kind == self.kind:
            kind = draw.pick(HELPERS[skill].train)
        self._other(a(kind), f"the {kind}", HE if self.pronouns is SHE else SHE)
        self.food()
        self.known = self.stranger = True

    def third(self):
        who, f, _ = self.draw.pick(PEOPLE)
        while f == self.other:
            who, f, _ = self.draw.pick(PEOPLE)
        self.set(who3=who, k3=f, K3=cap(f))

    def food(self):
        food = self.draw.of(FOODS)
        self.set(food1=food, foods=plural(food), food=plural(food))

    def flower(self):
        flower = self.draw.of(FLOWERS)
        self.set(aflower=a(flower), Aflower=cap(a(flower)))

    def tell(self, *keys):
        fields = self.fields
        for key in keys:
            event = EVENTS[key]
            if self.name and not self.person and fields.get("fwho") != a(self.kind):
                call = self.name if self.draw.chance(0.7) else f"the {self.kind}"
                fields["h"], fields["H"] = call, cap(call)
            self.full.append(self._introduced(self.draw.say(event.full, fields), 0))
            fields["h"], fields["H"] = self.call, self.capital
            self.short += event.short
            self.asks += event.asks

    def _introduced(self, text, at):
        """The text with the friend in place of the marks. The first mention says who the friend is."""
        if self.fields.get("fwho") and (self.fields["fwho"] in text or self.fields["Fwho"] in text):
            self.marks[at] = True
        if FRIEND not in text and FRIEND_FIRST not in text:
            return text
        if not self.marks[at]:
            self.marks[at] = True
            first = text.index(FRIEND) if FRIEND in text else len(text)
            if FRIEND_FIRST in text:
                first = min(first, text.index(FRIEND_FIRST))
            text = text[:first] + self._introduction(text, first) + text[first + 1 :]
        return self._named(text)

    def _introduction(self, text, first):
        fields, mark = self.fields, text[first]
        if not self.known and not text[:first].endswith("friend "):
            return f"{fields['p' if mark == FRIEND else 'P']} friend {self.other}"
        if self.stranger:
            return fields["fwho" if mark == FRIEND else "Fwho"]
        return mark

    def _named(self, text):
        return text.replace(FRIEND, self.other).replace(FRIEND_FIRST, cap(self.other))

    def maybe(self, share, key):
        if self.draw.chance(share):
            self.tell(key)

    def paragraph(self):
        self.full.append("\n\n")

    def moral(self, name, evening=True):
        event = EVENTS[f"{name}.moral"]
        self.lesson = self.draw.say(event.full)
        self.gist = self._named(event.short[0] % self.fields)
        kind = self.draw.random()
        if kind < 0.4:
            self.full.append(self.draw.say(END if evening else LATER, self.fields))
        elif kind < 0.65:
            self.full.append(self.lesson)

    def text(self):
        return " ".join(self.full).replace(" \n\n ", "\n\n")

    def sentences(self):
        """The story in short sentences. The first mention of the hero says who it is."""
        if self.told:
            return self.told
        out, who, fields = self.told, False, self.fields
        fields["h"], fields["H"] = HERO, HERO_FIRST
        for template in self.short:
            short = self._introduced(template % fields, 1)
            if not who and (HERO in short or HERO_FIRST in short):
                who, first = True, re.search(f"[{HERO}{HERO_FIRST}]", short)
                if f"s friend {self.other}" in short[: first.start()]:  # "her friend" would come before the hero
                    short = re.sub(r"(?i)^(his|her) friend the", "The" if short[0].isupper() else "the", short)
                short = short[: first.start()] + fields["who" if first[0] == HERO else "Who"] + short[first.end() :]
            out.append(short.replace(HERO, self.call).replace(HERO_FIRST, self.capital))
        fields["h"], fields["H"] = self.call, self.capital
        return out

    def in_sentences(self, count):
        """The story in exactly `count` sentences. Joins neighbouring sentences so that the results are as simple as possible."""
        short = self.sentences()
        if count == 1:
            return self.gist
        best = None
        for cuts in partitions(len(short), count):
            cost = sum(9 * (size > 2) + 2 * sum(short[i].count(",") + short[i].count(" but ") for i in range(at, at + size)) for at, size in cuts if size > 1)
            if best is None or cost < best[0]:
                best = cost, cuts
        return " ".join(self._joined(short[at : at + size]) for at, size in best[1])

    def _joined(self, sentences):
        text = sentences[0]
        for each in sentences[1:]:
            first = re.split(r"[ ,']", each)[0]
            hero = cap(self.call) + " "
            if each.startswith(hero) and sentences[0].startswith((hero, self.fields["Who"])):
                each = f"{self.fields['s']} {each[len(hero) :]}"
                first = ""
            text = f"{text[:-1]}, and {each if first in self.names else each[0].lower() + each[1:]}"
        return text

    def questions(self):
        """(question, word, sentence) of what the story says. The held-out wording of a question is its last."""
        fields = self.fields
        for question, word, sentence in self.asks:
            wordings = question if len(question) == 1 else question[-1:] if self.draw.held else question[:-1]
            yield tuple(self._named(part % fields) for part in (self.draw.pick(wordings), word[0], sentence[0]))


def partitions(length, count, at=0):
    """All ways to cut `length` items into `count` groups, as (start, size)."""
    if count == 1:
        return [[(at, length)]] if length else []
    return [[(at, size), *rest] for size in range(1, length - count + 2) for rest in partitions(length - size, count - 1, at + size)]


def story(seed, index, wish=None, held=False):
    return Tale(Draw(seed, index, held), wish)
