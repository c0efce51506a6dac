# Tests the generator: pure functions of (seed, index), right English and answers, held-out words kept apart, valid JSON and calls, enough distinct texts.
import json
import re
import sys
from pathlib import Path

import sums
import tasks
from draw import Draw
from formats import as_json, with_tools
from grammar import a, number, plural
from mix import SHARES, conversation, questions, render, texts
from stories import NAMES, PLOTS, Tale, held_combination
from words import BOYS, FLOWERS, FOODS, GIRLS, HEROES, PETS, THINGS

COUNT = 6000
HELD_NAMES = set(GIRLS.held + BOYS.held + PETS.held)
HELD_THINGS = set(THINGS.held + FOODS.held + FLOWERS.held)
# A word before a vowel or consonant with the wrong article. "hour" and "one" are sounded otherwise than they are written.
ARTICLE = re.compile(r"\b(?:[Aa] (?!one\b|use)[aeiou]\w*|[Aa]n (?!hour|honest)[b-df-hj-np-tv-z]\w*)")
SUM = re.compile(r"(\d+) ([+*-]) (\d+) = (\d+)\.")
OPERATIONS = {"+": int.__add__, "-": int.__sub__, "*": int.__mul__}


def sentences(text):
    return len(re.findall(r"[.!?](?=\s|$)", text))


def check_grammar():
    assert [a("owl"), a("fox"), plural("fox"), plural("berry"), plural("goose"), number(42)] == ["an owl", "a fox", "foxes", "berries", "geese", "forty-two"]


def check_pure():
    """A text is the same alone, in another order, and after others."""
    together = list(texts(3, 100, 50))
    assert together == [render(conversation(3, index)) for index in range(100, 150)]
    assert together[::-1] == [next(iter(texts(3, index, 1))) for index in range(149, 99, -1)]
    assert together != list(texts(4, 100, 50)) and together != list(texts(3, 100, 50, held=True))


def check_texts(held):
    seen = set()
    for index in range(COUNT):
        talked = conversation(11, index, held)
        text = render(talked)
        where = f"{'held ' if held else ''}index {index} ({talked['kind']}): {text}"
        assert not ARTICLE.search(text), f"wrong article {ARTICLE.search(text)[0]!r} in {where}"
        assert not re.search(r"[\x00-\x08]|%\(|\{[a-zA-Z]\w*\}|  |\bNone\b", text), f"an unfilled template in {where}"
        assert not re.search(r"[.!?,] [!?,]|[.!?,] \.(?!\.\.)|\.\.[^.]|\ba a\b|\bthe the\b", text), f"wrong punctuation in {where}"
        for x, sign, y, result in SUM.findall(text):
            assert OPERATIONS[sign](int(x), int(y)) == int(result), f"a wrong sum in {where}"
        if not held:
            words = set(re.findall(r"[A-Za-z]+", text))
            assert not words & HELD_NAMES, f"a held-out name {words & HELD_NAMES} in {where}"
            if talked["kind"] in ("story", "request", "about", "passage"):
                assert not words & HELD_THINGS, f"a held-out thing {words & HELD_THINGS} in {where}"
        roles = [m["role"] for m in talked["messages"]]
        assert roles[-1] == "assistant" and all(m["content"] or m.get("tool_calls") for m in talked["messages"]), where
        seen.add(text)
    return len(seen) / COUNT


def check_stories(held):
    """Every plot: pronouns that differ, N sentences are N, and every answer is a sentence of its own."""
    for plot in NAMES:
        for index in range(150):
            tale = Tale(Draw(5, index, held), {"plot": plot})
            where = f"{plot} {index}: {tale.text()}"
            assert held or "t" not in tale.fields or not held_combination(tale.kind, tale.fields["t"]), f"a held-out combination in {where}"
            assert tale.fields["s"] != tale.fields["fs"], f"both characters have one pronoun in {where}"
            for count in range(1, len(tale.short) + 1):
                assert sentences(tale.in_sentences(count)) == count, f"not {count} sentences: {tale.in_sentences(count)}"
            asked = questions(tale, tale.draw)
            assert len(asked) >= 4, f"too few questions about {where}"
            for question, word, sentence in asked:
                assert question[-1] in "?." and word[0].isupper() and sentence[0].isupper() and sentence[-1] == ".", (question, word, sentence)


def check_formats():
    for index in range(500):
        messages, shape, found = as_json(Draw(6, index))
        assert json.loads(messages[-1]["content"]) == found and list(found) == shape["required"]
        messages, offered, call = with_tools(Draw(6, index), single=True)
        shapes = {tool["function"]["name"]: tool["function"]["parameters"] for tool in offered}
        assert list(call["arguments"]) == shapes[call["name"]]["required"], call


def check_passages():
    """Counts follow from the numbers of the passage."""
    for index in range(500):
        text, asks = sums.gives(Draw(8, index))
        for question, word, sentence in asks:
            told = re.search(r"because (\S+) (plus|minus) (\S+) is (\S+)\.", sentence)
            if told:
                x, y, z = (tasks.NUMBERS[told[i]] for i in (1, 3, 4))
                assert (x + y if told[2] == "plus" else x - y) == z == tasks.NUMBERS[word.lower()], (text, sentence)


def check_apart():
    assert not HELD_NAMES & set(GIRLS.train + BOYS.train + PETS.train) and not HELD_THINGS & set(THINGS.train + FOODS.train + FLOWERS.train)
    held = sum(held_combination(hero, thing) for hero in HEROES.train for thing in THINGS.train)
    assert 0.08 < held / len(HEROES.train) / len(THINGS.train) < 0.17
    assert abs(sum(share for _, share in SHARES) - 1) < 1e-9 and set(NAMES) == set(PLOTS)


def check_tasks():
    for name, make in tasks.FILES.items():
        path = Path(__file__).with_name(name)
        assert path.read_text() == tasks.written(make()), f"{path} is not what tasks.py writes. Run python3 train/world/tasks.py."
    assert len(tasks.tasks()) == 200


if __name__ == "__main__":
    check_grammar()
    check_pure()
    check_apart()
    check_formats()
    check_passages()
    shares = [check_texts(held) for held in (False, True)]
    assert shares[0] > 0.95, f"only {shares[0]:.1%} of the texts are distinct"
    for held in (False, True):
        check_stories(held)
    check_tasks()
    print(f"ok: {2 * COUNT} texts, {shares[0]:.1%} distinct (held out: {shares[1]:.1%}), {len(NAMES)} plots, 200 tasks", file=sys.stderr)
