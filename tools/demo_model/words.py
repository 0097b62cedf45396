"""What sentences are filled with: lists for training, others for validation and for the held-out set."""

from __future__ import annotations

import random
import re
from typing import NamedTuple

from tools.demo_model.documentation import TOPICS
from tools.demo_model.knowledge import CAPITALS

_LETTERS = re.compile("[A-Za-z]{2,}")


class Lists(NamedTuple):
    """What a set of conversations draws from. `invented` is the share of names, cities and words that are made up."""

    names: tuple[str, ...]
    cities: tuple[str, ...]
    words: tuple[str, ...]
    invented: float


def _listed(text: str) -> tuple[str, ...]:
    return tuple(text.split())


_COMMON = _listed("""apple river stone garden window paper silver winter summer cloud mountain bridge coffee tiger
rabbit pencil market forest engine rocket camera guitar piano basket bottle candle button carpet
castle circle copper corner
cotton desert dinner doctor dragon driver eagle farmer feather finger flower friend galaxy ghost hammer harbor island
jacket jungle kettle kitchen ladder lantern lemon letter lion magnet mirror monkey morning needle ocean onion orange
palace parrot pepper pillow planet pocket potato prince puzzle queen radio ribbon ring road robot saddle salad school
shadow sheep shirt shoe snake soldier spider spoon spring square station street sugar table teacher temple thunder
ticket tomato tower train tree tunnel turtle valley village violin wagon wall water whale wheel wind wolf wood yellow
zebra walks runs sings jumps reads writes drinks sleeps flies swims the a my your blue red green old new small big
happy quiet fast slow under over near with and or""")
TRAINING = Lists(
    names=_listed("""Alice Bob Carol David Emma Frank Grace Henry Irene Jack Kate Liam Mary Noah Olivia Paul Quinn Rosa
Sam Tina Uma Victor Wendy Xavier Yara Zoe Ada Alan Anna Ben Clara Daniel Elena Felix Hugo Ivan Julia Karl Laura Marco
Nina Oscar Petra Rita Simon Thomas Vera Walter Lena Lucas Mia Leon Sofia Peter George Helen James Susan Robert Linda
Michael Sarah William Emily Charles Diana"""),
    cities=(
        *sorted(set(CAPITALS.values())),
        *_listed("""Hamburg Munich Milan Lyon Boston Chicago Seattle Denver Osaka Sydney
Geneva Porto Naples Krakow Toronto Dallas Miami Mumbai Shanghai Barcelona"""),
    ),
    words=_COMMON,
    invented=0.55,
)
VALIDATION = Lists(
    names=_listed("""Agatha Bertrand Cordelia Dominik Evangeline Fergus Giovanna Horatio Isolde Joaquin Kirsten Ludmila
Matthias Nadezhda Octavia Prudence Rupert Sigrid Thaddeus Violetta"""),
    cities=_listed("Adelaide Bergen Cordoba Dakar Essen Fresno Ghent Izmir Kyoto Leipzig Malaga Odessa Perth"),
    words=_listed("acorn badger cobweb dagger easel ferret glacier hamster ivory jigsaw kernel locket"),
    invented=0.0,
)
HELD_OUT = Lists(
    names=_listed("""Gwendolyn Ottokar Mehmet Priya Chidi Yuki Ingrid Bartholomew Aoife Kwame Leilani Dmitri Esperanza
Tariq Zelda Hamish Ngozi Rajesh Svetlana Tobias Ulrich Fatima Beatrix Caspian Delphine Ezekiel Fiona Gustav Hiroshi
Imogen Jorge Katya Lorenzo Miriam Nikolai Ophelia Percival Quentin Rosalind"""),
    cities=_listed("""Aberdeen Bogota Casablanca Dresden Edmonton Florence Gothenburg Jakarta Karachi Ljubljana
Marseille Nagoya Palermo Quito Rotterdam Salzburg Tbilisi Utrecht Valencia Winnipeg Yerevan Zagreb"""),
    words=_listed("""anchor barrel cactus dolphin elbow falconer goblet hazel igloo jasmine kayak lobster mango nectar
oyster pigeon quartz raven salmon trumpet umbrella velvet walnut yogurt zipper"""),
    invented=0.0,
)
COLOURS = _listed("""red green blue yellow purple orange pink brown black white grey silver gold turquoise
violet""")
FOODS = _listed("""pizza pasta soup rice bread cheese salad sushi curry pancakes noodles beans tacos waffles
dumplings""")
_STARTS = _listed("b c d f g h j k l m n p r s t v w z br tr kr st sh th ch fl gr")
_SYLLABLES = tuple(start + vowel for start in _STARTS for vowel in _listed("a e i o u ai ea"))
_ENDS = (*_listed("n s r l x k t m th nd ra la na vin dor ton mir lia"), "", "", "")
_FRAGMENTS = tuple(
    word.lower() for word in (*TRAINING.words, *TRAINING.names, *TRAINING.cities) if len(word) > 3 and word.isalpha()
)
# The vocabulary has pieces of these too. One that nothing copied would be read, and never written.
_SAID = tuple(
    sorted({word for topic in TOPICS for text in (topic.answer, *topic.questions()) for word in _LETTERS.findall(text)})
)


