# Plots about two who meet: sharing food, shelter from a storm, a sick friend, a race, a newcomer, fear of the night, a false alarm.
from grammar import events, number, plural

EVENTS = events("""
@picked
{Day}, {h} had {n} {foods} in a basket<| for lunch>. On the way home, {s} met {fwho}, who <had nothing to eat|was very hungry>.
{Day}, {h} picked {n} {foods}. {S} was about to eat the first one when {fwho} came by, tired and hungry.
~ {H} had {n} {foods} for the journey. At the side of the path sat {fwho} with an empty stomach.
= {H} had {n} {foods} and met {fwho}, who was hungry.
? <How many {foods} did {h} have at first|How many {foods} were there at first|With how many {foods} did {h} begin|How many {foods} did {h} have before|How many {foods} did {h} have in the beginning>? || {N} || At first, {h} had {n} {foods}.
? <Who was hungry|Who wanted something to eat|Whose stomach was empty|Who had nothing to eat|Who needed food>? || {F} || {F} was hungry.
@shares
{H} thought about it. {S} liked {foods} very much. But then {s} gave {f} {m} of them and kept {k}.
"Here, take {m}," said {h}. "That leaves {k} for me, and that is enough." They sat down and ate together.
~ "It is no fun to eat alone," said {h}, who handed {m} {mfoods} to {f} and kept {k}.
= {H} gave {f} {m} {mfoods} and kept {k}.
? <How many {foods} did {h} give away|How many {foods} did {h} give to {f}|How many {foods} were given away|What number of {foods} did {h} give|How many {foods} did {f} get>? || {M} || {H} gave away {m} {mfoods}.
? <How many {foods} did {h} keep|How many {foods} did {h} have in the end|How many {foods} did {h} have after that|How many {foods} remained|How many {foods} were left for {h}>? || {K} || {H} kept {k}, because {n} minus {m} is {k}.
@repay.path
A week later, {h} <got lost in the fog|could not find the way home in the snow>. {S} called for help. {F} knew the voice, came running and led {o} home.
= A week later, {h} was lost, and {f} led {o} home.
? <What happened to {h} a week later|What happened a week after that|In what trouble was {h} later|Why did {h} need help a week later|What trouble was {h} in a week later>? || {S} got lost || A week later, {h} got lost, and {f} led {o} home.
@repay.rope
A week later, {h} slipped and fell into a ditch with steep sides. {S} could not get out alone. {F} heard the shouts, let down a rope and pulled {o} out.
= A week later, {h} fell into a ditch, and {f} pulled {o} out.
? <What happened to {h} a week later|What happened a week after that|In what trouble was {h} later|Why did {h} need help a week later|What trouble was {h} in a week later>? || {S} fell into a ditch || A week later, {h} fell into a ditch, and {f} pulled {o} out.
@repay.end
"You shared with me when I was hungry," said {f}. "Now I could help you."
"I have not forgotten the {foods}," {fs} said and <smiled|winked>.
@share.moral
= {Who} shared {p} {foods} with {fwho}, who helped {o} later.
Those who share will find friends when they need them.
Kindness comes back.
@storm
{Day}, {h} was far from home when black clouds covered the sky. It thundered, and the rain poured down.
{Day}, {h} went for a long walk. Suddenly the wind grew cold, the sky turned black, and it began to <rain|hail>.
~ {Day}, the air was hot and still, and {h} was far from home. Then lightning flashed, and a heavy rain began.
= {H} was caught in a storm.
? <What was the weather like|How was the weather|What kind of weather was it|What happened to the weather>? || Stormy || There was a storm.
@knock
{S} ran until {s} saw a light. It was the house of {fwho}. {H} knocked at the door<|, wet and shivering>.
Soon {s} was wet to the skin. Then {s} came to a small house, where {fwho} lived. {S} knocked softly.
= {S} knocked at the door of {fwho}.
? <Whose house did {h} come to|Whose house was it|To whose house did {h} come|At whose door did {h} knock|Who lived in the house>? || {F} || It was the house of {f}.
@inside
"Come in, come in!" said {f}. {FS} gave {o} a dry towel and a bowl of hot soup. They sat by the fire and told each other stories until the storm was over.
{F} opened the door and did not ask a single question. {FS} put more wood on the fire and made tea. When {h} was warm again, the two began to talk.
= {F} let {o} in and gave {o} something warm.
? <What did {f} do for {h}|How was {f} kind to {h}|What happened when {h} knocked|What did {f} do|How did {f} help {h}>? || {FS} let {o} in || {F} let {h} in and gave {o} something warm.
@after
The next day, {h} came back with <a basket of {foods}|a bunch of flowers>. "This is for you," {s} said, "because you did not leave me outside."
In spring, the wind damaged {f}'s roof. {H} came with <boards and nails|a ladder> and mended it. "This is my thanks for that night," {s} said.
= Later, {h} came back to thank {f}.
? <Why did {h} come back|Why did {h} return|What did {h} come back for|Why did {h} visit {f} again|For what reason did {h} come back later>? || To thank {f} || {H} came back to thank {f}.
@storm.moral
= {Who} was caught in a storm and found shelter with {fwho}.
An open door makes a friend.
A warm welcome is never forgotten.
@sick
{Day}, {h} waited for {p} friend {f} by the gate, as always. But {f} did not come. {H} went to look and found {fo} in bed with a <fever|bad cold>.
{H} and {f} met every day. But {day}, {fs} stayed at home, because {fs} had <caught a cold|a sore throat>.
= {H} heard that {p} friend {f} was ill in bed.
? <Who was ill|Who did not feel well|Who had to stay in bed|Who was the sick one|Who was in bed>? || {F} || {F} was ill.
? <Why did {f} stay at home|Why did {f} not come out|Why did {f} have to rest|What was wrong with {f}|Why was {f} in bed>? || Because {fs} was ill || {F} stayed at home because {fs} was ill.
@soup
{H} cooked a soup of carrots and onions, and {s} carried it over carefully so that not a drop was spilled. {S} also read {fo} a story.
"You must drink a lot and sleep a lot," said {h}. {S} brought tea with honey, opened the window and sat by the bed.
= {H} brought {fo} something warm and sat with {fo}.
? <What did {h} do for {f}|How did {h} help {f}|What did {h} bring|How was {h} good to {f}|How did {h} look after {f}>? || {S} brought something warm || {H} brought {f} something warm and sat by the bed.
@better
After {days} days, {f} was well again. They ran across the meadow and <laughed|raced each other to the big stone>.
{F} slept a great deal. After {days} days, {fs} got up, opened the door and said, "I am hungry!" That was how {h} knew that {f} was well again.
= After {days} days, {f} was well again.
? <After how many days was {f} well|How many days did it take until {f} was well|When was {f} well again|After how much time was {f} well|How many days was {f} ill|How long did it take until {f} was well>? || {Days} || After {days} days, {f} was well again.
@sick.moral
= {Who} looked after a friend who was ill.
Good company is half the medicine.
Friends are there on bad days, too.
@boast
{F} could run faster than anyone else, and {fs} talked about it all day. "Nobody can beat me," {fs} said. "I can, if I do not stop," said {h}. So they agreed on a race to <the mill|the old bridge>.
{Day}, {f} laughed at {h}. "You are so slow!" {fs} said. "Then let us have a race," {h} answered quietly.
= {H} was laughed at by {f}, so they agreed on a race.
? <What did they agree on|What did they want to do|What did they do to see who was better|In what did they compete|What kind of contest did they have>? || A race || They agreed on a race.
? <Who was faster|Who ran faster than the other|Who was the better runner|Who could run very fast|Which of the two could run faster>? || {F} || {F} was faster.
@race
At the start, {f} was far ahead. {FS} looked back and saw nobody, so {fs} lay down under a tree and <fell asleep|took a nap>. {H} walked on, step by step, and did not stop once.
{F} ran off like the wind. Halfway, {fs} found some sweet {foods} and stopped to eat. {FS} thought there was plenty of time. But {h} went on and on and passed {fo} without a sound.
= {F} was ahead but stopped on the way, and {h} went on.
? <Why did {f} lose|How did {f} lose the race|Why was {f} too late|For what reason did {f} lose|Why did {f} not win>? || Because {fs} stopped || {F} lost because {fs} stopped on the way.
@win
When {f} came running, {h} was already <sitting at the finish|at the finish>. "You won," {f} had to say. {FS} never laughed at {h} again.
{F} ran as fast as {fs} could, but it was too late. {H} had won. "Well done," said {f}, who felt a little ashamed.
= {H} won the race.
? <Who won the race|Who was the fastest in the end|Who came in first|Who was first at the finish|Who was the winner>? || {H} || {H} won the race.
@race.moral
= {Who} won a race against {fwho} because {s} did not stop.
Slow and steady wins the race.
It is not enough to be fast; you must also keep going.
@newcomer
{Day}, {fwho} moved into the empty house next door. {F} was new and knew nobody. {FS} <sat on the steps alone|watched the others play from the window>.
{Day}, {h} saw {fwho} that {s} had never seen before. {F} had just moved here and had no friends yet.
= {Fwho} moved in next door and knew nobody.
? <Who moved in|Who came to live there|Who was the newcomer|Who had just arrived|Who was new>? || {F} || {F} was new and knew nobody.
? <Why was {f} alone|Why did {f} play alone|Why had {f} no friends yet|Why did {f} have no company>? || Because {fs} was new || {F} was alone because {fs} was new and knew nobody.
@shy
{H} wanted to say hello, but {s} was too shy. {S} walked past the house three times. At last {s} <took a deep breath|was brave enough> and knocked.
"Go and say hello," {h} told {r}. {P} heart was beating fast, but {s} knocked at the door.
= {H} was shy, but {s} knocked at the door.
? <Was {h} shy at first|Did {h} feel shy|Was {h} a little shy in the beginning|Was it hard for {h} to knock|Was {h} shy>? || Yes || {H} was shy, but {s} knocked.
@play
"Do you want to <play|go fishing|build a den> with me?" {s} asked. {F} smiled for the first time that day. "I hoped somebody would ask," {fs} said.
"I have some {foods}," {s} said. "Would you like some?" They ate on the steps, and soon they were talking and laughing.
= They spent the day together and became friends.
? <What became of {h} and {f}|What did they become|What happened between {h} and {f}|What were {h} and {f} in the end>? || Friends || They became friends.
@newcomer.moral
= {Who} made friends with {fwho} who was new.
One small hello can begin a long friendship.
Somebody has to take the first step.
@noise
One night, {h} was woken by a noise. Something was <scratching|tapping> at the window. {S} pulled the blanket over {p} head and <did not dare to move|trembled>.
{H} was afraid of the dark. One night, {s} saw something tall that waved its arms outside. "A monster!" thought {h}, who could not sleep.
= One night, {h} was frightened by something at the window.
? <When was {h} frightened|When did {h} hear the noise|When was {h} scared|At which time was {h} afraid|At what time of day was {h} frightened>? || At night || {H} was frightened at night.
@tells
In the morning, {s} told {f} about it. "Tonight I will stay with you," said {f}, "and we will look together."
{F}, who lived nearby, promised to help. "We will find out what it is," {fs} said. The next night, they waited together.
= {S} told {f} about it, and they waited together.
? <Whom did {h} tell about it|To whom did {h} talk about it|Who heard about it from {h}|Who listened to {h}|Who stayed with {h} the next night>? || {F} || {H} told {f}.
@look
When it came again, they opened the window and <held up a lamp|looked out>. It was only a branch of the old {tree} that moved in the wind! They laughed until their sides hurt.
They went out with a lamp. There was no monster. It was the {tree} in front of the house, and the wind moved its branches.
= It was only the branch of {atree}.
? <What was it really|What made the noise|What was the noise|What did they find outside|What had frightened {h}>? || A branch || It was only the branch of {atree} that moved in the wind.
@brave
After that, {h} slept well. When {s} hears the branch now, {s} <says good night to it|only smiles>.
From then on, {h} was no longer afraid of the dark, because {s} knew what was there.
= After that, {h} was no longer afraid.
? <Is {h} still afraid|Was {h} afraid in the end|Is {h} afraid now|Does the dark still frighten {h}|Was {h} still afraid at the end>? || No || No, {h} was no longer afraid.
@noise.moral
= {Who} was afraid of a noise at night, but it was only a branch.
What we understand frightens us less.
Look at what you fear, and it grows small.
@prank
{H} had to watch the {flock} on the hill. It was dull work. So {s} shouted, "Help! <A wolf|The wolf> is here!" {F} came running at once, but there was no wolf. {H} laughed.
= {H} shouted that a wolf was there, but it was a joke.
? <Was there a wolf the first time|Did a wolf come the first time|Was there really a wolf at first|Was the wolf there when {h} called first|Was the first alarm true>? || No || No, {h} only made a joke.
? <What did {h} have to watch|What did {h} look after|Which animals were there to watch|What was {h}'s work|Which animals did {h} have to watch>? || {The} {flock} || {H} had to watch the {flock}.
@again
The next day, {s} did it again, and {f} came again with a stick in {fp} hand. "That is not funny," {fs} said and went back to work.
Two days later, {h} played the same trick. This time, {f} was angry. "Do not call me when you do not need me," {fs} said.
= {S} played the trick again, and {f} was angry.
@wolf
Then a wolf really came out of the forest. {H} shouted with all {p} strength, but nobody came, because {f} thought it was another joke. The wolf chased the {flock} in all directions, and it took until night to find them again.
= Then a wolf really came, and nobody believed {o}.
? <Why did {f} not come when the wolf was there|Why did {f} not help {h}|Why did {f} stay away|For what reason did {f} not come|Why did nobody help when the wolf was there>? || Because {fs} thought it was a joke || {F} did not come because {fs} thought it was another joke.
@promise
"I am sorry," said {h}. "I will never lie to you again." And {s} kept {p} word.
{H} was ashamed. {S} said sorry to {f}, and from that day on {s} told the truth.
= {H} was sorry and promised to tell the truth.
? <What did {h} promise|What did {h} say that {h} would do|What was {h}'s promise|What promise did {h} make>? || To tell the truth || {H} promised to tell the truth.
@prank.moral
= {Who} lied so often that nobody believed {o} when the wolf came.
If you lie often, nobody believes you when you tell the truth.
""")


