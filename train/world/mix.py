# The mix: which kinds of text there are, and with which shares. texts(seed, start, count) is what a data step needs. Also prints samples and figures.
import argparse
import hashlib
import json
import time

import facts
import formats
import sums
from draw import Draw
from grammar import Lines, a, cap
from repeat import repeat, repeat_as_json
from stories import NAMES, PLOTS, Tale, held_combination
from talk import say, talk
from wording import reworded
from words import BOYS, GIRLS, HEROES, THINGS

SHARES = (("story", 0.04), ("request", 0.13), ("about", 0.17), ("passage", 0.13), ("fact", 0.10), ("sum", 0.12), ("count", 0.02), ("repeat", 0.05), ("talk", 0.05), ("json", 0.13), ("tools", 0.06))
REWORDED = ("request", "about", "passage", "fact", "sum", "talk")  # kinds whose users also ask in other ways
COPIED = ("json", "tools")  # kinds of which the answers are mostly words of the request
INVENTED_IN_DATA = 0.55  # share of invented words in those
BEGIN, SYSTEM, USER, ASSISTANT, END = "<|endoftext|>", "<|system|>", "<|user|>", "<|assistant|>", "<|end|>"
MARKS = {"system": SYSTEM, "user": USER, "assistant": ASSISTANT}

TELL = Lines("""
Tell <me |>a story about {x}.
<Please tell|Tell> <me |us |>a story about {x}.
Write a <|little |short >story about {x}.
Can you tell me a story about {x}?
I would like to hear a story about {x}.
A story about {x}, please.
Make up a story about {x}.
Let me hear a story about {x}.
<I want to read|Please write> a story about {x}.
Do you have a story about {x}?
Tell me about {x} in a story.
~ Do you know a story about {x}?
~ I want a story about {x}.
""")
PLAIN = Lines("Tell me a story.\nTell a story.\nWrite a story.\nPlease tell me a bedtime story.\n~ I want to hear a story.")
IN_SENTENCES = Lines("Tell a story about {x} in {n} sentences.\nWrite {n} sentences about {x}.\nIn {n} sentences, tell me a story about {x}.\nTell me a story of {n} sentences about {x}.\nA story about {x} in {n} sentences, please.\nCan you write {n} sentences about {x}?\nTell a story about {x}. Use {n} sentences.\nTell me in {n} sentences about {x}.\nI would like {n} sentences about {x}.\nMake up a story about {x} with exactly {n} sentences.\nA story of {n} sentences: {x}.\nTell me about {x}, in {n} sentences.\n~ I want a story about {x} in exactly {n} sentences.")
SHORTER = Lines("Shorter, please.\nShorter.\nCan you make it shorter?\nTell it in fewer words.\nMake it shorter.\nSay it in a few words.\nNow tell the short story.\nI want it shorter.\nToo long. Again, please.\nThis is long. Make it short.\nMuch shorter, please.\nCut it down.\nPlease shorten the story.\nGive me a short version.\n~ That is too long. Shorten it.")
IN_THREE = Lines("Now in {n} sentences.\nTell it in {n} sentences.\nIn {n} sentences, please.\nCan you say it in {n} sentences?\nWrite {n} sentences about it.\nUse {n} sentences.\nSum it up in {n} sentences.\n~ Now use exactly {n} sentences.")
AS_LIST = Lines("As a list, please.\nNow as a list.\nWrite it as a list.\nMake a list of what happens.\nTurn it into a list.\nGive me a list of it.\nCan I have it as a list?\nA list, please.\nWrite the story as a list.\nMake it a list with one event on each line.\nCould you put this in list form?\nI want it as a list.\nTell it as a list of events.\n~ Put it into a list.")
IN_ONE = Lines("What happens in the story?\nIn one sentence, please.\nSum it up in one sentence.\nWhat is the story about?\nTell it in a single sentence.\nThe story in one sentence, please.\nWhat happens, in short?\n~ Give me the story in a single sentence.")
LESSON = Lines("What can we learn from the story?\nWhat does the story teach us?\nWhat is the moral of the story?\nWhat lesson does the story have?\nSay the moral of the story.\nWhat should we learn from it?\n~ Which lesson is in the story?")
LONGER = Lines("Longer, please.\nTell me more.\nMake it longer.\nTell it with more details.\n~ That is too short.")
HERO = Lines("Who is the story about?\nWho is the hero?\nOf whom does the story tell?\nWhose story is it?\nWho has the main part in the story?\nWho is the main character?\nAbout whom is the story?\nWhich character is the story about?\n~ Who is the hero of the story?")
LIVES = Lines("Where did {h} live?\nIn which place did {h} live?\nWhere was {h}'s home?\nAt what place did {h} live?\nSay where {h} lived.\nWhat was the home of {h}?\nName the place where {h} lived.\n~ What place did {h} live in?")
COLOUR = Lines("What colour was the {t}?\nWhich colour did the {t} have?\nIn which colour was the {t}?\nSay what colour the {t} was.\nWas the {t} red, blue or another colour?\nOf what colour was the {t}?\nWhat was the colour of the {t}?\n~ Tell me the colour of the {t}.")
UNKNOWN = Lines("How old is {h}?\nWhat did {h} eat for breakfast?\nWhat is the name of {h}'s <aunt|teacher|village>?\nHow much does {h} weigh?\n~ In which year was {h} born?")
BRIEF = ("Answer with one word.", "Answer with as few words as possible.", "Answer briefly.", "Short answers only.")
FULL = ("You are a helpful assistant.", "Answer in a full sentence.", "You tell stories and answer questions.", "You are a storyteller.", "Be kind and clear.")
COUNT_WORDS = {2: "two", 3: "three", 4: "four", 5: "five"}


