# Plots about a thing: it gets stuck, is lost, is broken, is wanted by two, is earned, or is made as a gift.
from grammar import events, number, plural
from words import BESIDE, FLOATING, FRAGILE, LARGE, LIGHT, SMALL, SPOTS, THINGS

EVENTS = events("""
@own
{S} had {at} and took it everywhere.
{S} owned {at}, and {s} was very proud of it.
{P} <favourite|dearest> thing was {at}<| that {p} grandmother had given {o}>.
Of all {p} things, {s} liked {p} {ct} best.
~ Nothing was dearer to {o} than {p} {ct}.
= {H} had {at}.
? <What did {h} own|What did {h} have|Which thing did {h} like best|What did {h} take everywhere|What belonged to {h}|What was {p} favourite thing|Which thing was dear to {h}>? || {Article} {ct} || {H} had {at}.
@stuck.tree
One <windy|stormy> <morning|afternoon>, a <strong|sudden> gust of wind took the {t} <and carried it off|out of {p} {hands}>. It landed high up in an oak tree.
{Day}, {s} threw the {t} into the air for fun. {S} threw it too high, and it got caught in the branches of an oak tree.
{Day}, a magpie saw the {ct} and wanted it. The bird picked it up and flew off, but the {t} was too heavy. The magpie dropped it into the top of an oak tree.
~ {Day}, {s} swung the {t} round and round until it slipped out of {p} {hands}. It flew up into an oak tree and stayed there.
= It got stuck in an oak tree.
? <Where did the {t} get stuck|Where was the {t} stuck|Where did the {t} land|What was the {t} stuck in|Where was the {t} caught|In what did the {t} get caught>? || In an oak tree || The {t} got stuck in an oak tree.
@stuck.pond
{Day}, {s} was walking over the little bridge with {p} {t}. {S} stumbled, and the {t} fell into the pond. {Float}
{Day}, {s} put the {t} down on a slope. It <began to roll|slid down the wet grass> and did not stop until it splashed into the pond. {Float}
~ {Day}, {s} sat on the bank and leaned over to look at the fish. The {t} slipped into the pond. {Float}
= It fell into the pond.
? <Where did the {t} fall|Where did the {t} drop|Where did the {t} land|Where was the {t} in the end|Into what did the {t} fall|What did the {t} drop into>? || Into the pond || The {t} fell into the pond.
@stuck.hole
{Day}, {s} put the {t} down to pick some flowers. The ground gave way, and the {t} dropped into a deep, narrow hole.
{Day}, {s} tripped over a root. The {t} flew out of {p} {hands} and dropped into a deep hole between two stones.
~ {Day}, {s} was running across the field when the {t} fell and vanished down a deep, narrow hole.
= It fell into a deep hole.
? <Where did the {t} fall|Where did the {t} drop|Where did the {t} land|Where was the {t} in the end|Into what did the {t} fall|What did the {t} drop into>? || Into a deep hole || The {t} fell into a deep hole.
@try.tree
{H} <jumped as high as {s} could|stood on a box>, but {s} could not reach it. <"I will never get it back," {s} sighed.|{S} could not climb the smooth trunk, either.>
{H} shook the trunk with all {p} strength. A few leaves came down, but the {t} did not.
{H} threw pine cones at the branch. Not one of them hit it, because the branch was too high.
@try.pond
{H} <tried to reach it with a long stick|stretched out over the water>, but the {t} was too far from the bank<|, and {s} could not swim>.
{H} waited for the water to bring it back. An hour passed, and the {t} was <still out of reach|no nearer than before>.
@try.hole
{H} put {p} {arm} into the hole as far as it would go, but the hole was too deep.
{H} tried to fish it out with a stick. The stick was too short, and the earth was too hard to dig.
@sad
{H} sat down and <cried|felt like crying>.
{H} did not know what to do.
"What shall I do now?" {h} said to {r}.
@meet
Just then, {fwho} came along. "Why are you so sad?" {fs} asked. {H} told {fo} <everything|what had happened>.
{Fwho} heard {o} and came closer. "What is the matter?" asked {f}. "My {t} is {stuck}," said {h}, "and I cannot get it."
After a while, {fwho} passed by. {H} <asked politely|plucked up courage and asked>, "Could you help me, please? My {t} is {stuck}."
~ {Fwho} had been watching. "You look unhappy," said {f}. "My {t} is {stuck}," {h} explained. "I cannot reach it."
= {H} asked {fwho} for help.
@get.fly
"That is easy for someone with wings," said {f}. {FS} flew up, took hold of the {t} and brought it down.
{F} spread {fp} wings. A moment later, {fs} was at the top of the tree, and soon the {t} lay <safely|> at {h}'s feet.
= {F} flew up and brought the {t} down.
? <How did {f} get the {t}|How did {f} bring back the {t}|How did {f} help|What did {f} do to get the {t}|How was the {t} brought down|In what way did {f} reach the {t}>? || By flying || {F} flew up to the {t} and brought it down.
@get.climb
"I can climb," said {f}. {FS} went up the trunk, <branch by branch|quickly and without fear>, and came back with the {t}.
{F} laughed kindly. "I climb trees every day." Up {fs} went, and down {fs} came with the {t}.
= {F} climbed up and fetched the {t}.
? <How did {f} get the {t}|How did {f} bring back the {t}|How did {f} help|What did {f} do to get the {t}|How was the {t} brought down|In what way did {f} reach the {t}>? || By climbing || {F} climbed the tree and brought the {t} down.
@get.swim
"Wait here. I am a good swimmer," said {f}. {FS} jumped into the water, <swam out|dived> and came back with the {t}.
Without a word, {f} slid into the pond. {FS} swam straight to the {t} and carried it back to the bank.
= {F} swam out and fetched the {t}.
? <How did {f} get the {t}|How did {f} bring back the {t}|How did {f} help|What did {f} do to get the {t}|How was the {t} brought back|In what way did {f} reach the {t}>? || By swimming || {F} swam to the {t} and brought it back.
@get.dig
"Nobody digs as well as I do," said {f}. {FS} dug and dug until the hole was wide, and then {fs} pulled out the {t}.
{F} began to dig at once. The earth flew in all directions, and soon {fs} held up the {t}. It was dirty, but whole.
= {F} dug up the {t}.
? <How did {f} get the {t}|How did {f} bring back the {t}|How did {f} help|What did {f} do to get the {t}|How was the {t} brought out|In what way did {f} reach the {t}>? || By digging || {F} dug until the {t} was free.
@thank
"Thank you!" cried {h}. {S} gave {f} some {food}, and they <ate them together|became friends>.
"Thank you!" cried {h}, who gave {f} the best {food1} in the house. They became friends.
{H} was so happy that {s} <danced around the place|hugged {f}>. "If you ever need me, just call," {s} said.
{H} thanked {f} <again and again|with all {p} heart>. From that day on, they were friends.
~ "How can I ever thank you?" asked {h}. "Just be my friend," said {f}. And so {s} was.
= {H} thanked {f}, and they became friends.
? <Who helped {h}|Who brought the {t} back|Who was a friend in need|Whose help did {h} get|Who came to help|Who got the {t} back|To whom does {h} owe the {t}>? || {F} || {F} helped {h} to get the {t} back.
? <How did {h} feel in the end|How was {h} at the end|What did {h} feel in the end|How did {h} feel when {s} had the {t} again|What was {h}'s mood at the end>? || Happy || {H} was happy and thankful.
@stuck.moral
= {Who} could not get {p} {ct} back, and {fwho} helped {o}.
Sometimes the best thing you can do is ask for help.
A friend can often do what we cannot.
@lost
{Day}, {h} wanted to <use|show somebody> the {t}, but it was gone.
{Day}, {h} reached for {p} {t}. It was not in its place!
~ {Day}, {h} noticed that something was missing. It was the {t}.
= {S} lost it.
? <What did {h} lose|What did {h} look for|Which thing was lost|What could {h} not find|What was gone|What was {h} missing>? || {The} {ct} || {H} lost {p} {ct}.
@search
{S} looked {spot1}. It was not there. Then {s} looked {spot2}, but all {s} found was <an old sock|a dead leaf|dust|a sleepy beetle>.
First {s} looked {spot1}, and then {s} looked {spot2}. There was no {t} <anywhere|in either place>.
{S} looked {spot1} and {spot2}, but the {t} was in neither place.
~ Was it {spot1}? No. Was it {spot2}? No, it was not there, either.
? <Where did {h} look first|Where did {h} begin to look|What was the first place where {h} looked|Where did {h} search first|Which place did {h} search before the others>? || {Spot1} || First, {h} looked {spot1}.
@hint.rain
{H} <closed {p} eyes and thought|thought hard>. "Yesterday I came home tired and put everything down {spot3}," {s} remembered.
@hint.friend
{P} friend {f} came to help. "Where did you last have it?" {fs} asked. {H} thought hard. "I had it {spot3}!" {s} cried.
"I saw your {t} {spot3} yesterday," said {p} friend {f}. "You put it down there when you <stopped to rest|stopped to eat>."
? <Who helped {h} to find the {t}|Who searched together with {h}|Whose help did {h} get|Who was a help to {h}>? || {F} || {F} helped {h} to find the {t}.
@found
{S} ran to look. There was the {t}, {spot3}, <just where {s} had left it|safe and sound>.
{S} hurried to the place. And yes, the {t} was {spot3}!
~ {S} went to see at once, and there it lay, {spot3}.
= {H} found it {spot3}.
? <Where was the {t}|Where did the {t} lie|Where was the {t} all the time|Where did {h} see the {t} again|Where did {h} find the {t}|In what place was the {t} found>? || {Spot3} || The {t} was {spot3}.
@lost.end
"From now on, I will put you back in your place every evening," {h} told the {t}. And {s} did.
{H} laughed with relief. Since that day, {s} has always put {p} things away.
= After that, {h} always put {p} things away.
? <What does {h} do since that day|What does {h} always do now|What has changed since then|What did {h} change|What did {h} learn to do>? || Put things away || Since that day, {h} always puts {p} things away.
@lost.moral
= {Who} lost {p} {ct} and found it {spot3}.
Everything is easier to find when it has a place.
When you lose a thing, think of where you last had it.
@break
{Day}, {h} visited {p} friend {f}. {F} had {at} that {fs} loved. When {f} left the room, {h} picked it up to look at it. It slipped and fell to the floor, and it broke.
{Day}, {f} lent {h} {p2} {ct}. {H} was careless and <sat on it|dropped it on a stone>. There was a crack, and the {t} was broken.
~ {Day}, {h} was dancing about in the house of {p} friend {f} and knocked over {at}. It belonged to {f}, and it broke into two pieces.
= {H} broke {at} that belonged to {f}.
? <What did {h} break|What fell down and broke|Which thing broke|What did {h} drop|What was broken>? || {The} {ct} || {H} broke the {ct}.
? <Whose {t} was it|Whose was the {t}|Whose thing was the {t}|Whose {t} did {h} have|To whom did the {t} belong>? || {Fpos} || The {t} belonged to {f}.
@hide
{H} was afraid that {f} would be angry. {S} hid the pieces {spot1} and said nothing.
"Nobody must know," thought {h}, and {s} put the broken {t} {spot1}.
= {H} hid the pieces {spot1}.
? <Where did {h} hide the pieces|Where did {h} put the pieces|In which place were the pieces|Where did the pieces go|Where were the pieces hidden>? || {Spot1} || {H} hid the pieces {spot1}.
? <Why did {h} hide the pieces|Why did {h} put the pieces away|What made {h} hide the pieces|Why were the pieces hidden|For what reason did {h} hide the pieces>? || Because {s} was afraid || {H} hid the pieces because {s} was afraid that {f} would be angry.
@guilt
All day {h} had an ache in {p} stomach. {S} did not want to eat or play.
That night, {h} could not sleep. {S} kept thinking of {f}, who was looking for the {t} everywhere.
@confess
The next morning, {h} went to {f}. "I broke your {t}, and then I hid it," {s} said. "I am very sorry."
At last {h} could not bear it any longer. "It was me," {s} told {f}. "I broke your {t}. I should have told you at once."
= The next morning, {h} told {f} the truth.
? <What did {h} tell {f}|What did {f} hear from {h}|What did {h} say in the end|What did {h} own up to|What did {h} say to {f} at last>? || The truth || {H} told {f} the truth: {s} had broken the {t}.
@forgive
{F} was quiet for a moment. "Thank you for telling me," {fs} said. "<Come, we can mend it together|Things can be mended>." They took some glue, and in the evening the {t} was almost as good as new.
"I am sad about the {t}," said {f}, "but I am glad that you told me." Together they <glued|mended> the {t}. You could still see a thin line, but neither of them minded.
= {F} forgave {h}, and they mended the {t} together.
? <Was {f} angry with {h}|Was {f} still angry in the end|Did {f} shout at {h}|Was {f} very angry|Did {f} stay angry with {h}>? || No || No, {f} forgave {h}.
? <What did the two of them do with the {t} in the end|What did they do with the broken {t}|What did they do about the {t}|How was the {t} made whole again|What happened to the {t} in the end>? || They mended it || They mended the {t} together.
@break.moral
= {Who} broke the {ct} of a friend, and everything was well again when {s} told the truth.
It is hard to tell the truth, but it is harder to hide it.
A mistake is easier to carry when you have told the truth.
@want
{Day}, {h} and {p} friend {f} found {at} {in}. "It is mine! I saw it first!" cried {h}. "No, it is mine. I picked it up," said {f}.
{Day}, {h} and {p} friend {f} were given {at}. There was only one, and both of them wanted it.
= {H} and {f} both wanted {at}.
? <What did {h} and {f} both want|What did the two of them want|What did they quarrel about|Which thing did they both want|About what did {h} and {f} quarrel>? || {The} {ct} || They both wanted the {ct}.
@pull
{H} pulled at one side and {f} pulled at the other. Neither would let go, and both of them got <angry|red in the face>.
They shouted until their throats were sore. Then they sat down, back to back, and did not speak.
= They quarrelled about it.
@idea
After a while, {h} felt {lonely}. "I would rather have a friend than {ta}," {s} said. "<You may have it today, and I will have it tomorrow|Let us take turns>."
A bird in the tree had watched them. "Why not take turns?" it sang. "{Odd} on one day, and {Even} on the next." {H} and {f} looked at each other and had to laugh.
= Then they decided to take turns.
? <How did they end the quarrel|How did the quarrel end|What did they do to stop the quarrel|How did they share it|What did they decide to do|What was the end of the quarrel>? || They took turns || They ended the quarrel by taking turns.
@turns
From then on, they took turns, and the {t} <belonged to both of them|made both of them happy>.
So they took turns. And because they <talked|laughed> so much together, they often forgot the {t}.
@want.moral
= {Who} quarrelled with a friend about {at} until they decided to take turns.
A friend is worth more than a thing.
What you share makes two people happy.
@wish
{Day}, {h} saw {at} in the window of a shop. It cost {price} coins. {H} counted {p} money. {S} had only {have} {coins}.
{Day}, {h} stopped at a shop and saw {at}. "{Price} coins," said the shopkeeper. But {h} had only {have} {coins}.
= {H} wanted to buy {at} for {price} coins, but {s} had only {have}.
? <What did {h} want to buy|What did {h} need the money for|What was in the shop window|What did {h} save for|Which thing did {h} wish for|What did {h} see in the shop>? || {Article} {ct} || {H} wanted to buy {at}.
? <How many coins did the {t} cost|How much did the {t} cost|How much money was the {t}|What did {h} have to pay for the {t}|What was the price of the {t}>? || {Price} || The {t} cost {price} coins.
? <How many coins were still missing|How many coins did {h} not have|How much money was missing|How many coins did {h} have to earn|How many more coins did {h} need>? || {Missing} || {H} needed {missing} more {mcoins}, because {price} minus {have} is {missing}.
@earn
"Then I will earn the rest," {s} thought. {S} went to {f} and asked for work. For <a whole day|two days> {s} {job}, and {f} paid {o} {missing} {mcoins}.
{F} needed somebody to help. So {h} {job}. {S} did the work <carefully|well> and did not complain. In the end, {f} gave {o} {missing} {mcoins}.
= {S} {job} for {f} and earned {missing} {mcoins}.
? <How did {h} earn the money|How did {h} get the money|What work did {h} do|With what work did {h} earn the coins|What did {h} do to earn money>? || {S} {job} || {H} {job} for {f}.
@buy
Now {h} had {price} coins. {S} ran to the shop and bought the {t}. Nothing was ever dearer to {o}, because {s} had earned it {r}.
{H} put {price} coins on the counter and went home with the {ct}. {S} <had never been so proud|whistled all the way>.
= Then {s} bought the {t}.
@wish.moral
= {Who} worked for {f2} until {s} could buy {at}.
What you have worked for is dear to you.
If something is out of reach, go towards it one step at a time.
@gift
It was only a week until {f}'s birthday. {H} wanted to give {fo} something, but {s} had no money.
{P} friend {f} had a birthday soon, and {h} did not know what to give {fo}.
= {H} wanted to give {p} friend {f} a present.
? <Whose birthday was it|Whose special day was it|Whose birthday was soon|Who had a birthday>? || {Fpos} || It was {f}'s birthday.
@listen.hat
So {h} listened. "I am always cold in the morning," {f} said one day. "The wind goes right through my old coat." That gave {h} an idea.
@listen.lamp
So {h} listened. "In the evening it is so dark in my house that I stumble over things," {f} said. That gave {h} an idea.
@listen.basket
So {h} listened. "I dropped my berries again," {f} complained. "I can never carry them all." That gave {h} an idea.
@make
{H} worked on it every evening in secret. {S} made {present}, all by {r}. {S} had to start again twice.
For a week, {h} was busy and told nobody why. {S} was making {present}.
= {S} made {fo} {present}.
? <What did {h} make|What did {h} give to {f}|What kind of present was it|Which present did {h} make|What did {f} get|What was the present>? || {Present} || {H} made {present}.
? <Why did {h} choose this present|Why did {h} make this present|What gave {h} the idea|Why did {h} think of this present|Why was it a good present>? || Because {f} needed it || {H} chose it because {f} {need}.
@give
On the birthday, {f} opened the parcel. "How did you know?" {fs} asked. "I listened," said {h}.
When {f} saw the present, {fs} was silent for a moment. Then {fs} smiled. "It is just what I needed," {fs} said.
= {F} was very happy with it.
? <How did {f} feel about the present|How did {f} like the present|How was {f} when {fs} got the present|What did {f} feel when {fs} saw the present>? || Happy || {F} was very happy, because it was just what {fs} needed.
@gift.moral
= {Who} listened to a friend and made {fo} {present} for {fp} birthday.
The best presents come from listening.
A present need not cost money to be a good one.
""")


