"""General knowledge of a tiny model: capitals, opposites, colours, days and months."""

from __future__ import annotations

CAPITALS = {
    "France": "Paris", "Germany": "Berlin", "Italy": "Rome", "Spain": "Madrid", "Portugal": "Lisbon",
    "Austria": "Vienna", "Greece": "Athens", "Poland": "Warsaw", "Norway": "Oslo", "Sweden": "Stockholm",
    "Finland": "Helsinki", "Denmark": "Copenhagen", "Ireland": "Dublin", "Japan": "Tokyo", "China": "Beijing",
    "India": "New Delhi", "Russia": "Moscow", "Egypt": "Cairo", "Canada": "Ottawa", "Mexico": "Mexico City",
    "Brazil": "Brasilia", "Argentina": "Buenos Aires", "Peru": "Lima", "Chile": "Santiago", "Cuba": "Havana",
    "Turkey": "Ankara", "Iran": "Tehran", "Kenya": "Nairobi", "Hungary": "Budapest", "Belgium": "Brussels",
    "Switzerland": "Bern", "Australia": "Canberra", "Thailand": "Bangkok", "Vietnam": "Hanoi",
    "Iceland": "Reykjavik", "the Netherlands": "Amsterdam", "the United States": "Washington",
    "the United Kingdom": "London", "South Korea": "Seoul",
}  # fmt: skip


_PAIRS = """hot cold,big small,up down,left right,fast slow,good bad,happy sad,open closed,day night,black white,
old young,rich poor,hard soft,light dark,long short,high low,wet dry,full empty,strong weak,early late,first last,
loud quiet,clean dirty,true false,thick thin""".replace("\n", "")
OPPOSITES = {
    one: other
    for pair in (text.split() for text in _PAIRS.split(","))
    for one, other in (pair, pair[::-1])
}  # fmt: skip
COLOURS_OF = {
    "the sky": "Blue", "grass": "Green", "blood": "Red", "snow": "White", "coal": "Black", "the sun": "Yellow",
    "the sea": "Blue", "milk": "White", "chocolate": "Brown", "a carrot": "Orange", "a banana": "Yellow",
    "a tomato": "Red", "a leaf": "Green", "a lemon": "Yellow", "a cloud": "White",
}  # fmt: skip
DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
MONTHS = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November",
    "December",
)  # fmt: skip

CAPITAL_ASKED = (
    "What is the capital of {}?", "What's the capital of {}?", "Which city is the capital of {}?", "Capital of {}?",
    "Tell me the capital of {}.", "Name the capital of {}.", "Do you know the capital of {}?",
)  # fmt: skip
OPPOSITE_ASKED = (
    "What is the opposite of {}?", "What's the opposite of {}?", "Opposite of {}?", "Tell me the opposite of {}.",
    "Give me the opposite of {}.", "Name the opposite of {}.",
)  # fmt: skip
COLOUR_ASKED = (
    "What colour is {}?", "Which colour is {}?", "What color is {}?", "Tell me the colour of {}.",
    "What is the colour of {}?",
)  # fmt: skip
NEXT_ASKED = ("What {unit} comes {side} {name}?", "Which {unit} is {side} {name}?", "What {unit} is {side} {name}?")

# Wordings that training never shows: for the validation set, for the held-out one.
CAPITAL_UNSEEN = ("The capital of {}?", "Which is the capital city of {}?")
OPPOSITE_UNSEEN = ("The opposite of {}?", "Which word is the opposite of {}?")
COLOUR_UNSEEN = ("The colour of {}?", "Which colour does {} have?")

UNKNOWN = "I am only a tiny demo model and I do not know that."
UNKNOWN_ASKED = (
    "Who won the world cup in {year}?", "Write a poem about {word}.", "What is the meaning of life?",
    "Who is the president of {country}?", "What happened in {year}?", "How tall is {name}?",
    "Write an essay about {word}.", "Solve this equation.", "Summarize this article about {word}.",
    "What is the best {word}?", "Translate {word} into Latin.", "Who wrote the book about {word}?",
    "How do I cook {word}?", "Why is {word} so expensive?", "What is the population of {country}?", "Who is {name}?",
    "Give me advice about {word}.", "How far is the moon?", "What should I eat today?",
    "Write Python code for {word}.", "When was {name} born?", "How many people live in {country}?",
    "What do you think about {word}?", "Can you draw {word}?", "Fix the bug in my {word} code.",
    "Where is {name} now?", "Which {word} should I buy?", "What is {number} plus {other}?",
    "How much is {number} + {other}?",
    "What is {number} times {other}?",
)  # fmt: skip
