# Openings, details, endings, days and grown-ups of the stories.
from grammar import Lines

SHE, HE = ("she", "her", "her", "herself"), ("he", "him", "his", "himself")

OPEN = Lines("""
Once upon a time, there was {who} who lived {in}.
Once upon a time, {who} lived {in}.
There was once {who}. {S} lived {in}<|, not far from the old oak|, in a little house with a round door>.
{Who} lived {in}.
{In}, there lived {who}.
Long ago, {who} lived {in}.
This is the story of {who} who lived {in}.
A long time ago, {who} lived {in}.
This story is about {who}. {S} lived {in}.
Let me tell you about {who}. {S} lived {in}.
Listen to the story of {who}, whose home was {in}.
{Who} had a home {in}.
<In those days|Once>, there was {who} {in}.
~ Many years ago, {in}, there was {who}.
~ Do you know the story of {who}? {S} lived {in}.
""")
DETAIL = Lines("""
{S} got up early every day and said good morning to the sun.
{P} home was small, but it was <clean and warm|the best place in the world>.
Every evening, {s} sat outside and counted the stars.
Everybody there knew {o}.
{S} liked long walks, <warm bread|ripe berries> and <old songs|good stories>.
{S} sang while {s} worked and hummed while {s} rested.
In summer it was hot there, and in winter the snow lay deep.
{S} was never bored, because there was always something to see.
{S} had {eyes} eyes and <a loud laugh|a soft voice|quick feet>.
On clear days, {s} could see all the way to the mountains.
{S} often dreamed of <great adventures|far countries|strange animals>.
{P} neighbours said that nobody laughed as <often|heartily> as {s} did.
~ {S} asked a hundred questions a day and listened to the answers.
~ When the wind blew from the south, {s} could smell the flowers of the valley.
""")
END = Lines("""
That evening, {h} fell asleep with a smile.
That night, {h} slept <soundly|better than ever>.
And if you pass by, you can hear them laugh.
It was a day that {h} never forgot.
The sun went down, and it was a good day.
~ Later, {h} often told this story.
""")
LATER = Lines("""
{H} never forgot that time.
{H} still likes to tell this story.
And that is <how it was|the whole story>.
~ Later, {h} often told this story.
""")
DAY = ("One day", "One morning", "One afternoon", "On Monday", "On Tuesday", "On Wednesday", "On Thursday", "On Friday", "On Saturday", "On Sunday", "One spring day",
       "One fine day", "One summer morning", "One autumn day")
PEOPLE = (("an old woman", "the old woman", SHE), ("an old man", "the old man", HE), ("a farmer", "the farmer", HE), ("a baker", "the baker", HE), ("a gardener", "the gardener", SHE),
          ("a miller", "the miller", HE), ("a fisherman", "the fisherman", HE), ("a teacher", "the teacher", SHE), ("a carpenter", "the carpenter", HE), ("a weaver", "the weaver", SHE))
