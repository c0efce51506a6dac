# JSON that fits a schema, and calls of functions with their results.
import json

from facts import CAPITALS, KINDS
from grammar import Lines, a, cap, listed, number, plural
from talk import say
from words import BOYS, COLOURS, DAYS, FOODS, GIRLS, HEROES, PETS, SMALL


def dumps(value):
    return json.dumps(value, ensure_ascii=False)


def schema(properties):
    return {"type": "object", "properties": {key: {"type": kind} for key, kind in properties.items()}, "required": list(properties)}


TYPES = {str: "string", int: "integer", bool: "boolean", list: "array"}


def record(d):
    """(text, record): some sentences and what they say."""
    girl = d.chance(0.5)
    name = d.of(GIRLS if girl else BOYS)
    s, p = ("She", "Her") if girl else ("He", "His")
    how = d.below(6)
    if how == 0:
        age, city = d.between(5, 90), d.pick(list(CAPITALS.values()))
        return d.pick((f"{name} is {age} years old and lives in {city}.", f"{name} lives in {city}. {s} is {age} years old.")), {"name": name, "age": age, "city": city}
    if how == 1:
        pet, kind, colour = d.of(PETS), d.noun(HEROES), d.pick(("black", "white", "brown", "grey"))
        return f"{name} has a {colour} {kind}. Its name is {pet}.", {"owner": name, "animal": kind, "name": pet, "colour": colour}
    if how == 2:
        count, food, price = d.between(2, 20), d.of(FOODS), d.between(2, 60)
        return d.pick((f"{name} bought {count} {plural(food)} for {price} coins.", f"{name} paid {price} coins for {count} {plural(food)}.")), {"item": food, "count": count, "price": price}
    if how == 3:
        day, hour, place = d.pick(DAYS), d.between(1, 12), d.pick(("library", "school", "market", "park", "mill", "harbour"))
        return d.pick((f"We meet on {day} at {hour} o'clock at the {place}.", f"The meeting is at the {place} on {day} at {hour} o'clock.")), {"day": day, "hour": hour, "place": place}
    if how == 4:
        thing, colour, new = d.of(SMALL), d.of(COLOURS), d.chance(0.5)
        return f"{name} has {a(colour)} {thing}. It is {'new' if new else 'old'}.", {"owner": name, "thing": thing, "colour": colour, "new": new}
    kind = d.pick([k for k in KINDS if not k.startswith("piece")])
    items = d.sample(KINDS[kind], 3)
    return f"{p} list, said {name}, has {items[0]}, {items[1]} and {items[2]}.".replace(f"{p} list, said {name}, has", f"On the list of {name} are"), {"name": name, "items": items}


KEYS = Lines("""
Write this as JSON with the keys {keys}: {text}
Turn this into JSON with the keys {keys}. {text}
{text} Give me this as JSON with the keys {keys}.
Read this: {text} Now write JSON with the keys {keys}.
I need JSON with the keys {keys}. The text is: {text}
JSON, please, with the keys {keys}: {text}
Write an object with the keys {keys} for this text: {text}
Find {keys} in this text and write them as JSON: {text}
Extract {keys} as JSON. {text}
Build JSON with the keys {keys}: {text}
Convert this to JSON with the keys {keys}: {text}
What is the JSON with the keys {keys} for this sentence: {text}
Please write JSON from the sentence with the keys {keys}: {text}
Make JSON with {keys}. {text}
I want {keys} as JSON from this: {text}
Return JSON with the fields {keys}: {text}
~ Make a JSON object with the keys {keys} from this: {text}
""")
SCHEMA = Lines("""
Reply with JSON that fits this schema: {schema}\\n{text}
{text}\\nWrite this as JSON for the schema {schema}
Schema: {schema}\\nText: {text}
Text: {text}\\nSchema: {schema}
Use this schema: {schema}\\nWrite JSON for this: {text}
Here is a schema: {schema}\\nHere is a text: {text}
{schema}\\nPut this into the schema: {text}
Complete the schema {schema}\\n{text}
Match this schema: {schema}\\n{text}
Follow the schema {schema} and write this as JSON.\\n{text}
Extract the data. {schema}\\n{text}
Convert this with the schema {schema}\\n{text}
Format: {schema}\\nRead: {text}
Take this schema: {schema}\\n{text}
Answer in this form: {schema}\\n{text}
~ Fill in this schema: {schema}\\n{text}
""")


