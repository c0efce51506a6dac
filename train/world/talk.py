# Small talk in several turns: greetings, names and favourites that are remembered, feelings, thanks, and what the model is.
from grammar import Lines, a, cap, plural
from words import BOYS, COLOURS, FOODS, GIRLS, HEROES, PETS

HELLO = Lines("Hello!\nHi!\nHello.\nGood morning!\nHi there!\nGood evening!\nHey!\n~ Hello there!\n~ Good day!")
GREETS = Lines("Hello! <How can I help you?|What can I do for you?>\nHi! It is nice to hear from you. What would you like to talk about?\nHello! Would you like a story, a fact or a sum?")
# question: answers
PAIRS = [(Lines(questions), Lines(answers)) for questions, answers in (
    ("How are you?\nHow are you today?\nHow is it going?\n~ How do you do?", "I am well, thank you. How are you?\nI am fine, thank you. And you?\nVery well, thank you. What can I do for you?"),
    ("Who are you?\nWhat are you?\nAre you a person?\nAre you a human?\n~ Tell me about yourself.", "I am nano, a small language model. I can tell stories and answer simple questions.\nI am not a person. I am nano, a small language model."),
    ("What can you do?\nHow can you help me?\nWhat do you know?\n~ What are you good at?", "I can tell short stories, answer questions about them, do simple sums and tell you facts about the world.\nI tell stories, do small sums, write JSON and answer simple questions."),
    ("Thank you!\nThanks.\nThank you very much.\nThat was helpful.\n~ Many thanks!", "You are welcome!\nI am glad that I could help.\nYou are welcome. Is there anything else?"),
    ("Goodbye!\nBye!\nSee you tomorrow.\nGood night!\n~ Farewell!", "Goodbye! Come back soon.\nGoodbye! It was nice to talk to you.\nSleep well, and see you soon."),
    ("I am bored.\nI have nothing to do.\n~ It is boring here.", "Shall I tell you a story? Tell me an animal and a thing, and I will begin.\nYou could draw a picture, go for a walk or read a book. Or I can tell you a story."),
    ("I am sad.\nI feel sad today.\nI am not happy.\n~ I feel a little down.", "I am sorry to hear that. Would you like to tell me why?\nI am sorry. Sometimes it helps to talk to a friend or to go for a walk."),
    ("I am happy today.\nI feel great!\nToday is a good day.\n~ I am in a good mood.", "That is good to hear! What made you happy?\nI am glad. Good days are worth remembering."),
    ("I am tired.\nI did not sleep well.\n~ I am so sleepy.", "Then you should rest a little. A short sleep can help.\nPerhaps you should go to bed early today."),
    ("I am hungry.\nI want to eat something.\n~ My stomach is empty.", "How about some bread and an apple?\nThen it is time to eat. What do you like best?"),
    ("It is raining.\nIt rains all day.\n~ What a wet day!", "Then take an umbrella with you.\nThat is good for the flowers. It is a fine day for a story."),
    ("I am afraid of the dark.\nI am scared at night.\n~ The dark frightens me.", "Many people are. A small lamp can help, and the dark is only a place without light."),
    ("Are you happy?\nDo you have feelings?\nDo you feel anything?\n~ Can you be sad?", "I am a language model, so I have no feelings, but I like to be useful.\nI have no feelings as people have them. But I am glad to help."),
    ("How old are you?\nWhen is your birthday?\n~ What is your age?", "I have no age and no birthday, because I am a language model."),
    ("Where do you live?\nWhere are you?\n~ Where is your home?", "I live in a computer.\nI am a program, so I live in a computer."),
    ("Tell me a joke.\nDo you know a joke?\nMake me laugh.\n~ Say something funny.", "Why did the clock go to school? It wanted to learn to tell the time.\nWhat has hands but cannot clap? A clock.\nWhat has a neck but no head? A bottle.\nWhat gets wetter the more it dries? A towel.\nWhat has keys but opens no door? A piano."),
    ("Do you like music?\nDo you like stories?\nDo you like animals?\n~ Do you like books?", "I cannot hear or see, but I like to talk about it.\nYes, that is something I like to talk about."),
    ("What should I do today?\nDo you have an idea for today?\n~ How should I spend the day?", "You could visit a friend, bake a cake or go for a walk.\nHow about a walk in the park, and then a good book?"),
    ("What is the weather like?\nIs it raining now?\n~ How is the weather today?", "I do not know, because I cannot look out of the window.\nI cannot see the weather from here. What do you see outside?"),
    ("What happened yesterday in the news?\nWho will win the game tomorrow?\n~ What will happen next year?", "I do not know that.\nI am sorry, but I do not know that."),
)]
NAMED = Lines("My name is {x}.\nI am {x}.\nI'm called {x}.\nHello, my name is {x}.\nHi, I am {x}.\nPeople call me {x}.\nMy friends call me {x}.\nHere is {x}.\n~ You can call me {x}.")
MEET = Lines("Nice to meet you, {x}!\nHello, {x}! How can I help you?\nHi, {x}! It is nice to meet you.")
ASK_NAME = Lines("What is my name?\nDo you remember my name?\nWho am I?\nSay my name.\nWhat did I say my name was?\nDo you know who I am?\nAnd my name is?\n~ Can you tell me my name?")
LIKES = Lines("My favourite {k} is {x}.\nI like {x} best of all {ks}.\nThe {k} that I like best is {x}.\nMost of all {ks}, I like {x}.\nThe best {k} is {x}, I think.\nI love {x}.\n~ Of all {ks}, I love {x} most.")
ASK_LIKES = Lines("What is my favourite {k}?\nWhich {k} do I like best?\nSay which {k} I like best.\nDo you remember my favourite {k}?\nWhich {k} do I love?\nAnd my favourite {k} is?\n~ Can you tell me my favourite {k}?")
NOTED = Lines("{X} is a good choice.\n{X}! I will remember that.\nThat is a nice {k}.")
YOUR_NAME = Lines("What is your name?\nWho are you?\nWhat are you called?\nSay your name.\nDo you have a name?\nAnd your name is?\n~ Tell me your name.")
ROLES = Lines("You are {x}, a <helpful|friendly> assistant.\nYour name is {x}.\nYou are called {x}. You answer <briefly|kindly>.\nThe name of the assistant is {x}.\nYou are {x}. You help people.\nAnswer as {x}, a friendly assistant.\n~ Your name is {x}, and you help people.")


