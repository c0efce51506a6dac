# Writes tasks.json: 200 tasks with checkable answers, of held-out names, things and templates. bench/world/score.ts runs them.
# Also writes rendered.json: conversations with their texts, which test/bench/world/texts.test.ts compares with the chat template;
# and held-out.json: texts of each kind, on which a served model is measured.
import argparse
import json
from pathlib import Path

import facts
import formats
import sums
from draw import Draw
from grammar import number
from mix import SHARES as MIX
from mix import AS_LIST, BRIEF, COUNT_WORDS, FULL, IN_SENTENCES, SHORTER, as_list, conversation, questions, render, texts, wish
from stories import Tale
from talk import say, talk
from words import BOYS, GIRLS

SEED = 1 << 20  # far from the seeds of training
HELD_TEXTS = 20  # of each kind
SHARES = {"story questions": 40, "small worlds": 30, "facts": 35, "sums": 20, "instructions": 25, "memory": 10, "json": 20, "tools": 20}
NUMBERS = {number(n): n for n in range(101)}
CHECKED = ("capital", "country", "opposite", "colour", "count", "past", "plural", "next", "before", "nth", "young", "bigger", "smaller", "is", "class")
WEAK = {"a", "an", "the", "in", "at", "on", "to", "into", "near", "by", "because", "her", "his"}


def bare(word):
    """The expected words without leading articles and prepositions, in lower case."""
    words = word.rstrip(".").lower().split(" ")
    while len(words) > 1 and words[0] in WEAK:
        words = words[1:]
    return " ".join(words)


def expected(word, others=()):
    """The check of an answer whose short form is `word`. None of `others` may come before it."""
    plain = bare(word)
    first = plain.split(" ")[0]
    if plain in ("yes", "no"):
        return {"rule": "begins", "text": plain}
    if first in NUMBERS or plain.isdigit():
        return {"rule": "number", "value": NUMBERS.get(first, int(plain) if plain.isdigit() else 0)}
    return {"rule": "first", "text": plain, "others": sorted({bare(o) for o in others} - {plain})}


def story_question(d):
    tale = Tale(d)
    while True:
        question, word, sentence = d.pick(questions(tale, d) if d.chance(0.2) else list(tale.questions()))
        if bare(word) in sentence.lower():
            break
    brief = d.chance(0.3)
    messages = [say("system", d.pick(BRIEF if brief else FULL)), say("user", f"{tale.text()}\n\n{question}")]
    return messages[0 if brief else 1 :], [], [expected(word)], word if brief else sentence


def small_world(d):
    text, asks = sums.passage(d)
    question, word, sentence = d.pick(asks)
    names = [n for n in GIRLS.held + BOYS.held if n in text]
    return [say("user", f"{text} {question}")], [], [expected(word, names if word in names else ())], sentence


def fact(d):
    while True:
        relation, question, word, sentence = facts.fact(d)
        if relation in CHECKED and (relation != "is" or word in ("Yes", "No")):
            break
    others = [w for w in question.rstrip("?.").split(" ") if w.lower() in sentence.lower().split(" ") and len(w) > 2] if relation in ("next", "before", "bigger", "smaller") else []
    others = [o for o in others if o.lower() not in ("comes", "after", "before", "bigger", "smaller", "than")]
    if relation in ("bigger", "smaller"):
        others = [sentence.rstrip(".").split(" ")[-1]]
    return [say("user", question)], [], [expected(word, others)], sentence


def sum_(d):
    question, word, sentence = sums.arithmetic(d)
    return [say("user", question)], [], [{"rule": "number", "value": int(word)}], sentence


def instruction(d):
    asked, wanted = wish(d)
    while "t" not in wanted and "name" not in wanted:
        asked, wanted = wish(d)
    tale = Tale(d, wanted)
    mentions = [{"rule": "mentions", "text": wanted[key]} for key in ("hero", "t", "name") if key in wanted and wanted[key] not in ("girl", "boy")]
    how = d.below(4)
    if how < 2:
        n = d.between(2, min(4, len(tale.short)))
        return [say("user", d.say(IN_SENTENCES, {"x": asked, "n": COUNT_WORDS[n]}))], [], [{"rule": "sentences", "count": n}, *mentions], tale.in_sentences(n)
    told = [say("user", f"I want a story about {asked}."), say("assistant", tale.text())]
    if how == 2:
        return [*told, say("user", d.say(AS_LIST))], [], [{"rule": "list", "least": 3}, *mentions[-1:]], as_list(tale)
    return [*told, say("user", d.say(SHORTER))], [], [{"rule": "shorter", "characters": len(tale.text()) * 2 // 3}, *mentions[-1:]], " ".join(tale.sentences())


def memory(d):
    """A conversation whose last answer is a name or a favourite that was said before."""
    while True:
        messages = talk(d)
        answer = messages[-1]["content"]
        if answer.startswith(("Your ", "My name")):
            return messages[:-1], [], [expected(answer.rstrip(".").split(" is ")[1])], answer


def as_json(d):
    messages, shape, found = formats.as_json(d)
    return messages[:-1], [], [{"rule": "json", "schema": shape, "value": found}], messages[-1]["content"]


def tools(d):
    messages, offered, call = formats.with_tools(d, single=True)
    at = next(i for i, m in enumerate(messages) if m["role"] == "assistant")
    return messages[:at], offered, [{"rule": "call", **call}], ""


MAKERS = {"story questions": story_question, "small worlds": small_world, "facts": fact, "sums": sum_, "instructions": instruction, "memory": memory, "json": as_json, "tools": tools}


def tasks(seed=SEED):
    made, seen, index = [], set(), 0
    for kind, count in SHARES.items():
        left = count
        while left:
            messages, offered, checks, reference = MAKERS[kind](Draw(seed, index, held=True))
            index += 1
            key = json.dumps(messages)
            if key in seen:
                continue
            seen.add(key)
            left -= 1
            made.append({"id": f"{kind.replace(' ', '-')}-{count - left}", "kind": kind, "messages": messages, **({"tools": offered} if offered else {}), "checks": checks, "reference": reference})
    return made


def rendered():
    """Two conversations of each kind that has marks of the chat format, and six with functions."""
    found = []
    for kind, count in (("request", 2), ("about", 2), ("fact", 2), ("talk", 2), ("json", 2), ("tools", 6)):
        for index in range(count):
            talked = conversation(SEED, index, shares=((kind, 1.0),))
            found.append({**talked, "text": render(talked)})
    return found


def held_out():
    """HELD_TEXTS texts of each kind, with the held-out names, things and templates, to measure bits per byte and which experts serve a kind."""
    return [{"from": kind, "text": text} for kind, _ in MIX for text in texts(SEED, 0, HELD_TEXTS, held=True, shares=((kind, 1.0),))]


def written(items):
    return "[\n" + ",\n".join(json.dumps(item, ensure_ascii=False) for item in items) + "\n]\n"


FILES = {"tasks.json": tasks, "rendered.json": rendered, "held-out.json": held_out}


def main():
    parser = argparse.ArgumentParser(description="Write tasks.json, rendered.json and held-out.json.")
    parser.add_argument("--seed", type=int, help="print the tasks of another seed instead")
    seed = parser.parse_args().seed
    if seed is not None:
        print(written(tasks(seed)), end="")
        return
    for name, make in FILES.items():
        Path(__file__).with_name(name).write_text(written(make()))


if __name__ == "__main__":
    main()