class Values:
    """Draws what fills a sentence. Everything comes from one source of chance, so equal seeds give equal texts."""

    def __init__(self, chance: random.Random, lists: Lists = TRAINING) -> None:
        self.chance = chance
        self.lists = lists

    def name(self) -> str:
        return self.invented().capitalize() if self._invents() else self.chance.choice(self.lists.names)

    def city(self) -> str:
        return self.invented().capitalize() if self._invents() else self.chance.choice(self.lists.cities)

    def word(self) -> str:
        """Half of the words of the other sets are common ones, so that a sentence looks like those of training."""
        if self._invents():
            made = self.invented()
            return made.capitalize() if self.chance.random() < 0.2 else made
        common = self.lists is not TRAINING and self.chance.random() < 0.5
        return self.chance.choice(_COMMON if common else self.lists.words)

    def words(self, least: int, most: int) -> str:
        return " ".join(self.word() for _ in range(self.chance.randint(least, most)))

    def number(self, digits: int) -> str:
        """At least 1, with up to `digits` digits."""
        return str(self.chance.randint(1, 10 ** self.chance.randint(1, digits) - 1))

    def one_of(self, known: tuple[str, ...], invented: float = 0.3) -> str:
        """One of a small list, or a made-up word in its place where words may be made up."""
        rate = invented if self.lists.invented else 0.0
        return self.invented() if self.chance.random() < rate else self.chance.choice(known)

    def invented(self) -> str:
        """Real words crossed or cut and joined, random letters, syllables: so every piece of the vocabulary is copied.

        What the other sets hold back is not made, even by accident.
        """
        makers = (self._crossed, self._joined, self._letters, self._syllables)
        while True:
            made = self.chance.choices(makers, (25, 45, 10, 20))[0]()
            if made.lower() not in _KEPT_BACK:
                return made

    def _invents(self) -> bool:
        return self.chance.random() < self.lists.invented

    def _crossed(self) -> str:
        first, second = self.chance.choice(_FRAGMENTS), self.chance.choice(_FRAGMENTS)
        return first[: self.chance.randint(1, len(first) - 1)] + second[self.chance.randint(1, len(second) - 1) :]

    def _joined(self) -> str:
        return "".join(self._cut(self.chance.choice(_SAID)) for _ in range(self.chance.choice((1, 2, 2, 3))))

    def _cut(self, word: str) -> str:
        """Some of it, often from its first letter on; whole if it is short."""
        begin = self.chance.choice((0, 0, self.chance.randrange(len(word))))
        return word[begin : begin + self.chance.randint(2, 8)]

    def _letters(self) -> str:
        places = range(self.chance.randint(0, 1), self.chance.randint(3, 8))
        return "".join(self.chance.choice("aeiouy" if place % 2 else "bcdfghjklmnpqrstvwxz") for place in places)

    def _syllables(self) -> str:
        count = self.chance.choice((1, 2, 2, 2, 3))
        return "".join(self.chance.choice(_SYLLABLES) for _ in range(count)) + self.chance.choice(_ENDS)


_KEPT_BACK = {word.lower() for lists in (VALIDATION, HELD_OUT) for word in (*lists.names, *lists.cities, *lists.words)}