def more_records(d):
    """Records that only occur in training: (text, record)."""
    x, y = (d.of(GIRLS), d.of(BOYS)) if d.chance(0.5) else (d.of(BOYS), d.of(GIRLS))
    how = d.below(8)
    if how == 0:
        kind, colour = d.noun(HEROES), d.of(COLOURS)
        return d.pick((f"{x} has {a(colour)} {kind}.", f"The {kind} of {x} is {colour}.")), {"name": x, "animal": kind, "colour": colour}
    if how == 1:
        city, food = d.pick(list(CAPITALS.values())), d.of(FOODS)
        return d.pick((f"{x} comes from {city} and likes {plural(food)}.", f"{x} lives in {city}. What {x} likes best is {a(food)}.")), {"name": x, "city": city, "food": food}
    if how == 2:
        thing, colour = d.of(SMALL), d.of(COLOURS)
        return d.pick((f"{x} gave {y} {a(colour)} {thing}.", f"{y} got {a(colour)} {thing} from {x}.")), {"from": x, "to": y, "gift": thing, "colour": colour}
    if how == 3:
        day, count, kind, place = d.pick(DAYS), d.between(2, 30), d.noun(HEROES), d.pick(("forest", "meadow", "garden", "village", "valley", "river"))
        return f"On {day}, {x} saw {count} {plural(kind)} near the {place}.", {"name": x, "day": day, "animal": kind, "count": count, "place": place}
    if how == 4:
        thing, price = d.of(SMALL), d.between(2, 99)
        return d.pick((f"{cap(a(thing))} costs {price} coins.", f"The price of {a(thing)} is {price} coins.", f"{x} sells {a(thing)} for {price} coins.")), {"thing": thing, "price": price}
    if how == 5:
        age, friend = d.between(3, 99), y
        return d.pick((f"{x} is {age} and has a friend called {friend}.", f"My name is {x}, I am {age} years old, and my friend is {friend}.")), {"name": x, "age": age, "friend": friend}
    if how == 6:
        pet, kind, age = d.of(PETS), d.noun(HEROES), d.between(1, 15)
        return d.pick((f"{x} has {a(kind)} called {pet}. It is {age} years old.", f"{pet} is {a(kind)} of {age} years and belongs to {x}.")), {"owner": x, "pet": pet, "kind": kind, "age": age}
    item, count, thing, more = d.of(FOODS), d.between(2, 20), d.of(SMALL), d.between(2, 20)
    return f"{x} needs {count} {plural(item)}, and {y} needs {more} {plural(thing)}.", {"name": x, "item": item, "count": count}


OTHER_KEYS = {"colour": ("color",), "item": ("food", "product", "what"), "count": ("number", "amount", "quantity"), "city": ("town", "home"), "owner": ("person", "who"), "thing": ("object", "item"),
              "animal": ("kind", "pet"), "price": ("cost", "coins"), "hour": ("time",), "place": ("location", "where"), "items": ("list", "things")}


def changed(d, found):
    """For training: the record with other names of keys, with only some of its keys, or both, because users choose the keys."""
    if d.chance(0.3):
        found = {d.pick(OTHER_KEYS[key]) if key in OTHER_KEYS and d.chance(0.5) else key: value for key, value in found.items()}
    if d.chance(0.4):
        found = {key: found[key] for key in d.sample(found, d.between(1, len(found)))}
    return found


