# The table of facts, and questions about them. Each relation has wordings, of which those after ~ are held out; the facts are trained.
from grammar import Lines, a, cap, plural
from words import ANIMALS, DAYS, MONTHS, USES

CAPITALS = dict(pair.split(":") for pair in """France:Paris,Germany:Berlin,Italy:Rome,Spain:Madrid,Portugal:Lisbon,Greece:Athens,Austria:Vienna,Switzerland:Bern,Belgium:Brussels,
Denmark:Copenhagen,Norway:Oslo,Sweden:Stockholm,Finland:Helsinki,Poland:Warsaw,Hungary:Budapest,Ireland:Dublin,England:London,Scotland:Edinburgh,Russia:Moscow,Ukraine:Kyiv,
Romania:Bucharest,Bulgaria:Sofia,Croatia:Zagreb,Serbia:Belgrade,Turkey:Ankara,Egypt:Cairo,Kenya:Nairobi,Ethiopia:Addis Ababa,Ghana:Accra,Morocco:Rabat,Senegal:Dakar,
Uganda:Kampala,China:Beijing,Japan:Tokyo,India:New Delhi,Nepal:Kathmandu,Thailand:Bangkok,Vietnam:Hanoi,South Korea:Seoul,Mongolia:Ulaanbaatar,Iran:Tehran,Iraq:Baghdad,
Canada:Ottawa,Mexico:Mexico City,Cuba:Havana,Peru:Lima,Chile:Santiago,Argentina:Buenos Aires,Brazil:Brasilia,Colombia:Bogota,Uruguay:Montevideo,Australia:Canberra,
New Zealand:Wellington,Iceland:Reykjavik,Estonia:Tallinn,Latvia:Riga,Lithuania:Vilnius,Slovakia:Bratislava,Slovenia:Ljubljana,Cyprus:Nicosia""".replace("\n", "").split(","))
OPPOSITES = [pair.split(":") for pair in """hot:cold,big:small,tall:short,fast:slow,old:young,happy:sad,light:dark,day:night,up:down,left:right,open:closed,full:empty,wet:dry,hard:soft,
loud:quiet,early:late,near:far,high:low,good:bad,rich:poor,strong:weak,thick:thin,wide:narrow,clean:dirty,sweet:sour,inside:outside,first:last,always:never,begin:end,buy:sell,
give:take,win:lose,push:pull,question:answer,friend:enemy,true:false,easy:difficult,heavy:light,black:white,deep:shallow,rough:smooth,sharp:blunt,brave:cowardly,kind:cruel,
asleep:awake,alive:dead,above:below,before:after,more:less,many:few,love:hate,remember:forget,arrive:leave,laugh:cry,summer:winter,north:south,east:west,morning:evening""".replace("\n", "").split(",")]
COLOUR_OF = dict(pair.split(":") for pair in "grass:green,snow:white,coal:black,blood:red,milk:white,a lemon:yellow,a ripe banana:yellow,a carrot:orange,the clear sky:blue,the sun:yellow,a frog:green,a ripe tomato:red,an elephant:grey,chocolate:brown,a swan:white,a crow:black".split(","))
DEFINITIONS = dict(line.split(":") for line in """bakery:a shop where bread and cakes are made and sold;library:a place where people can read and borrow books;island:land with water all around it;
river:a long stream of water that flows to the sea;mountain:a very high hill of rock;desert:a dry place where little grows;forest:a large area full of trees;bridge:a road over a river or a valley;
doctor:a person who helps people who are ill;teacher:a person who helps others to learn;farmer:a person who grows food and keeps animals;baker:a person who makes bread;
carpenter:a person who makes things of wood;sailor:a person who works on a ship;miller:a person who grinds grain into flour;shepherd:a person who looks after sheep;lantern:a lamp that can be carried;
compass:a tool whose needle points north;kite:a light toy that flies in the wind on a string;clock:a machine that shows the time;umbrella:a cover on a stick that keeps off the rain;
map:a drawing of a place seen from above;key:a piece of metal that opens a lock;nest:the home that a bird builds for its eggs;hive:the home of bees;cave:a hollow place in a rock;
orchard:a field of fruit trees;meadow:a field of grass and flowers;harbour:a safe place for ships;village:a place with a few houses, smaller than a town;winter:the coldest season of the year;
summer:the warmest season of the year;storm:bad weather with strong wind;rainbow:an arch of colours in the sky, made by sun and rain;snow:frozen water that falls in white flakes;
cloud:many tiny drops of water in the sky;friend:a person whom you know and like;secret:something that only a few people know;gift:something that you give to somebody;lie:something that is said although it is not true;
promise:words by which you say that you will do something;question:words that ask for an answer;triangle:a shape with three sides;square:a shape with four equal sides;circle:a perfectly round shape;
week:a time of seven days;hour:a time of sixty minutes;century:a time of one hundred years;mammal:an animal that feeds its young with milk;insect:a small animal with six legs;bird:an animal with feathers and wings""".replace("\n", "").split(";"))
KINDS = {kind: items.split() for kind, items in (row.split(":") for row in """fruit:apple pear plum cherry banana orange grape lemon peach;vegetable:carrot potato onion cabbage turnip spinach leek;
tool:hammer saw shovel axe drill rake;piece of clothing:shirt coat hat scarf sock glove;piece of furniture:table chair bed shelf desk;musical instrument:flute drum violin trumpet piano harp;
colour:red blue green yellow purple;metal:iron gold silver copper tin;tree:oak birch willow pine maple;flower:rose tulip daisy lily poppy;drink:water milk tea juice;planet:Mars Venus Jupiter Saturn Mercury;
vehicle:bus train bicycle car boat""".replace("\n", "").split(";"))}
COUNTS = (("days", "a week", "seven"), ("months", "a year", "twelve"), ("hours", "a day", "twenty-four"), ("minutes", "an hour", "sixty"), ("seconds", "a minute", "sixty"), ("sides", "a triangle", "three"),
          ("sides", "a square", "four"), ("wheels", "a bicycle", "two"), ("wheels", "a tricycle", "three"), ("legs", "a spider", "eight"), ("legs", "an insect", "six"), ("letters", "the English alphabet", "twenty-six"),
          ("seasons", "a year", "four"), ("fingers", "one hand", "five"), ("arms", "an octopus", "eight"), ("things", "a dozen", "twelve"), ("years", "a century", "one hundred"), ("strings", "a violin", "four"))
