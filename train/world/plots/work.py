# Plots about a plan: to build, grow, bake or learn something, to cross a river, or to find the way home.
from grammar import events, number

EVENTS = events("""
@plan
{Day}, {h} decided to build {build}. "{Why}," {s} said.
{H} had a plan. {S} wanted to build {build}. "{Why}," {s} told everyone who would listen.
~ "I will build {build}," {h} said {dayl}. "{Why}."
= {H} wanted to build {build}.
? <What did {h} want to build|What was {h} going to build|What did {h} try to build|What did {h} dream of building|What was {h}'s plan>? || {Build} || {H} wanted to build {build}.
@first
{S} worked fast and used {bad}. {Fail}
{S} was in a hurry and took {bad}, because nothing else was at hand. {Fail}
= At first {s} used {bad}, and it failed.
? <What did {h} use at first|Of what was the first one built|What did {h} take the first time|With what did {h} begin|Of what did {h} build it at first>? || {Bad} || At first, {h} used {bad}.
? <What went wrong at first|What happened to the first one|What was bad about the first try|How did {h} fail at first|Why did the first attempt fail>? || {Fail0} || {Fail}
@advice
{F} looked at it and <nodded slowly|scratched {fp} head>. "{Bad} will not do for this," {fs} said. "Take {good}."
"Do not give up," said {f}. "Next time, use {good} in place of {bad}."
= {F} told {o} to use {good}.
? <Who gave {h} advice|Who knew what to use|Whose advice did {h} get|Who helped {h} with the plan|Who told {h} what to use>? || {F} || {F} gave {h} advice.
@second
So {h} began again, this time with {good} and <more patience|without any hurry>. {F} held the pieces together. {Good2}
The second time, {h} measured everything twice, and {f} helped with the {good}. {Good2}
= {S} tried again with {good}, and it worked.
? <What did {h} use in the end|Of what was the second one built|What did {h} take the second time|What was better|Of what did {h} build it the second time>? || {Good} || In the end, {h} used {good}.
? <Did it work the second time|Did the second try go well|Was the second try better|Did it go well the second time|Did the second attempt work>? || Yes || Yes, the second time it worked.
@build.moral
= {Who} built {build} with {good} after the first try with {bad} had failed.
A mistake is a step on the way.
Good work takes time.
@seed
{Day}, {h} put a small seed into the earth. "You will be {aflower}," {s} said and gave it some water.
{F} gave {h} a seed. "If you look after it, it will become {aflower}," {fs} said. {H} <dug a little hole and planted it|planted it behind the house>.
= {H} planted a seed.
? <What did {h} plant|What did {h} put into the ground|What lay in the earth|With what did {h} begin|What did {h} put into the earth>? || A seed || {H} planted a seed.
? <What was the seed to become|What kind of plant was it|What did {h} want to grow|What came out of the seed|What grew from the seed>? || {Aflower} || The seed was to become {aflower}.
@wait
{S} looked at it the next morning. There was nothing. {S} looked on the second day and on the third day, but there was only earth. "It must be a bad seed," {s} thought.
Every morning, {h} ran out to look, and every morning {s} saw only <brown|bare> earth. {S} wanted to dig it up. "Wait," said {f}. "Under the earth, it is working."
= For days, nothing could be seen.
@dry
Then it did not rain for {weeks} weeks. {H} carried water from the well each evening, even when {p} <back|arms> ached.
Then came a hot time without rain. {H} gave the seed water every day and put up a roof of twigs against the sun.
= {S} gave it water every day.
? <Why did {h} carry water|Why did {h} bring water every day|Why did the plant need water|What was the reason for the water|Why did {h} give it water>? || Because it did not rain || {H} gave it water because it did not rain.
@grow
One morning, there was a tiny green leaf. It grew and grew, and by the end of summer it was {aflower}, the <finest|largest> for miles around.
And then, one morning, something green came out of the earth. Week by week it grew. In the end, {aflower} stood there, and everybody <stopped to look at it|wanted to see it>.
= At last {aflower} grew.
? <What happened in the end|How did it end|What was there in the end|What did {h} get for the work|What came of all the work>? || It grew || In the end, the seed became {aflower}.
@seed.moral
= {Who} watered a seed every day until {aflower} grew.
Good things need time and care.
Do not give up on what you cannot see yet.
@cake
{Day}, {h} wanted to bake a <cake|big cake> for {f}. {S} put everything on the table: flour, eggs, sugar and butter. But there was no {miss}!
{F} was coming to tea, and {h} wanted to bake a cake. {S} <looked into the cupboard|began to mix>. Everything was there except the {miss}.
= {H} wanted to bake a cake, but {s} had no {miss}.
? <What was missing|What did {h} need|What was not in the kitchen|What had {h} run out of|What did {h} not have|Which thing did {h} lack>? || {Miss} || There was no {miss}.
? <For whom was the cake|Who got the cake|For whom did {h} bake|Whom was the cake for|Who was to get the cake>? || {F} || The cake was for {f}.
@borrow
{S} went to the neighbour, {who3}, and asked for some. "Of course," said {k3}. "I have plenty of {miss}."
{S} knocked at the door of {who3}. "Could you lend me some {miss}?" {s} asked. "Take as much as you need," said {k3}.
= {K3} gave {o} some {miss}.
? <Who gave {h} the {miss}|Who had some {miss}|From whom was the {miss}|Who helped with the {miss}|From whom did {h} get the {miss}>? || {K3} || {K3} gave {h} the {miss}.
@oven
Then the cake went into the oven. {H} sat in front of it and watched. After {minutes} minutes, the whole house smelled sweet.
{H} stirred the dough and put it into the oven for {minutes} minutes. {S} did not <leave the kitchen|look away> so that nothing would burn.
= The cake was in the oven for {minutes} minutes.
? <How long was the cake in the oven|How many minutes was the cake in the oven|How long did it take to bake the cake|How long did the cake need|How many minutes did the cake bake>? || {Minutes} minutes || The cake was in the oven for {minutes} minutes.
@eat
They cut the cake into three pieces: one for {f}, one for {k3} and one for {h}. Not a crumb was left.
"This is the best cake I have ever eaten," said {f}. {K3} was invited, too, and each of the three had a big piece.
= {H}, {f} and {k3} ate the cake together.
? <How many ate the cake|How many of them ate the cake|How many were there to eat the cake|What number of friends ate the cake|Among how many was the cake shared>? || Three || Three ate the cake: {h}, {f} and {k3}.
@cake.moral
= {Who} wanted to bake a cake and got the missing {miss} from a neighbour.
Ask your neighbours, and share what you make.
Food tastes best in company.
@skill
{H} could do many things, but {s} could not {skill}. {Day}, {s} made up {p} mind to learn it.
All the others could {skill}. Only {h} could not. "I want to learn it, too," {s} said {dayl}.
~ There was one thing that {h} wished for: {s} wanted to {skill}.
= {H} wanted to learn to {skill}.
? <What did {h} want to learn|What was hard for {h}|What did {h} practise|What did {h} try to learn|What could {h} not do at first>? || To {skill} || {H} wanted to learn to {skill}.
@badstart
The first try was a disaster. {Clumsy} <Somebody laughed|Two sparrows laughed>, and {h} went red.
It looked so easy! But when {h} tried, {clumsyl} {S} wanted to <give up|go home>.
= The first try went wrong.
? <How did the first try go|How was the first attempt|What came of the first try|Was the first try good>? || Badly || The first try went wrong.
@teach
"Everybody starts like that," said {f}. "Try a little every day." So {h} practised each morning for {weeks} weeks.
{F} came to {o} and said, "I could not do it, either, when I began. I will show you how." For {weeks} weeks, they practised together.
= {F} helped {o}, and {s} practised for {weeks} weeks.
? <Who helped {h} to learn it|Who was with {h} while learning|Who gave {h} courage|Whose help did {h} have|Who encouraged {h}>? || {F} || {F} helped {h}.
? <How long did {h} practise|How many weeks did {h} practise|How long did it take to learn it|How much time did {h} need|For how many weeks did {h} practise>? || {Weeks} weeks || {H} practised for {weeks} weeks.
@cando
And one day it worked! {H} could {skill}. {S} did it again and again, just for joy.
Little by little it became easier. In the end, {h} could {skill} as well as the others, and {s} <beamed|laughed aloud>.
= In the end, {h} could {skill}.
? <Could {h} do it in the end|Was {h} able to do it in the end|Did it work in the end|Can {h} do it now|Did {h} learn it in the end>? || Yes || Yes, in the end {h} could {skill}.
@skill.moral
= {Who} practised for {weeks} weeks and learned to {skill}.
Practice makes perfect.
Nobody is born a master.
@follow
{Day}, {h} followed {lure} into the forest. {S} went left and right and left again. When it was gone, {s} looked around and did not know where {s} was.
{Day}, {h} saw {lure} at the edge of the forest. It was so beautiful that {s} followed it, deeper and deeper, until {s} could no longer see the path.
= {H} followed {lure} into the forest and got lost.
? <What did {h} follow|After what did {h} run|What led {h} into the forest|What did {h} see and follow|Why did {h} go into the forest>? || {Lure} || {H} followed {lure}.
@dusk
The sun went down. It grew cold, and {h} was alone. {S} <sat down on a stone and tried to think|called, but nobody answered>.
Soon it was dark between the trees. {H} was afraid, but {s} <did not run|told {r} to stay calm>.
= It grew dark.
@clue.stream
Then {s} heard water. "The stream flows past our house," {s} thought. "If I follow it, it must lead me home."
= {S} heard a stream and followed it.
? <How did {h} find the way home|How did {h} get home|What did {h} follow to get home|What helped {h} to find the way|What showed {h} the way>? || {S} followed the stream || {H} followed the stream, because it flows past the house.
@clue.star
Then the clouds parted, and {s} saw the North Star. "Our house is to the north," {s} remembered. So {s} walked towards the star.
= {S} saw the North Star and walked towards it.
? <How did {h} find the way home|How did {h} get home|What did {h} follow to get home|What helped {h} to find the way|What showed {h} the way>? || {S} followed the North Star || {H} walked towards the North Star, because the house is to the north.
@clue.bell
Then {s} heard a bell far away. "That is the bell of our tower," {s} said. "It rings every evening." {S} walked towards the sound.
= {S} heard the bell of the tower and walked towards it.
? <How did {h} find the way home|How did {h} get home|What did {h} follow to get home|What helped {h} to find the way|What showed {h} the way>? || {S} followed the sound of the bell || {H} walked towards the sound of the bell.
@home
At last {s} saw a light in a window. {F} was standing at the door. "There you are!" {fs} cried and gave {o} a big hug.
Late in the evening, {s} came home. {F} had been looking for {o} everywhere, and {fs} wept for joy.
= {H} came home, and {f} was very glad.
? <Who was waiting for {h}|Who was at home when {h} came back|Who waited at the door|Who had waited for {h}|Who was glad when {h} came home>? || {F} || {F} was waiting for {h}.
@home.moral
= {Who} followed {lure}, got lost and found the way home.
If you are lost, stay calm and think.
Look where you are going before you follow something beautiful.
@bridge
{H} wanted to visit {f}, who lived on the other side of the river. But the flood had carried away the bridge.
{Day}, {h} set out to see {f} on the other side of the river. When {s} came to the water, the bridge was broken.
= {H} wanted to cross the river, but the bridge was gone.
? <Whom did {h} want to visit|To whom did {h} want to go|Whom did {h} want to see|Who was on the other bank|Who lived on the other side of the river>? || {F} || {H} wanted to visit {f}.
? <Why could {h} not cross the river|Why did {h} have to stop at the river|What was the trouble at the river|Why was it hard to get across|What was wrong with the bridge>? || The bridge was gone || {H} could not cross because the bridge was gone.
@attempt
First {s} threw stones into the water to make a path, but the river was too deep. Then {s} <tried a thin plank|laid a thin plank across>, and it broke.
First {s} tried to wade through, but the water pulled at {p} legs. Then {s} shouted across, but {f} could not hear {o}.
= Two attempts failed.
@cross.raft
Then {s} saw some logs on the bank. {S} tied them together with a rope, made a raft and <paddled slowly|pushed it with a pole> to the other side.
= Then {s} made a raft of logs and crossed the river.
? <How did {h} cross the river|How did {h} get across|In what way did {h} cross the river|On what did {h} cross the river|How did {h} get to the other side>? || On a raft || {H} made a raft of logs and crossed the river on it.
@cross.tree
Then {s} noticed a tall dead tree on the bank. {S} pushed with all {p} strength until it fell. It reached from one side to the other, and {s} walked across.
= Then {s} pushed over a dead tree and walked across.
? <How did {h} cross the river|How did {h} get across|In what way did {h} cross the river|On what did {h} cross the river|How did {h} get to the other side>? || On a tree || {H} pushed over a dead tree and walked across on it.
@arrive
{F} could hardly believe it. "The bridge is gone, and still you came!" {fs} cried. They <had tea|talked> until evening, and the next week they built a new bridge together.
"How did you get here?" asked {f}. {H} told {fo} everything. "Then let us build a better bridge," said {f}, and they did.
= {F} was glad, and they built a new bridge.
? <What did they build|What did they make together|What was built in the end|What did they do together|What did the two of them do afterwards>? || A new bridge || They built a new bridge together.
@bridge.moral
= {Who} crossed a river without a bridge to visit a friend.
Where there is a will, there is a way.
If one way is closed, look for another.
""")