def wish(d):
    """(what the user asks for, the wish for `Tale`)"""
    how = d.random()
    if how < 0.4:
        while True:
            hero, thing = d.of(HEROES), d.of(THINGS)
            if d.held or not held_combination(hero, thing):
                break
        fits = [p for p in NAMES if PLOTS[p][2] and PLOTS[p][2].has(thing) and Tale._fits(p, hero)]
        return f"{a(hero)} and {a(thing)}", {"hero": hero, "t": thing, "plot": d.pick(fits)}
    plot = d.pick(NAMES)
    if how < 0.6:
        return PLOTS[plot][1], {"plot": plot}
    hero = d.of(HEROES)
    if how < 0.8 and Tale._fits(plot, hero):
        return d.pick((a(hero), f"{a(hero)} and {PLOTS[plot][1]}")), {"hero": hero, "plot": plot}
    girl = d.chance(0.5)
    name = d.of(GIRLS if girl else BOYS)
    return d.pick((f"{'a girl' if girl else 'a boy'} named {name}", f"{'a girl' if girl else 'a boy'} called {name}")), {"hero": "girl" if girl else "boy", "name": name, "plot": plot}


def questions(tale, d):
    """All questions about a tale, in the order of the story, with some that every story has."""
    f = tale.fields
    found = [(d.say(HERO), cap(tale.call), f"The story is about {f['who']}."), (d.say(LIVES, f), cap(f["in"]), f"{cap(tale.call)} lived {f['in']}."), *tale.questions()]
    if "t" in f and tale.colour:
        found.append((d.say(COLOUR, f), cap(tale.colour), f"The {f['t']} was {tale.colour}."))
    return found


def ask_some(d, tale, brief, most):
    asks = questions(tale, d)
    picked = sorted(d.sample(range(len(asks)), min(len(asks), d.between(1, most))))
    messages = []
    for i in picked:
        question, word, sentence = asks[i]
        messages += [say("user", question), say("assistant", word if brief else sentence)]
    if not brief and d.chance(0.08):
        messages += [say("user", d.say(UNKNOWN, tale.fields)), say("assistant", "The story does not say.")]
    return messages


def as_list(tale):
    return "\n".join(f"- {s}" for s in tale.sentences())


def with_list(asked, d):
    return f"{asked[:-1]}{d.pick((' as a list', ', as a list'))}{asked[-1]}" if asked[-1] in ".?" else f"{asked} Write it as a list."


def story(d):
    d.invented = 0  # nano makes up no words when it tells a story
    return [say("assistant", Tale(d).text())]