PAST = dict(pair.split(":") for pair in "go:went,see:saw,eat:ate,run:ran,come:came,give:gave,take:took,find:found,sing:sang,swim:swam,write:wrote,know:knew,think:thought,fly:flew,buy:bought,make:made,sleep:slept,drink:drank,speak:spoke,fall:fell,begin:began,bring:brought,draw:drew,grow:grew,walk:walked,play:played,jump:jumped,help:helped".split(","))
SEASONS = "spring summer autumn winter".split()
ORDINALS = "first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth".split()

WORDINGS = {name: Lines(lines) for name, lines in {
    "capital": "What is the capital of {x}?\nWhich city is the capital of {x}?\nName the capital of {x}.\nDo you know the capital of {x}?\nCapital of {x}?\nWhat is {x}'s capital city?\nPlease name the capital of {x}.\nI want to know the capital of {x}.\nWhich is the capital city of {x}?\n{x}: what is the capital?\n~ Tell me the capital of {x}.\n~ What city is {x}'s capital?",
    "country": "Of which country is {x} the capital?\n{x} is the capital of which country?\n{x} is a capital. Of which country?\nIn which country is {x} the capital?\nName the country with the capital {x}.\nWhat country does the capital {x} belong to?\nThe capital is {x}. What is the country?\n~ Which country has {x} as its capital?",
    "opposite": "What is the opposite of {x}?\nWhat is the opposite of the word {x}?\nGive me the opposite of {x}.\nName the opposite of {x}.\nWhat word means the opposite of {x}?\nI need the opposite of {x}.\nThe opposite of {x} is what?\nWhat is not {x}?\n~ Which word is the opposite of {x}?\n~ Tell me the opposite of {x}.",
    "colour": "What colour is {x}?\nWhich colour is {x}?\nTell me the colour of {x}.\nName the colour of {x}.\nWhat is the usual colour of {x}?\nI want to know the colour of {x}.\nIn which colour do we see {x}?\n~ What is the colour of {x}?",
    "define": "What is {ax}?\nWhat does the word {x} mean?\nDefine {x}.\nExplain the word {x}.\nWhat does {x} mean?\nPlease explain what {ax} is.\nWhat do we call {ax}?\nCan you explain {x}?\n~ Tell me what {ax} is.\n~ What is meant by {x}?",
    "kind": "What is {ax}?\nWhat kind of thing is {ax}?\nIs {ax} a {k} or a {j}?\nSay what kind of thing {ax} is.\nTo which kind of things belongs {ax}?\n~ Tell me what kind of thing {ax} is.",
    "is": "Is {ax} a {k}?\nTell me if {ax} is a {k}.\nCan you say that {ax} is a {k}?\nIs it right that {ax} is a {k}?\nDo we call {ax} a {k}?\n{ax}: is it a {k}?\n~ Would you call {ax} a {k}?",
    "name": "Name a {k}.\nGive me an example of a {k}.\nCan you name a {k}?\nWhich {k} do you know?\nSay the name of one {k}.\nI need a {k}.\n~ Tell me the name of a {k}.",
    "names": "Name {n} {k}.\nList {n} {k}.\nGive me {n} examples of {k}.\nSay {n} {k}.\nI need {n} {k}.\nCan you name {n} {k}?\nWhich {n} {k} do you know?\n~ Tell me {n} {k}.",
    "count": "How many {x} does {y} have?\nHow many {x} are there in {y}?\nHow many {x} has {y}?\nWhat number of {x} does {y} have?\nSay how many {x} {y} has.\nI want to know how many {x} {y} has.\nCount the {x} of {y}.\n~ Tell me how many {x} {y} has.",
    "past": "What is the past tense of {x}?\nGive me the past tense of {x}.\nWhat is {x} in the past tense?\nToday I {x}. What is the word for yesterday?\nSay {x} in the past tense.\nThe past tense of {x} is what?\nI need the past tense of {x}.\n~ Which word is the past tense of {x}?",
    "plural": "What is the plural of {x}?\nGive me the plural of {x}.\nThere is one {x}. There are two what?\nWhat is {x} in the plural?\nOne {x}, two what?\nSay {x} in the plural.\nThe plural of {x} is what?\nI need the plural of {x}.\n~ Which word is the plural of {x}?",
    "next": "What comes after {x}?\nWhich {k} comes after {x}?\nWhat {k} follows {x}?\nAfter {x} comes which {k}?\nName the {k} after {x}.\nSay which {k} follows {x}.\nIt is {x}. What comes next?\n~ Tell me which {k} comes after {x}.",
    "before": "What comes before {x}?\nWhich {k} comes before {x}?\nBefore {x} comes which {k}?\nName the {k} before {x}.\nSay which {k} is before {x}.\nWhat {k} do we have before {x}?\n~ Tell me which {k} comes before {x}.",
    "nth": "What is the {x} {k} of {y}?\nWhich {k} is the {x} of {y}?\nName the {x} {k} of {y}.\nSay the {x} {k} of {y}.\nWhat {k} is the {x} one of {y}?\n~ Tell me the {x} {k} of {y}.",
    "young": "What is a young {x} called?\nWhat do you call a baby {x}?\nWhat is the name for a young {x}?\nSay what a young {x} is called.\nWhat does one call a young {x}?\nThe young of {ax} is called what?\nName the young of {ax}.\n~ Tell me what a young {x} is called.",
    "sound": "What sound does {ax} make?\nWhich sound does {ax} make?\nWhat does {ax} sound like?\nName the sound of {ax}.\nSay what sound {ax} makes.\nHow does {ax} sound?\n~ Tell me what sound {ax} makes.",
    "home": "Where does {ax} live?\nWhat is the home of {ax}?\nIn what does {ax} live?\nName the home of {ax}.\nSay where {ax} lives.\nWhere can you find {ax}?\n~ Tell me where {ax} lives.",
    "food": "What does {ax} eat?\nWhat is the food of {ax}?\nName the food of {ax}.\nSay what {ax} eats.\nWhat do you give {ax} to eat?\nOn what does {ax} live?\n~ Tell me what {ax} eats.",
    "legs": "How many legs does {ax} have?\nHow many legs has {ax}?\nCount the legs of {ax}.\nSay how many legs {ax} has.\nOn how many legs does {ax} walk?\n~ Tell me how many legs {ax} has.",
    "class": "What kind of animal is {ax}?\nIs {ax} a mammal, a bird, an insect or a reptile?\nWhich group does {ax} belong to: mammals, birds, insects or reptiles?\nSay what kind of animal {ax} is.\nIn which group of animals is {ax}?\nName the group of animals of {ax}.\n~ To which group of animals does {ax} belong?",
    "can": "Can {ax} {v}?\nIs {ax} able to {v}?\nDoes {ax} know how to {v}?\nSay if {ax} can {v}.\nIs it true that {ax} can {v}?\nDo you think {ax} can {v}?\n~ Tell me if {ax} can {v}.",
    "bigger": "Which is bigger, {ax} or {ay}?\nIs {ax} bigger than {ay}?\nWhich animal is bigger, {ax} or {ay}?\nWhich of the two is bigger, {ax} or {ay}?\nSay which is bigger, {ax} or {ay}.\nWho is bigger, {ax} or {ay}?\n~ Tell me which is bigger, {ax} or {ay}.",
    "smaller": "Which is smaller, {ax} or {ay}?\nWhich animal is smaller, {ax} or {ay}?\nWhich of the two is smaller, {ax} or {ay}?\nSay which is smaller, {ax} or {ay}.\nWho is smaller, {ax} or {ay}?\n~ Tell me which is smaller, {ax} or {ay}.",
    "use": "What can you do with {ax}?\nWhat is {ax} for?\nFor what do you use {ax}?\nWhy do people have {ax}?\nSay what {ax} is for.\nWhat does one do with {ax}?\n~ Tell me what {ax} is for.",
    "what_for": "With what can you {x}?\nWhat do you need to {x}?\nWhat helps you to {x}?\nName a thing to {x}.\nSay what you need to {x}.\n~ Tell me what you need if you want to {x}.",
    "list": "List the {x} in order.\nName the {x}.\nWhat are the {x}?\nSay the {x}.\nCan you list the {x}?\nI want to know the {x}.\nWhich are the {x}?\n~ Tell me all the {x}.",
}.items()}
LISTS = {"days of the week": DAYS, "months of the year": MONTHS, "seasons": SEASONS, "numbers from one to ten": "one two three four five six seven eight nine ten".split(),
         "vowels": list("AEIOU"), "planets": "Mercury Venus Earth Mars Jupiter Saturn Uranus Neptune".split()}
