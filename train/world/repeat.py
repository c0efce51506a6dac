# Requests to repeat something: sentences, words of a list, and the one after another. The answer must be copied from the request.
import json

from grammar import Lines, listed
from sums import gives
from talk import say
from words import BOYS, FOODS, GIRLS, HEROES, PETS, SMALL

SENTENCE = Lines("Say this: {x}\nRepeat: {x}\nRepeat this sentence: {x}\nWrite this again: {x}\nCopy this text: {x}\n~ Please repeat what I say: {x}")
LIST = Lines("Repeat these words: {x}.\nSay these words again: {x}.\nCopy this list: {x}.\n~ Write the same words again: {x}.")
BACKWARDS = Lines("Say these words backwards: {x}.\nRepeat these words in the opposite order: {x}.\n~ Turn the order of these words around: {x}.")
AFTER = Lines("Which word comes after {w}: {x}?\nHere is a list: {x}. What comes after {w}?\n~ In the list {x}, which word follows {w}?")
ORDER = Lines("What is the {w} word of this list: {x}?\nName the {w} of these words: {x}.\n~ Which word is the {w} one here: {x}?")
JSON_LIST = Lines("Write these words as a JSON list: {x}.\nMake a JSON list of these words: {x}.\n{x}: write this as a JSON array.\nPut these words into a JSON array: {x}.")
JSON_PAIRS = Lines("Write this as a JSON object: {x}.\nMake JSON of this: {x}.\nThe {x}. Write it as JSON.\nWrite JSON in which the {x}.")
KEYS = {"name": (GIRLS, BOYS), "pet": (PETS,), "thing": (SMALL,), "food": (FOODS,), "animal": (HEROES,), "friend": (GIRLS, BOYS), "gift": (SMALL,), "cake": (FOODS,)}
PLACES = ("first", "second", "third", "last")


def words(d, count):
    """Different words, some of them names."""
    found = []
    while len(found) < count:
        word = d.noun(d.pick((SMALL, FOODS, HEROES, GIRLS, BOYS, PETS)))
        if word not in found:
            found.append(word)
    return found


def repeat(d):
    how = d.random()
    if how < 0.35:
        text = gives(d)[0]
        return [say("user", d.say(SENTENCE, {"x": text})), say("assistant", text)]
    listed = words(d, d.between(3, 6))
    x = ", ".join(listed)
    if how < 0.55:
        return [say("user", d.say(LIST, {"x": x})), say("assistant", x)]
    if how < 0.65:
        return [say("user", d.say(BACKWARDS, {"x": x})), say("assistant", ", ".join(listed[::-1]))]
    if how < 0.85:
        at = d.below(len(listed) - 1)
        return [say("user", d.say(AFTER, {"x": x, "w": listed[at]})), say("assistant", listed[at + 1])]
    place = d.pick(PLACES)
    return [say("user", d.say(ORDER, {"x": x, "w": place})), say("assistant", listed[-1 if place == "last" else PLACES.index(place)])]


def repeat_as_json(d):
    """A list of words, or words with keys, as JSON. Within its quotes, a word has other tokens than after a space."""
    if d.chance(0.5):
        found = words(d, d.between(2, 6))
        ask = d.say(JSON_LIST, {"x": ", ".join(found) if d.chance(0.5) else listed(found)})
    else:
        found = {key: d.noun(d.pick(KEYS[key])) for key in d.sample(KEYS, d.between(2, 4))}
        ask = d.say(JSON_PAIRS, {"x": listed([f"{key} is {word}" for key, word in found.items()])})
    return [say("user", ask), say("assistant", json.dumps(found, ensure_ascii=False))]