def request(d):
    """A wish for a story, the story, and wishes to change it or questions about it."""
    asked, wanted = ("", None) if d.chance(0.1) else wish(d)
    d.invented = 0
    tale = Tale(d, wanted)
    messages = [say("system", d.pick(FULL))] if d.chance(0.2) else []
    how = d.random()
    most = len(tale.short)
    if asked and how < 0.25:
        n = d.between(2, min(5, most))
        return [*messages, say("user", d.say(IN_SENTENCES, {"x": asked, "n": COUNT_WORDS[n]})), say("assistant", tale.in_sentences(n))]
    if asked and how < 0.33:
        return [*messages, say("user", with_list(d.say(TELL, {"x": asked}), d)), say("assistant", as_list(tale))]
    first = d.say(TELL, {"x": asked}) if asked else d.say(PLAIN)
    if how < 0.4:
        return [*messages, say("user", first), say("assistant", " ".join(tale.sentences())), say("user", d.say(LONGER)), say("assistant", tale.text())]
    messages += [say("user", first), say("assistant", tale.text())]
    n = d.between(2, min(4, most))
    follow = ((SHORTER, lambda: " ".join(tale.sentences())), (IN_THREE, lambda: tale.in_sentences(n)), (AS_LIST, lambda: as_list(tale)), (IN_ONE, lambda: tale.gist), (LESSON, lambda: tale.lesson))
    for wording, answer in d.sample(follow, d.pick((0, 1, 1, 2))):
        messages += [say("user", d.say(wording, {"n": COUNT_WORDS[n]})), say("assistant", answer())]
    return messages + (ask_some(d, tale, False, 2) if d.chance(0.4) else [])


def about(d):
    """A story that the user gives, and questions about it."""
    tale, brief = Tale(d), d.chance(0.35)
    asks = ask_some(d, tale, brief, 8)
    text = tale.text()
    messages = [say("system", d.pick(BRIEF if brief else FULL))] if brief or d.chance(0.2) else []
    if d.chance(0.25):
        n = d.between(2, min(4, len(tale.short)))
        key, answer = d.pick(((IN_ONE, tale.gist), (LESSON, tale.lesson), (AS_LIST, as_list(tale)), (SHORTER, " ".join(tale.sentences())), (IN_THREE, tale.in_sentences(n)), (AS_LIST, as_list(tale))))
        return [say("user", f"{text}\n\n{d.say(key, {'n': COUNT_WORDS[n]})}"), say("assistant", answer)]
    first = asks[0]["content"]
    asks[0] = say("user", f"{text}\n\n{first}" if d.chance(0.6) else f"{first}\n\n{text}" if d.chance(0.5) else f"Read this story: {text}\n\n{first}")
    return messages + asks


def passage(d):
    text, asks = sums.passage(d)
    brief = d.chance(0.35)
    messages = [say("system", d.pick(BRIEF))] if brief else [say("system", d.pick(FULL[:3]))] if d.chance(0.15) else []
    for i, (question, word, sentence) in enumerate(d.sample(asks, d.between(1, len(asks)))):
        messages += [say("user", f"{text} {question}" if i == 0 else question), say("assistant", word if brief else sentence)]
    return messages


def several(d, make, most=3):
    """Questions one after another. `make` gives (…, question, word, sentence)."""
    brief = d.chance(0.25)
    messages = [say("system", d.pick(BRIEF))] if brief else [say("system", d.pick(FULL[:2]))] if d.chance(0.15) else []
    asked = set()
    for _ in range(d.between(1, most)):
        *_, question, word, sentence = make(d)
        if sentence in asked:
            continue
        asked.add(sentence)
        messages += [say("user", question), say("assistant", word if brief else sentence)]
    return messages


def counting(d):
    question, answer = sums.counting(d)
    return [say("user", question), say("assistant", answer)]


def as_json(d):
    return formats.as_json(d)[0] if d.held or d.chance(0.6) else repeat_as_json(d)


KINDS = {"story": story, "request": request, "about": about, "passage": passage, "fact": lambda d: several(d, facts.fact), "sum": lambda d: several(d, sums.arithmetic), "count": counting,
         "repeat": repeat, "talk": talk, "json": as_json}