BUILDS = (  # what, why, bad material, what failed, good material, result
    ("a hut", "I want a place of my own", "straw", "The wind blew it away", "stones", "The next storm came, and the hut did not move."),
    ("a boat", "I want to see the island", "paper", "The water made it soft, and it sank", "wood", "The boat floated, and not a drop came in."),
    ("a kite", "I want to see something fly", "heavy boards", "It was too heavy to fly", "thin sticks and paper", "The kite rose higher than the trees."),
    ("a bridge over the stream", "Then nobody gets wet feet", "thin twigs", "The twigs broke under the first step", "thick planks", "The bridge was strong enough for a horse."),
    ("a fence", "The goats eat our cabbages", "string", "The goats jumped through it", "strong posts", "The goats looked at the cabbages from the other side."),
    ("a scarecrow", "The crows eat our corn", "a bare stick", "The crows sat down on it", "an old coat and a hat", "The crows flew away and did not come back."),
    ("a swing", "Everybody can play on it", "old string", "The string tore at once", "a strong rope", "The swing flew high, and nobody fell."),
    ("a snow house", "I want to sleep in the snow", "soft snow", "The roof fell in", "blocks of hard snow", "Inside, it was almost warm."),
)
SKILLS = (
    ("whistle", "Only air came out."), ("skate", "{S} fell down five times."), ("play the flute", "It sounded like a sick goose."), ("juggle", "The balls rolled in all directions."),
    ("dance", "{S} tripped over {p} own feet."), ("ride a bicycle", "{S} rode straight into a hedge."), ("row a boat", "The boat only turned in circles."), ("sing", "It sounded like a rusty door."),
    ("skip with a rope", "The rope caught {p} feet."), ("knit", "The wool was full of knots."), ("draw a horse", "It looked like a table."), ("make pancakes", "The first one landed on the floor."),
)
LURES = ("a blue butterfly", "a white deer", "a tiny golden bird", "a glowing firefly", "a silver fox")