def as_json(d):
    """(messages, schema, record)"""
    if d.held:
        text, found = record(d)
    else:
        text, found = d.pick((record, more_records))(d)
        found = changed(d, found)
    keys = list(found)
    shape = schema({key: TYPES[type(value)] for key, value in found.items()})
    ask = d.say(KEYS, {"keys": listed(keys), "text": text}) if d.chance(0.5) else d.say(SCHEMA, {"schema": dumps(shape), "text": text}).replace("\\n", "\n")
    messages = [say("user", ask), say("assistant", dumps(found))]
    if d.chance(0.2):
        messages.insert(0, say("system", d.pick(("Answer with JSON only.", "You write JSON.", "Reply in JSON."))))
    return messages, shape, found


# name: (description, properties, wordings)
TOOLS = {
    "get_weather": ("Get the weather of a city.", {"city": "string"},
                    Lines("What is the weather like in {city}?\nHow is the weather in {city}?\nIs it warm in {city}?\nDo I need a coat in {city}?\nSay how the weather in {city} is.\nI want to know the weather in {city}.\nIs there rain in {city}?\n~ Tell me what the weather in {city} is like.")),
    "get_time": ("Get the time in a city.", {"city": "string"}, Lines("What time is it in {city}?\nHow late is it in {city} now?\nSay how late it is in {city}.\nI want to know the time in {city}.\nThe time in {city}, please.\n~ Tell me what time it is in {city}.")),
    "set_timer": ("Set a timer.", {"minutes": "integer"}, Lines("Set a timer for {minutes} minutes.\nWake me in {minutes} minutes.\nTell me when {minutes} minutes are over.\nI need a timer for {minutes} minutes.\nA timer, please: {minutes} minutes.\nLet it ring in {minutes} minutes.\n~ Please start a timer of {minutes} minutes.")),
    "send_message": ("Send a message to a person.", {"to": "string", "text": "string"}, Lines('Send {to} the message "{text}".\nWrite to {to}: "{text}"\nLet {to} know this: "{text}"\nI want to say to {to}: "{text}"\nA message to {to}, please: "{text}"\n~ Please tell {to}: "{text}"')),
    "get_price": ("Get the price of a thing in the shop.", {"item": "string"}, Lines("How much does {aitem} cost?\nWhat is the price of {aitem}?\nSay how much {aitem} costs.\nI want to buy {aitem}. How much is it?\nFor how many coins can I get {aitem}?\n~ Tell me what {aitem} costs.")),
    "multiply": ("Multiply two numbers.", {"a": "integer", "b": "integer"}, Lines("What is {a} times {b}?\nMultiply {a} by {b}.\nHow much is {a} * {b}?\n{a} times {b}, please.\nI want to know {a} * {b}.\nWork out {a} times {b}.\n~ Please multiply {a} and {b}.")),
    "turn_light": ("Turn the light of a room on or off.", {"room": "string", "on": "boolean"}, Lines("Turn the light in the {room} {word}.\nPlease switch {word} the light in the {room}.\nLight {word} in the {room}, please.\nSwitch the light of the {room} {word}.\nThe light in the {room} must be {word}.\n~ I want the light in the {room} to be {word}.")),
    "add_to_list": ("Put a thing on the shopping list.", {"item": "string", "count": "integer"}, Lines("Put {count} {items} on the shopping list.\nAdd {count} {items} to my list.\nWrite {count} {items} on the list.\nI must buy {count} {items}.\nFor the list: {count} {items}.\n~ I need {count} {items} on the list.")),
    "find_book": ("Find a book by its subject.", {"subject": "string"}, Lines("Find a book about {subject}.\nI am looking for a book about {subject}.\nI want to read about {subject}.\nDo you have a book about {subject}?\nA book about {subject}, please.\n~ Is there a book about {subject}?")),
}
TEXTS = ("I am late", "Come to tea", "The cake is ready", "See you on Sunday", "I found the key", "Happy birthday", "Dinner is at seven", "Please call me")
SUBJECTS = ("whales", "trains", "stars", "cooking", "birds", "castles", "gardens", "ships", "bears", "mountains")
FREE = (("Hello!", "Hello! How can I help you?"), ("Thank you!", "You are welcome!"), ("What is the opposite of hot?", "The opposite of hot is cold."), ("What is the capital of France?", "The capital of France is Paris."),
        ("What is 2 + 2?", "2 + 2 = 4."), ("How many days does a week have?", "A week has seven days."), ("What is the opposite of big?", "The opposite of big is small."))