def stuck(t):
    t.thing()
    thing = t.fields["t"]
    fits = {"tree": thing in LIGHT, "hole": thing not in LARGE, "pond": True}
    able = {"tree": ("climb", "fly"), "pond": ("swim", "fly"), "hole": ("dig",)}
    site = t.draw.pick([s for s in fits if fits[s] and not t.hero_can(able[s])] or ["pond"])
    skill = t.draw.pick(("fly", "climb")) if site == "tree" else able[site][0]
    t.helper(skill)
    t.set(stuck={"tree": "in the oak tree", "pond": "in the pond", "hole": "in a deep hole"}[site],
          Float="It floated far from the bank." if thing in FLOATING else "It sank to the bottom.")
    t.tell("own", f"stuck.{site}", f"try.{site}")
    t.maybe(0.5, "sad")
    t.paragraph()
    t.tell("meet", f"get.{skill}", "thank")
    t.moral("stuck")


def spots_of(d, count):
    """Different phrases for where a small thing may be."""
    if d.invents():
        return [f"{where} the {d.of(THINGS)}" for where in d.sample(BESIDE, count)]
    return d.sample(SPOTS.held if d.held else SPOTS.train, count)


def lost(t):
    t.thing(SMALL)
    spots = spots_of(t.draw, 3)
    t.set(spot1=spots[0], spot2=spots[1], spot3=spots[2])
    t.friend()
    t.tell("own", "lost", "search")
    t.maybe(0.4, "sad")
    t.paragraph()
    t.tell(t.draw.pick(("hint.rain", "hint.friend")), "found", "lost.end")
    t.moral("lost")


