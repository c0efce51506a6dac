# Arithmetic, counting, comparing, time, and small worlds whose state changes: who has what, where things are, who is taller.
from grammar import Lines, a, cap, listed, number, plural
from words import BOYS, COLOURS, FOODS, GIRLS, SMALL, is_girl

SUM = Lines("""
What is {x} {sign} {y}?
How much is {x} {sign} {y}?
{x} {sign} {y} = ?
Calculate {x} {sign} {y}.
Please work out {x} {sign} {y}.
Say how much {x} {sign} {y} is.
I want to know {x} {sign} {y}.
Do you know how much {x} {sign} {y} is?
{x} {sign} {y}?
~ Can you tell me what {x} {sign} {y} is?
~ Tell me: how much is {x} {sign} {y}?
""")
SIGNS = {"+": "plus", "-": "minus", "*": "times"}
CONTAINERS = "box basket drawer bag cupboard bucket chest jar".split()
ROOMS = "kitchen garden barn cellar attic hall yard shed".split()


def held_pair(x, y):
    """Whether a sum is kept out of training. Small sums and the multiplication table up to 10 are always trained."""
    return x + y > 20 and (31 * x + 17 * y) % 11 == 0


def arithmetic(d):
    """(question, word, sentence)"""
    while True:
        sign = d.pick("++--*")
        if sign == "*":
            x, y = d.between(1, 10), d.between(1, 10)
            result = x * y
        else:
            top = d.pick((10, 20, 20, 50, 100) if d.held else (10, 20, 50, 100, 100))
            result, y = d.between(0, top), d.between(0, min(top, 50))
            x = result - y if sign == "+" else result + y
        if 0 <= x <= 100 and 0 <= result <= 100 and (sign == "*" or held_pair(x, y) == d.held):
            break
    as_words = d.chance(0.4) and not d.held
    shown = d.say(SUM, {"x": number(x) if as_words else x, "y": number(y) if as_words else y, "sign": SIGNS[sign] if as_words or d.chance(0.5) else sign})
    if as_words:
        return cap(shown), cap(number(result)), f"{cap(number(x))} {SIGNS[sign]} {number(y)} is {number(result)}."
    return shown, str(result), f"{x} {sign} {y} = {result}."


def pair(d):
    girl = d.of(GIRLS)
    return (girl, d.of(BOYS)) if d.chance(0.5) else (d.of(BOYS), girl)


def pronoun(name):
    return "she" if is_girl(name) else "he"


def gives(d):
    """Counts that change: (passage, [(question, word, sentence)])"""
    (x, y), food = pair(d), d.of(FOODS)
    n, more = d.between(2, 12), d.between(1, 6)
    lost = d.between(1, n - 1)
    s = pronoun(x)
    def of(k): return f"{number(k)} {plural(food, k)}"
    if d.chance(0.5):
        text = d.pick((f"{x} has {of(n)}. {cap(s)} gives {number(lost)} to {y}.", f"{x} picked {of(n)}. Then {s} gave {number(lost)} of them to {y}." if lost > 1 else f"{x} picked {of(n)}. Then {s} gave one of them to {y}.",
                       f"There were {of(n)} in {x}'s basket. {y} took {number(lost)} of them out."))
        left, how = n - lost, f"{number(n)} minus {number(lost)}"
        asks = [(f"How many {plural(food)} does {x} have {d.pick(('now', 'left'))}?", cap(number(left)), f"{x} has {of(left)}, because {how} is {number(left)}.")]
        if "basket" not in text:
            asks.append((f"How many {plural(food)} did {y} get?", cap(number(lost)), f"{y} got {of(lost)}."))
    else:
        text = d.pick((f"{x} has {of(n)}. {y} gives {('him', 'her')[s == 'she']} {number(more)} more.", f"{x} found {of(n)} in the morning and {number(more)} more in the evening."))
        asks = [(f"How many {plural(food)} does {x} have {d.pick(('now', 'in all'))}?", cap(number(n + more)), f"{x} has {of(n + more)}, because {number(n)} plus {number(more)} is {number(n + more)}.")]
    return text, asks


