# Other ways to put a user's question, for training: contractions, American spelling, lower case, other question words, words before it.
# The held-out templates stay as they are. SWAPS with a capital are for the beginning of a question, and others for any place.
SWAPS = (("What is", "What's"), ("Who is", "Who's"), ("Where is", "Where's"), ("I would", "I'd"), ("Why", "For what reason"), ("Where did", "At which place did"), ("How did", "In what way did"),
         ("Who ", "Who in the story "), ("Can you", "Could you"), ("Tell me", "Please tell me"), ("colour", "color"), ("favourite", "favorite"))
BEFORE = ("I have a question: ", "Please answer this: ", "One more question. ", "Question: ", "I wonder: ", "Say, ")
LOWERED = ("Wh", "How", "In ", "Can", "Tell", "Say", "Name", "Is ", "Do", "Make", "Write", "Give", "I ")  # names keep their capital
LONGEST = 120  # characters of a question; a longer paragraph belongs to a story


def swapped(question):
    """The question with each of SWAPS that fits."""
    return [question.replace(old, new, 1) for old, new in SWAPS if question.startswith(old) or old.islower() and old in question]


def reworded(d, content):
    """A user's message with its last paragraph put in another way, if that is a question. A story may come after the question; then nothing changes."""
    before, gap, question = content.rpartition("\n\n")
    if len(question) > LONGEST or before and len(content.partition("\n\n")[0]) <= LONGEST:
        return content
    choices = swapped(question)
    how = d.random()
    if choices and how < 0.6:
        question = d.pick(choices)
    elif how < 0.75 and question.startswith(LOWERED):
        question = question[0].lower() + question[1:]
    elif how < 0.85:
        question = question.rstrip("?.")
    elif question.endswith("?") and not before:
        question = d.pick(BEFORE) + question
    return before + gap + question