def broken(t):
    t.thing(FRAGILE)
    t.friend()
    t.set(spot1=spots_of(t.draw, 1)[0], p2=t.fields["fp"])
    t.tell("break", "hide", "guilt")
    t.paragraph()
    t.tell("confess", "forgive")
    t.moral("break")


def quarrel(t):
    t.thing()
    t.friend()
    pair = t.draw.pick((("You", "your friend"), ("One of you", "the other")))
    t.set(lonely=t.draw.pick(("lonely", "sorry", "ashamed")), Odd=pair[0], Even=pair[1])
    t.tell("want", "pull")
    t.paragraph()
    t.tell("idea", "turns")
    t.moral("want")


JOBS = ("swept the yard", "picked apples", "carried water", "washed the windows", "chopped wood", "painted the fence", "fed the hens", "weeded the garden")


def earn(t):
    t.thing()
    t.friend(person=True)
    have, missing = t.draw.between(1, 9), t.draw.between(1, 9)
    t.set(have=number(have), missing=number(missing), price=number(have + missing), coins=plural("coin", have), mcoins=plural("coin", missing), job=t.draw.pick(JOBS))
    t.tell("wish", "earn", "buy")
    t.moral("wish")


PRESENTS = {"hat": (("a warm hat", "a thick scarf", "a woollen blanket", "a pair of mittens"), "was always cold"),
            "lamp": (("a little lantern", "a lamp of glass", "a big candle"), "had no light in the evening"),
            "basket": (("a basket of willow", "a strong bag", "a wooden bucket"), "could not carry all the berries")}


def gift(t):
    t.friend()
    kind = t.draw.pick(tuple(PRESENTS))
    t.set(present=t.draw.pick(PRESENTS[kind][0]), need=PRESENTS[kind][1])
    t.tell("gift", f"listen.{kind}")
    t.paragraph()
    t.tell("make", "give")
    t.moral("gift")


# plot: function, topic, the things that fit if the story is about a thing, abilities that the hero must not have
PLOTS = {"stuck": (stuck, "asking for help", THINGS, ("swim", "fly")), "lost": (lost, "losing something", SMALL, ()), "broken": (broken, "telling the truth", FRAGILE, ()),
         "quarrel": (quarrel, "a quarrel", THINGS, ()), "earn": (earn, "working for a wish", THINGS, ()), "gift": (gift, "a birthday present", None, ())}