def moves(d):
    """Things that are moved and people who walk. The last place counts."""
    x, y = pair(d)
    thing, (one, two, three) = d.of(SMALL), d.sample(CONTAINERS, 3)
    s = pronoun(x)
    if d.chance(0.5):
        text = f"{x} {d.pick(('put', 'laid'))} the {thing} into the {one}. Then {y} {d.pick(('moved', 'took'))} it {d.pick(('to', 'over to'))} the {two}."
        if d.chance(0.4):
            text += f" After that, {x} put {d.pick(('a spoon', 'an apple', 'a letter'))} into the {three}."
        return text, [(d.pick((f"Where is the {thing} now?", f"Where is the {thing}?", f"In what is the {thing}?")), f"In the {two}", f"The {thing} is in the {two}."),
                      (f"Where was the {thing} first?", f"In the {one}", f"First, the {thing} was in the {one}."),
                      (f"Who moved the {thing} to the {two}?", y, f"{y} moved it to the {two}.")]
    one, two, three = d.sample(ROOMS, 3)
    text = f"{x} went to the {one}. {y} went to the {two}. {cap(d.pick(('then', 'after that,', 'later,')))} {x} walked to the {three}."
    if d.chance(0.5):
        text += f" {cap(s)} was carrying the {thing}."
        asks = [(f"Where is the {thing}?", f"In the {three}", f"The {thing} is in the {three}, because {x} carried it there.")]
    else:
        asks = []
    return text, [*asks, (f"Where is {x} now?", f"In the {three}", f"{x} is in the {three}."), (f"Where is {y}?", f"In the {two}", f"{y} is in the {two}."),
                  (f"Where was {x} before the {three}?", f"In the {one}", f"Before that, {x} was in the {one}.")]


def transfers(d):
    """Things of three people, of which one or two are given away. Only in training."""
    names = []
    while len(names) < 3:
        name = d.of(d.pick((GIRLS, BOYS)))
        if name not in names:
            names.append(name)
    (x, y, z), t, u = names, d.of(SMALL), d.of(SMALL)
    if t == u:
        return transfers(d)
    has, gives = d.pick((("has", "gives"), ("has", "hands"), ("had", "gave")))
    text = f"{x} {has} {a(t)}. {y} {has} {a(u)}. {x} {gives} the {t} to {z}."
    asks = [(f"Who has the {t} now?", z, f"{z} has the {t} now."), (f"Who {d.pick(('had', 'owned'))} the {t} at first?", x, f"At first, {x} had the {t}."),
            (f"Does {x} still have the {t}?", "No", f"No, {z} has the {t} now."), (f"Who got the {t} from {x}?", z, f"{z} got the {t} from {x}.")]
    if d.chance(0.4):
        text += f" {y} {gives} the {u} to {x}."
        return text, [*asks, (f"Who has the {u} now?", x, f"{x} has the {u} now."), (f"What does {x} have now?", cap(a(u)), f"{x} has {a(u)} now.")]
    return text, [*asks, (f"Who has the {u}?", y, f"{y} has the {u}."), (f"What did {z} get?", cap(a(t)), f"{z} got {a(t)}.")]


DEGREES = (("taller", "tallest", "shortest"), ("older", "oldest", "youngest"), ("faster", "fastest", "slowest"), ("stronger", "strongest", "weakest"))


def ranks(d):
    girls = d.sample(GIRLS.held, 2) if d.held else [d.of(GIRLS), d.of(GIRLS)]
    if girls[0] == girls[1]:
        return ranks(d)
    names = girls + [d.of(BOYS)]
    a_, b, c = d.sample(names, 3)
    more, most, least = d.pick(DEGREES)
    facts = [f"{a_} is {more} than {b}.", f"{b} is {more} than {c}."]
    return " ".join(facts if d.chance(0.5) else facts[::-1]), [(f"Who is the {most}?", a_, f"{a_} is the {most}."), (f"Who is the {least}?", c, f"{c} is the {least}."),
                                                                (f"Is {a_} {more} than {c}?", "Yes", f"Yes, {a_} is {more} than {c}."), (f"Is {c} {more} than {a_}?", "No", f"No, {a_} is {more} than {c}.")]


