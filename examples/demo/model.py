"""A stand-in for a model that takes long to load: it scores the words of words.txt."""

import time
from pathlib import Path

print("loading the model, this takes three seconds ...", flush=True)
time.sleep(3)


def score(word):
    """Rare letters make a word interesting."""
    weight = {letter: 1.0 for letter in "jkqvwxyz"}
    return sum(weight.get(letter, 0.1) for letter in word) / len(word)


WORDS = Path(__file__).with_name("words.txt").read_text(encoding="utf-8").split()
SCORES = {word: score(word) for word in WORDS}