PLURALS = "mouse goose sheep fish wolf knife leaf loaf child foot tooth man woman potato city baby box dish fox bus cat dog tree house berry cherry story boy key deer".split()
USABLE = {verb: [t for t in USES if USES[t] == verb] for verb in USES.values()}


def _capital(d):
    country = d.pick(list(CAPITALS))
    return "capital", {"x": country}, CAPITALS[country], f"The capital of {country} is {CAPITALS[country]}."


def _country(d):
    country = d.pick(list(CAPITALS))
    return "country", {"x": CAPITALS[country]}, country, f"{CAPITALS[country]} is the capital of {country}."


def _opposite(d):
    x, y = d.pick(OPPOSITES)
    if d.chance(0.5) and y not in ("light", "short"):
        x, y = y, x
    if x == "light":
        x, y = "dark", "light"
    return "opposite", {"x": x}, y, f"The opposite of {x} is {y}."


def _colour(d):
    x = d.pick(list(COLOUR_OF))
    return "colour", {"x": x}, COLOUR_OF[x], f"{cap(x)} is {COLOUR_OF[x]}."


def _define(d):
    x = d.pick(list(DEFINITIONS))
    ax = x if x in ("snow", "winter", "summer") else a(x)
    return "define", {"x": x, "ax": ax}, DEFINITIONS[x], f"{cap(ax)} is {DEFINITIONS[x]}."