def share(t):
    t.friend(stranger=True)
    t.food()
    have = t.draw.between(3, 12)
    given = t.draw.between(1, have - 2)
    t.set(n=number(have), m=number(given), k=number(have - given), mfoods=plural(t.fields["food1"], given))
    t.tell("picked", "shares")
    t.paragraph()
    t.tell(t.draw.pick(("repay.path", "repay.rope")), "repay.end")
    t.moral("share")


def storm(t):
    t.friend(stranger=True)
    t.food()
    t.tell("storm", "knock", "inside")
    t.paragraph()
    t.tell("after")
    t.moral("storm")


def sick(t):
    t.friend()
    days = t.draw.between(3, 9)
    t.set(days=number(days), Days=number(days).capitalize() + " days", day=t.fields["Day"][0].lower() + t.fields["Day"][1:])
    if t.fields["Day"].startswith("On "):
        t.set(day="one day")
    t.tell("sick", "soup")
    t.paragraph()
    t.tell("better")
    t.moral("sick")


def race(t):
    t.friend(among=("fox", "deer", "rabbit", "dog", "horse"))
    t.food()
    t.tell("boast", "race", "win")
    t.moral("race")


def newcomer(t):
    t.friend(stranger=True)
    t.food()
    t.tell("newcomer", "shy", "play")
    t.moral("newcomer")


TREES = ("pear tree", "apple tree", "birch", "willow", "pine", "maple")


def noise(t):
    t.friend()
    tree = t.draw.pick(TREES)
    t.set(tree=tree, atree=f"an {tree}" if tree[0] == "a" else f"a {tree}")
    t.tell("noise", "tells")
    t.paragraph()
    t.tell("look", "brave")
    t.moral("noise", evening=False)


def prank(t):
    t.friend(person=True)
    t.set(flock=t.draw.pick(("sheep", "geese", "goats", "hens", "cows")))
    t.tell("prank", "again")
    t.paragraph()
    t.tell("wolf", "promise")
    t.moral("prank")


# plot: function, topic, the things that fit if the story is about a thing, abilities that the hero must not have
PLOTS = {"share": (share, "sharing", None, ()), "storm": (storm, "a storm", None, ()), "sick": (sick, "a sick friend", None, ()), "race": (race, "a race", None, ("jump",)),
         "newcomer": (newcomer, "a new friend", None, ()), "noise": (noise, "being afraid of the dark", None, ()), "prank": (prank, "a lie", None, ("animal",))}
