# The people, animals, things and places of the world, and what is true of them. Words after ~ are held out from training.
from grammar import Words

# Parts of invented words. Words from a list can be learned by heart; invented ones must be copied from the text.
STARTS = "b br c ch cl d dr f fl g gl gr h j k kl l m n p pl pr r s sh sl sm sp st t th tr tw v w wh y z".split()
MIDDLES = "b ck d g k l ll m mb n nd nt p pp r rr s sh st t tt v z".split()


class Coined(Words):
    """Words with endings, from which others are invented; - stands for no ending. If `nouns`, half of them are any noun of the dictionary.

    An invented word is capitalised if the words are."""

    def __init__(self, text, endings, nouns=False):
        super().__init__(text)
        self.endings, self.nouns = [ending.strip("-") for ending in endings.split()], nouns

    @staticmethod
    def noun(d):
        """A noun of the dictionary that is none of the world's words, which may be held out."""
        while True:
            word = d.pick(d.definitions)[0]
            if word not in KNOWN and word.capitalize() not in KNOWN:
                return word

    def invent(self, d):
        if self.nouns and d.definitions and d.chance(0.5):
            word = self.noun(d)
            return word.capitalize() if self.train[0][0].isupper() else word
        while True:
            word = d.pick(STARTS) + d.pick("aeiou") + d.pick(MIDDLES) + (d.pick("aeio") + d.pick(MIDDLES) if d.chance(0.3) else "") + d.pick(self.endings)
            if self.train[0][0].isupper():
                word = word.capitalize()
            if word not in KNOWN:
                return word

    def has(self, word):
        """Whether the word is one of these, or an invented one."""
        return super().has(word) or word not in KNOWN


def known(*groups):
    """All words of the groups."""
    return {word for group in groups for word in group.train + group.held}


GIRLS = Coined("""Mia, Anna, Lily, Rosa, Emma, Zoe, Clara, Ruth, Ella, Nina, Sara, Lucy, Maya, Ivy, Kate, Jane, Alice, Molly, Grace, Hana, Leah, Nora, Amina, Sofia,
Tara, Eva, Julia, Helen, Daisy, Meg, Polly, Rita, Wendy, Yara, Olga, Petra, Lena, Carmen, Ada, Freya ~ Greta, Mabel, Selma, Dora, Iris, Priya""", "a ia ina ella ira")
BOYS = Coined("""Tom, Ben, Sam, Max, Leo, Jack, Oscar, Adam, Noah, Finn, Hugo, Peter, Paul, Omar, Luke, Theo, Will, Ned, Ravi, Ivan, Felix, George, Henry, Simon,
Carl, David, Emil, Frank, Jonah, Karim, Liam, Mark, Nico, Otto, Pablo, Toby, Victor, Walter, Yusuf ~ Anton, Boris, Dylan, Gus, Milo, Tariq""", "o us an or en ik -")
PETS = Coined("""Rusty, Pip, Bramble, Fern, Hazel, Dot, Nutmeg, Pepper, Sunny, Patch, Biscuit, Clover, Moss, Willow, Ginger, Pebble, Acorn, Misty, Bean,
Poppy, Olive, Rowan, Smoky, Teddy, Tilly, Twig, Barley, Maple ~ Juniper, Pickle, Thistle, Cobble""", "y le er kin et -", nouns=True)


def is_girl(name):
    """Whether a person's name is a girl's. Invented names of girls end in "a"."""
    return name in GIRLS.train + GIRLS.held or name not in BOYS.train + BOYS.held and name.endswith("a")