def _kind(d):
    kind, other = d.sample(list(KINDS), 2)
    x = d.pick(KINDS[kind])
    if kind in ("colour", "metal", "drink", "planet"):
        return "is", {"ax": x, "k": kind if d.chance(0.5) else kind}, "Yes", f"Yes, {x} is a {kind}."
    pair = (kind, other) if d.chance(0.5) else (other, kind)
    return "kind", {"ax": a(x), "k": pair[0], "j": pair[1]}, a(kind), f"{cap(a(x))} is a {kind}."


def _is(d):
    kind, other = d.sample(list(KINDS), 2)
    x = d.pick(KINDS[kind])
    ax = x if kind in ("colour", "metal", "drink", "planet") else a(x)
    if d.chance(0.5):
        return "is", {"ax": ax, "k": kind}, "Yes", f"Yes, {ax} is a {kind}."
    return "is", {"ax": ax, "k": other}, "No", f"No, {ax} is a {kind}."


def _names(d):
    kind = d.pick([k for k in KINDS if not k.startswith("piece")])
    if d.chance(0.4):
        x = d.pick(KINDS[kind])
        return "name", {"k": kind}, x, cap(f"{x if kind in ('colour', 'metal', 'drink', 'planet') else a(x)} is a {kind}.")
    items = d.sample(KINDS[kind], 3)
    return "names", {"n": "three", "k": plural(kind)}, cap(", ".join(items)), cap(f"{items[0]}, {items[1]} and {items[2]}.")


def _count(d):
    x, y, n = d.pick(COUNTS)
    return "count", {"x": x, "y": y}, n, f"{cap(y)} has {n} {x}."