def conversation(seed, index, held=False, shares=SHARES, definitions=()):
    """{"kind", "messages", "tools"} of one index. A story without a request is a single message of the assistant."""
    d = Draw(seed, index, held, definitions)
    kind = d.weighted(shares)
    if kind in COPIED and not held:
        d.invented = INVENTED_IN_DATA
    if kind == "tools":
        messages, tools, _ = formats.with_tools(d)
    else:
        messages, tools = KINDS[kind](d), []
    if kind in REWORDED and not held:
        messages = [say("user", reworded(d, m["content"])) if m["role"] == "user" and d.chance(0.3) else m for m in messages]
    return {"kind": kind, "messages": messages, "tools": tools}


def render(talked):
    """The text of a conversation as the chat template in tokenizer_config.json writes it. A lone story has no marks but the first."""
    messages, tools = talked["messages"], talked["tools"]
    if talked["kind"] == "story":
        return BEGIN + messages[0]["content"]
    parts = [BEGIN]
    if tools:
        own = messages[0]["content"] + "\n\n" if messages[0]["role"] == "system" else ""
        messages = messages[1:] if own else messages
        shown = "".join("\n" + formats.dumps(tool) for tool in tools)
        parts.append(f"{SYSTEM}{own}# Tools\n\nYou may call these functions:\n<tools>{shown}\n</tools>\n\nTo call one, write its name and its arguments:\n"
                     f'<tool_call>\n{{"name": <function-name>, "arguments": <args-json-object>}}\n</tool_call>{END}')
    for message in messages:
        if message["role"] == "tool":
            parts.append(f"{USER}<tool_response>\n{message['content']}\n</tool_response>{END}")
        elif message.get("tool_calls"):
            calls = "\n".join(f'<tool_call>\n{{"name": {json.dumps(c["function"]["name"])}, "arguments": {c["function"]["arguments"]}}}\n</tool_call>' for c in message["tool_calls"])
            parts.append(f"{ASSISTANT}{calls}{END}")
        else:
            parts.append(f"{MARKS[message['role']]}{message['content']}{END}")
    return "".join(parts)


def conversations(seed, start, count, held=False, shares=SHARES, definitions=()):
    """The conversations of `count` indexes from `start`."""
    return (conversation(seed, index, held, shares, definitions) for index in range(start, start + count))


def texts(seed, start, count, held=False, shares=SHARES, definitions=()):
    """The texts of `count` indexes from `start`, ready to be encoded. `held` draws from the held-out names, things and templates."""
    return (render(talked) for talked in conversations(seed, start, count, held, shares, definitions))


def main():
    parser = argparse.ArgumentParser(description="Print texts of the world (default), or figures about them.")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--start", type=int, default=0)
    parser.add_argument("--count", type=int, default=10)
    parser.add_argument("--held", action="store_true", help="use the held-out names, things and templates")
    parser.add_argument("--kind", choices=[k for k, _ in SHARES], help="only this kind")
    parser.add_argument("--figures", action="store_true", help="print the share of distinct texts, the bytes of each kind and the speed in place of the texts")
    flags = parser.parse_args()
    shares = ((flags.kind, 1.0),) if flags.kind else SHARES
    if not flags.figures:
        for text in texts(flags.seed, flags.start, flags.count, flags.held, shares):
            print(text, end="\n\n")
        return
    began, seen, sizes = time.process_time(), set(), {}
    for talked in conversations(flags.seed, flags.start, flags.count, flags.held, shares):
        data = render(talked).encode()
        seen.add(hashlib.blake2b(data, digest_size=12).digest())
        texts_, size = sizes.get(talked["kind"], (0, 0))
        sizes[talked["kind"]] = texts_ + 1, size + len(data)
    took, total = time.process_time() - began, sum(size for _, size in sizes.values())
    for kind, _ in shares:
        print(f"{kind}: {sizes[kind][0]} texts, {sizes[kind][1] / total:.1%} of the bytes, {sizes[kind][1] / sizes[kind][0]:.0f} bytes each")
    print(f"all: {flags.count} texts, {len(seen)} distinct ({len(seen) / flags.count:.2%}), {total} bytes, {total / took / 1e6:.2f} MB/s of one core")


if __name__ == "__main__":
    main()