def owns(d):
    (x, y), (s, t), (p, q) = pair(d), d.sample(SMALL.held if d.held else SMALL.train, 2), d.sample(COLOURS.train, 2)
    text = f"{x} has a {p} {s}, and {y} has a {q} {t}.".replace("a orange", "an orange")
    if d.chance(0.4):
        return text + " They swap.", [(f"Who has the {s} now?", y, f"{y} has the {s} now."), (f"What does {x} have now?", f"The {q} {t}", f"{x} has the {q} {t} now."), (f"What colour is the {s}?", cap(p), f"The {s} is {p}.")]
    return text, [(f"What colour is the {s}?", cap(p), f"The {s} is {p}."), (f"Who has the {t}?", y, f"{y} has the {t}."), (f"Who has something {q}?", y, f"{y} has a {q} {t}.".replace("a orange", "an orange")),
                  (f"What does {x} have?", f"A {p} {s}".replace("A orange", "An orange"), f"{x} has a {p} {s}.".replace("a orange", "an orange"))]


TIMES = (  # begins, lasts, question, answer
    ("The train leaves", "The journey takes", "When does the train arrive?", "The train arrives"), ("The shop opens", "It is open for", "When does the shop close?", "The shop closes"),
    ("The concert begins", "It lasts", "When is the concert over?", "The concert is over"), ("School begins", "It lasts", "When is school over?", "School is over"),
    ("The boat leaves", "The crossing takes", "When does the boat arrive?", "The boat arrives"),
)


def hours(d):
    start, length, (begins, lasts, ask, said) = d.between(1, 9), d.between(1, 3), d.pick(TIMES)
    text = f"{begins} at {number(start)} o'clock. {lasts} {number(length)} {plural('hour', length)}."
    end = f"at {number(start + length)} o'clock"
    return text, [(ask, cap(end), f"{said} {end}.")]


def passage(d):
    """(passage, questions) of a small world."""
    kinds = (gives, gives, moves, moves, ranks, owns, hours)
    return d.pick(kinds if d.held else (*kinds, transfers))(d)


def counting(d):
    """(question, answer): counting, sorting, letters."""
    how = d.below(6)
    if how == 0:
        low = d.between(1, 20)
        high = low + d.between(3, 9)
        return d.pick((f"Count from {low} to {high}.", f"Please count from {low} to {high}.")), ", ".join(map(str, range(low, high + 1))) + "."
    if how == 1:
        high = d.between(4, 12)
        return f"Count {d.pick(('backwards', 'down'))} from {high} to 1.", ", ".join(map(str, range(high, 0, -1))) + "."
    if how == 2:
        items = d.sample(range(1, 40), d.between(3, 5))
        down = d.chance(0.3)
        return f"{d.pick(('Sort', 'Put in order'))}{' from large to small' if down else ' from small to large'}: {', '.join(map(str, items))}", ", ".join(map(str, sorted(items, reverse=down)))
    if how == 3:
        items = d.sample(range(1, 100), d.pick((2, 3)))
        word, best = d.pick((("largest" if len(items) > 2 else "larger", max(items)), ("smallest" if len(items) > 2 else "smaller", min(items))))
        return f"Which number is {'the ' if len(items) > 2 else ''}{word}, {listed(list(map(str, items)), 'or')}?", f"{best} is {'the ' if len(items) > 2 else ''}{word}{' number' if len(items) > 2 else ''}."
    if how == 4:
        step, start = d.pick((2, 3, 5, 10)), d.between(1, 10)
        items = [start + i * step for i in range(4)]
        return f"{d.pick(('What comes next', 'Continue this row of numbers', 'Which number comes next'))}: {', '.join(map(str, items))}", f"{start + 4 * step}, because each number is {step} more than the one before."
    n = d.between(1, 99)
    return d.pick((f"What number comes after {n}?", f"Which number follows {n}?")), f"{n + 1} comes after {n}."
