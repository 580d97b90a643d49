"""Turns the model's scores into lines of text."""

from config import LIMIT
from model import SCORES


def headline(word, score):
    return f"{word:<10} {score:>5.2f}"


def lines():
    best = sorted(SCORES.items(), key=lambda item: -item[1])[:LIMIT]
    return [headline(word, score) for word, score in best]