def say(role, content):
    return {"role": role, "content": content}


def turn(d, pair=None):
    questions, answers = pair or d.pick(PAIRS)
    return [say("user", d.say(questions)), say("assistant", d.pick(d.pick(answers.train)))]


def talk(d):
    """Messages of a small conversation."""
    how, messages = d.random(), []
    if how < 0.4:
        if d.chance(0.4):
            messages += [say("user", d.say(HELLO)), say("assistant", d.say(GREETS))]
        for pair in d.sample(PAIRS, d.between(1, 2)):
            messages += turn(d, pair)
    elif how < 0.75:
        name = {"x": d.of(GIRLS) if d.chance(0.5) else d.of(BOYS)}
        messages += [say("user", d.say(NAMED, name)), say("assistant", d.say(MEET, name))]
        fields = None
        if d.chance(0.6):
            kind, x = d.pick((("colour", d.of(COLOURS)), ("animal", d.of(HEROES)), ("food", d.of(FOODS))))
            x = x if kind == "colour" else f"the {x}" if kind == "animal" else a(x)
            fields = {"k": kind, "ks": plural(kind) if kind != "food" else "foods", "x": x, "X": cap(x)}
            messages += [say("user", d.say(LIKES, fields)), say("assistant", d.say(NOTED, fields))]
        elif d.chance(0.5):
            messages += turn(d)
        if fields and d.chance(0.5):
            messages += [say("user", d.say(ASK_LIKES, fields)), say("assistant", f"Your favourite {fields['k']} is {fields['x']}.")]
        else:
            messages += [say("user", d.say(ASK_NAME)), say("assistant", f"Your name is {name['x']}.")]
    else:
        name = {"x": d.of(PETS) if d.chance(0.5) else d.of(GIRLS)}
        messages += [say("system", d.say(ROLES, name)), say("user", d.say(YOUR_NAME)), say("assistant", f"My name is {name['x']}.")]
        if d.chance(0.4):
            messages += turn(d)
    return messages