def _word(d):
    if d.chance(0.5):
        x = d.pick(list(PAST))
        return "past", {"x": x}, PAST[x], f"The past tense of {x} is {PAST[x]}."
    x = d.pick(PLURALS)
    y = {"city": "cities", "baby": "babies", "bus": "buses"}.get(x) or plural(x)
    return "plural", {"x": x}, y, f"The plural of {x} is {y}."


def _order(d):
    kind, items, whole = d.pick((("day", DAYS, "the week"), ("month", MONTHS, "the year"), ("season", SEASONS, "")))
    i, how = d.below(len(items)), d.below(3)
    if how == 0:
        return "next", {"x": items[i], "k": kind}, items[(i + 1) % len(items)], f"{cap(items[(i + 1) % len(items)])} comes after {items[i]}."
    if how == 1 or not whole:
        return "before", {"x": items[i], "k": kind}, items[i - 1], f"{cap(items[i - 1])} comes before {items[i]}."
    return "nth", {"x": ORDINALS[i], "k": kind, "y": whole}, items[i], f"The {ORDINALS[i]} {kind} of {whole} is {items[i]}."


def _list(d):
    x = d.pick(list(LISTS))
    items = LISTS[x]
    return "list", {"x": x}, ", ".join(items), f"The {x} are {', '.join(items[:-1])} and {items[-1]}."


def _animal(d):
    x = d.pick(list(ANIMALS))
    animal, how = ANIMALS[x], d.pick(("young", "sound", "home", "food", "legs", "class", "can"))
    if how in ("young", "sound", "home", "food") and not animal[how]:
        how = "class"
    ax, f = a(x), {"x": x, "ax": a(x)}
    if how == "young":
        return how, f, animal["young"], f"A young {x} is called {a(animal['young'])}."
    if how == "home":
        place = animal["home"] if animal["home"].startswith("in ") else ("by " if animal["home"] in ("a riverbank",) else "in ") + animal["home"]
        return how, f, place, f"{cap(ax)} lives {place}."
    if how == "legs":
        n = ("no", "", "two", "", "four", "", "six")[animal["legs"]]
        return how, f, n, f"{cap(ax)} has {n} legs."
    if how == "class":
        return how, f, a(animal["class"]), f"{cap(ax)} is {a(animal['class'])}."
    if how == "can":
        verb = "swim" if d.chance(0.5) and "swim" in animal["can"] else "fly"
        able = verb in animal["can"]
        return how, f | {"v": verb}, "Yes" if able else "No", f"Yes, {ax} can {verb}." if able else f"No, {ax} cannot {verb}."
    return how, f, animal[how], f"{cap(ax)} eats {animal['food']}." if how == "food" else f"{cap(ax)} {plural(animal['sound'])}."


def _compare(d):
    x, y = d.sample(list(ANIMALS), 2)
    while abs(ANIMALS[x]["size"] - ANIMALS[y]["size"]) < 2:
        x, y = d.sample(list(ANIMALS), 2)
    big, small = (x, y) if ANIMALS[x]["size"] > ANIMALS[y]["size"] else (y, x)
    how, best, other = d.pick((("bigger", big, small), ("smaller", small, big)))
    return how, {"ax": a(x), "ay": a(y)}, a(best), f"{cap(a(best))} is {how} than {a(other)}."


def _use(d):
    x = d.pick(list(USES))
    ax = x if x in ("soap", "scissors") else a(x)
    if d.chance(0.6):
        return "use", {"ax": ax}, USES[x], f"With {ax}, you can {USES[x]}."
    return "what_for", {"x": USES[x]}, ax, f"You can {USES[x]} with {ax}."


RELATIONS = ((_capital, 0.17), (_country, 0.05), (_opposite, 0.12), (_colour, 0.05), (_define, 0.12), (_kind, 0.03), (_is, 0.04), (_names, 0.04), (_count, 0.06), (_word, 0.07), (_order, 0.08),
             (_list, 0.03), (_animal, 0.08), (_compare, 0.03), (_use, 0.03))


def fact(d):
    """(relation, question, word, sentence)"""
    if d.definitions and d.chance(0.15):
        noun, gloss = d.pick(d.definitions)
        return "define", d.say(WORDINGS["define"], {"x": noun, "ax": a(noun)}), gloss, f"{cap(a(noun))} is {gloss}."
    relation, fields, word, sentence = d.weighted(RELATIONS)(d)
    question = d.say(WORDINGS[relation], fields)
    if question.startswith("Is ") and relation == "bigger":
        yes = sentence.startswith(cap(fields["ax"]) + " ")
        word, sentence = ("Yes", "Yes, " + sentence[0].lower() + sentence[1:]) if yes else ("No", "No, " + sentence[0].lower() + sentence[1:])
    return relation, question, cap(word), sentence