# name | size rank | abilities | food | home | young | sound | class | number of legs
ANIMALS = {
    name: {"size": int(size), "can": set(can.split()), "food": food, "home": home, "young": young, "sound": sound, "class": kind, "legs": int(legs)}
    for name, size, can, food, home, young, sound, kind, legs in (
        tuple(part.strip() for part in row.split("|")) for row in """
        ant|1|climb dig|crumbs|an anthill|||insect|6
        bee|1|fly|nectar|a hive|larva|buzz|insect|6
        butterfly|1|fly|nectar|a meadow|caterpillar||insect|6
        mouse|3|climb dig|seeds|a hole in the wall|pup|squeak|mammal|4
        frog|3|swim jump|flies|a pond|tadpole|croak|amphibian|4
        robin|3|fly|worms|a nest|chick|chirp|bird|2
        sparrow|3|fly|seeds|a nest|chick|chirp|bird|2
        bat|3|fly|moths|a cave|pup|squeak|mammal|2
        squirrel|4|climb jump|nuts|a hollow tree|kit|chatter|mammal|4
        mole|4|dig|worms|a tunnel|pup||mammal|4
        hedgehog|4|dig|beetles|a pile of leaves|hoglet|snuffle|mammal|4
        crow|4|fly|corn|a tall tree|chick|caw|bird|2
        owl|5|fly|mice|a hollow tree|owlet|hoot|bird|2
        duck|5|fly swim|water plants|a pond|duckling|quack|bird|2
        turtle|5|swim|water plants|a pond|hatchling||reptile|4
        hen|5||grain|a coop|chick|cluck|bird|2
        rabbit|5|dig jump|grass|a burrow|kit||mammal|4
        cat|6|climb jump|fish|a house|kitten|meow|mammal|4
        goose|6|fly swim|grass|a farmyard|gosling|honk|bird|2
        monkey|7|climb jump|fruit|a tree|infant|chatter|mammal|4
        fox|7|dig|mice|a den|cub|bark|mammal|4
        otter|7|swim|fish|a riverbank|pup|whistle|mammal|4
        beaver|7|swim dig|bark|a lodge|kit||mammal|4
        badger|7|dig|roots|a sett|cub|growl|mammal|4
        dog|7|swim dig|bones|a kennel|puppy|bark|mammal|4
        goat|8|climb jump|grass|a barn|kid|bleat|mammal|4
        sheep|8||grass|a field|lamb|bleat|mammal|4
        wolf|8|swim dig|deer|a den|pup|howl|mammal|4
        pig|8|dig|roots|a sty|piglet|oink|mammal|4
        deer|9|swim jump|leaves|a forest|fawn|bellow|mammal|4
        donkey|9||hay|a stable|foal|bray|mammal|4
        bear|10|swim climb dig|honey|a cave|cub|growl|mammal|4
        cow|10||grass|a barn|calf|moo|mammal|4
        horse|10|swim jump|hay|a stable|foal|neigh|mammal|4
        lion|10|climb|meat|a savanna|cub|roar|mammal|4
        tiger|10|swim climb|meat|a jungle|cub|roar|mammal|4
        elephant|12|swim|leaves|a savanna|calf|trumpet|mammal|4
        whale|13|swim|krill|the sea|calf|sing|mammal|0""".strip().splitlines()
    )
}
# Animals that can be the hero of a story. They carry things and live near people.
HEROES = Words("""mouse, frog, squirrel, hedgehog, duck, rabbit, cat, goose, monkey, fox, otter, dog, goat, sheep, pig, donkey, bear, turtle, hen, deer, crow
~ badger, mole, beaver, robin""")
HELPERS = {  # animals with an ability, trained and held out
    "fly": Words("crow, robin, owl, sparrow, goose ~ duck"),
    "climb": Words("squirrel, monkey, cat, bear ~ goat"),
    "swim": Words("otter, duck, frog, turtle, dog, goose ~ beaver"),
    "dig": Words("mole, badger, rabbit, dog, fox ~ pig"),
}
FRIENDS = Words("owl, rabbit, hedgehog, squirrel, otter, goose, donkey, bear, cat, turtle, deer, frog, duck, fox, mouse, goat ~ badger, crow, mole")

NOUN = "le er et in ock um ab -"  # endings of invented things
# Small things that a hero can own, carry, lose and share.
THINGS = Coined("""lantern, kite, ball, hat, bell, drum, basket, book, cup, key, boat, scarf, spoon, coin, button, whistle, ring, map, umbrella, blanket, bucket, flute,
teapot, doll, pillow, ribbon, rope, box, bag, bottle, brush, candle, clock, compass, crown, feather, jar, mirror, necklace, shell, shovel, top, wagon,
hammer, violin, apron, ladder, broom, barrel, cushion, sock, glove, boot, bracelet, medal,
statue, vase, plate, bowl, kettle, lamp, letter, postcard, pencil, crayon, notebook, rug, curtain, tray, wheel, sledge, scooter, balloon, banner, flag,
helmet, sword, shield, harp, fiddle, guitar, horn, magnet, telescope, wallet, purse, stamp, sponge, hook, net, anchor, paddle, saddle, tent
~ locket, marble, mitten, trumpet, puppet, thimble""", NOUN, nouns=True)
SMALL = Coined("""ball, hat, bell, cup, key, scarf, spoon, coin, button, whistle, ring, map, ribbon, feather, shell, necklace, flute, brush, compass, sock, glove, bracelet,
medal, letter, postcard, pencil, crayon, notebook, flag, magnet, wallet, purse, stamp, sponge, hook, fork, bead, pin, ticket, card, thread, comb
~ locket, marble, mitten, thimble""", NOUN, nouns=True)
FRAGILE = Coined("cup, teapot, jar, mirror, bottle, lantern, clock, flute, kite, doll, umbrella, vase, plate, bowl, lamp, statue, violin, telescope, guitar ~ trumpet, puppet", NOUN, nouns=True)
LARGE = {*"wagon umbrella drum kite blanket pillow bucket basket boat box bag teapot doll clock mirror trumpet violin apron ladder broom barrel cushion boot statue".split(),
         *"vase plate bowl kettle lamp rug curtain tray wheel sledge scooter balloon banner helmet sword shield harp fiddle guitar horn telescope net anchor paddle saddle tent".split()}