def build(t):
    t.friend()
    what, why, bad, fail, good, result = t.draw.pick(BUILDS)
    t.set(build=what, Build=what.capitalize(), Why=why, bad=bad, Bad=bad.capitalize(), Fail=fail + ".", Fail0=fail, good=good, Good=good.capitalize(), Good2=result)
    t.tell("plan", "first")
    t.paragraph()
    t.tell("advice", "second")
    t.moral("build")


def garden(t):
    t.friend()
    t.flower()
    t.set(weeks=number(t.draw.between(2, 6)))
    t.tell("seed", "wait")
    t.paragraph()
    t.tell("dry", "grow")
    t.moral("seed", evening=False)


def cake(t):
    t.friend()
    t.third()
    minutes = number(t.draw.pick((20, 30, 40, 45, 50, 60)))
    miss = t.draw.pick(("milk", "honey", "salt", "vanilla", "cream"))
    t.set(miss=miss, Miss=miss.capitalize(), minutes=minutes, Minutes=minutes.capitalize())
    t.tell("cake", "borrow")
    t.paragraph()
    t.tell("oven", "eat")
    t.moral("cake")


def skill(t):
    t.friend()
    what, clumsy = t.draw.pick(SKILLS)
    clumsy = clumsy.format(**t.fields)
    weeks = number(t.draw.between(2, 8))
    t.set(skill=what, Clumsy=clumsy, clumsyl=clumsy[0].lower() + clumsy[1:], weeks=weeks, Weeks=weeks.capitalize())
    t.tell("skill", "badstart")
    t.paragraph()
    t.tell("teach", "cando")
    t.moral("skill", evening=False)


def home(t):
    t.friend(family=True)
    lure = t.draw.pick([lure for lure in LURES if not lure.endswith(t.kind)])
    t.set(lure=lure, Lure=lure.capitalize())
    t.tell("follow", "dusk")
    t.paragraph()
    t.tell(t.draw.pick(("clue.stream", "clue.star", "clue.bell")), "home")
    t.moral("home", evening=False)


def river(t):
    t.friend()
    t.tell("bridge", "attempt")
    t.paragraph()
    t.tell(t.draw.pick(("cross.raft", "cross.tree")), "arrive")
    t.moral("bridge", evening=False)


# plot: function, topic, the things that fit if the story is about a thing, abilities that the hero must not have
PLOTS = {"build": (build, "building something", None, ()), "garden": (garden, "a seed", None, ()), "cake": (cake, "a cake", None, ()), "skill": (skill, "learning something new", None, ()),
         "home": (home, "getting lost", None, ()), "river": (river, "crossing a river", None, ("swim", "fly"))}