def tool(name):
    description, properties, _ = TOOLS[name]
    return {"type": "function", "function": {"name": name, "description": description, "parameters": schema(properties)}}


def call(d, name):
    """(arguments, fields of the wordings, result, answer)"""
    if name in ("get_weather", "get_time"):
        city = d.pick(list(CAPITALS.values()))
        if name == "get_time":
            hour = d.between(1, 12)
            return {"city": city}, {"city": city}, {"time": f"{hour}:00"}, f"It is {number(hour)} o'clock in {city}."
        sky, warm = d.pick(("sunny", "cloudy", "rainy", "windy", "foggy")), d.between(-5, 35)
        return {"city": city}, {"city": city}, {"sky": sky, "degrees": warm}, f"It is {sky} in {city}, with {warm} degrees."
    if name == "set_timer":
        n = d.between(2, 60)
        return {"minutes": n}, {"minutes": n}, {"ok": True}, f"The timer is set for {n} minutes."
    if name == "send_message":
        to, text = d.of(GIRLS) if d.chance(0.5) else d.of(BOYS), d.pick(TEXTS)
        return {"to": to, "text": text}, {"to": to, "text": text}, {"sent": True}, f"I sent the message to {to}."
    if name == "get_price":
        item, price = d.of(SMALL), d.between(2, 99)
        return {"item": item}, {"aitem": a(item)}, {"price": price}, f"{cap(a(item))} costs {price} coins."
    if name == "multiply":
        x, y = d.between(11, 99), d.between(11, 99)
        return {"a": x, "b": y}, {"a": x, "b": y}, {"result": x * y}, f"{x} * {y} = {x * y}."
    if name == "turn_light":
        room, on = d.pick(("kitchen", "hall", "garden", "attic", "cellar", "bathroom", "bedroom")), d.chance(0.5)
        word = "on" if on else "off"
        return {"room": room, "on": on}, {"room": room, "word": word}, {"ok": True}, f"The light in the {room} is {word} now."
    if name == "add_to_list":
        item, count = d.of(FOODS), d.between(2, 12)
        return {"item": item, "count": count}, {"items": plural(item), "count": number(count) if d.chance(0.3) else count}, {"ok": True}, f"I put {count} {plural(item)} on the list."
    subject = d.pick(SUBJECTS)
    title = d.pick((f"All about {subject}", f"The world of {subject}", f"My book of {subject}"))
    return {"subject": subject}, {"subject": subject}, {"title": title}, f'I found the book "{title}".'


def with_tools(d, single=False):
    """(messages, tools, call): a call with its result. With `single`, there is one call, and `call` is its name and arguments."""
    names = d.sample(list(TOOLS), d.between(1, 3))
    messages, used = [], None
    if d.chance(0.3):
        messages.append(say("system", d.pick(("You are a helpful assistant.", "You help with small things.", "Use the functions if they help."))))
    if not single and d.chance(0.15):
        question, answer = d.pick(FREE)
        return [*messages, say("user", question), say("assistant", answer)], [tool(n) for n in names], None
    for i in range(1 if single or d.chance(0.75) else 2):
        name = d.pick(names)
        arguments, fields, result, answer = call(d, name)
        used = used or {"name": name, "arguments": arguments}
        messages += [say("user", d.say(TOOLS[name][2], fields)),
                     {"role": "assistant", "content": "", "tool_calls": [{"id": f"call_{i}", "type": "function", "function": {"name": name, "arguments": dumps(arguments)}}]},
                     {"role": "tool", "tool_call_id": f"call_{i}", "content": dumps(result)}, say("assistant", answer)]
    return messages, [tool(n) for n in names], used