LIGHT = {*"ball hat kite scarf map ribbon feather umbrella mitten sock glove letter postcard balloon stamp flag".split()}
FLOATING = {*"ball hat boat ribbon feather scarf flute kite mitten map balloon paddle sponge tray letter postcard pencil".split()}
COLOURS = Words("red, blue, green, yellow, white, black, brown, orange, purple, pink, grey, silver, golden")
LOOKS = Words("old, little, shiny, new, round, pretty, plain, striped, bright, fine ~ tiny, painted")
USES = {"lantern": "give light", "kite": "fly in the wind", "ball": "play with", "bell": "ring", "drum": "make music", "basket": "carry things", "book": "read",
        "cup": "drink from", "key": "open a lock", "scarf": "keep your neck warm", "spoon": "eat soup", "map": "find the way", "umbrella": "stay dry in the rain",
        "blanket": "keep warm in bed", "bucket": "carry water", "teapot": "make tea", "clock": "tell the time", "compass": "find north", "mirror": "see your face",
        "shovel": "dig a hole", "brush": "paint or clean", "candle": "give light", "pillow": "rest your head", "rope": "tie things", "hat": "keep your head warm",
        "oven": "bake bread", "saw": "cut wood", "hammer": "drive in nails", "needle": "sew", "scissors": "cut paper", "broom": "sweep the floor", "ladder": "climb up high",
        "boat": "cross the water", "pen": "write", "knife": "cut bread", "bed": "sleep in", "soap": "wash your hands", "towel": "dry yourself", "oar": "row a boat",
        "telephone": "talk to somebody far away", "thermometer": "measure how warm it is", "scale": "measure how heavy something is", "ruler": "measure how long something is"}

# noun: the phrase for being there
PLACES = {"forest": "in the forest", "meadow": "in the meadow", "village": "in the village", "valley": "in the valley", "garden": "in the garden", "hill": "on the hill",
          "farm": "on the farm", "river": "by the river", "lake": "by the lake", "sea": "by the sea", "mill": "at the old mill", "market": "at the market", "park": "in the park",
          "orchard": "in the orchard", "harbour": "at the harbour", "island": "on the island", "field": "in the field", "town": "in the town", "bridge": "near the bridge",
          "castle": "near the castle", "mountain": "on the mountain", "beach": "on the beach", "city": "in the city", "waterfall": "near the waterfall",
          "lighthouse": "near the lighthouse", "station": "near the station", "cliff": "on the cliff", "desert": "at the edge of the desert", "church": "behind the church"}
LIVING = Words("forest, meadow, village, valley, farm, hill, lake, sea, river, town, mountain, beach, city, waterfall, lighthouse, station, cliff, desert, church ~ island, orchard, castle")
TOWNS = Coined("Milton, Oakham, Weston, Brookdale, Ashford, Linden", "ia ton el or um berg")
SPOTS = Words("""under the bed, behind the door, on the shelf, under the bench, in the tall grass, behind the barn, near the well, under a bush, beside the path, in the old shed,
on the windowsill, behind a big stone, in the kitchen, under a pile of leaves, by the gate, on the bridge, under the table, behind the curtain, in the cellar,
under the roof, near the pond, beside the road, behind the hedge, in the hall, on the roof, under a chair, on the table, behind the mill, near the oven, in the attic,
under the carpet, beside the bed, on the steps, behind the tree, in the stable, on the wall, in the yard, under a stone, beside the well, in the boat ~ under the stairs, behind the fence, on the porch""")
FOODS = Coined("""apple, pear, plum, carrot, cherry, nut, cookie, pie, egg, bun, berry, potato, peach, walnut, turnip, lemon, orange, banana, tomato, onion, biscuit, waffle,
cake, sandwich, sausage, bean, almond, melon, grape, mushroom ~ fig, pancake, muffin, radish""", NOUN, nouns=True)
FLOWERS = Coined("sunflower, rose, bean plant, pumpkin, tomato plant, daisy, tulip, strawberry plant, lily, cabbage, cherry tree, melon plant, violet, clover ~ poppy, cucumber plant", NOUN, nouns=True)
TRAITS = Words("kind, clever, curious, cheerful, quiet, playful, merry, friendly, dreamy, polite, small, thoughtful, lively ~ gentle, good-natured, bright")
KNOWN = known(GIRLS, BOYS, PETS, TOWNS, THINGS, SMALL, FRAGILE, FOODS, FLOWERS) | set(ANIMALS)
BESIDE = "under,behind,beside,near,in front of,next to".split(",")  # a thing in a story may be there
DAYS = "Monday Tuesday Wednesday Thursday Friday Saturday Sunday".split()
MONTHS = "January February March April May June July August September October November December".split()
