"""The tokeniser of `pocket-sd`: CLIP's, with a vocabulary of our own words over all bytes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from itertools import pairwise
from typing import Any

from tokenizers.pre_tokenizers import ByteLevel
from transformers import CLIPTokenizer

MAX_LENGTH = 32
"""Tokens of a prompt with start and end; more are cut off."""
START, END = "<|startoftext|>", "<|endoftext|>"
END_OF_WORD = "</w>"


def make_tokenizer(words: Iterable[str]) -> CLIPTokenizer:
    """A tokeniser that knows each of the words as one token and spells every other word in pieces, down to bytes.

    Args:
        words: lower-case ASCII words; their order does not matter.
    """
    merges = learn_merges(words)
    letters = sorted(ByteLevel.alphabet())
    pieces = [*letters, *(letter + END_OF_WORD for letter in letters), *("".join(pair) for pair in merges)]
    vocabulary = {piece: i for i, piece in enumerate(dict.fromkeys((*pieces, START, END)))}
    tokenizer: Any = CLIPTokenizer  # its annotation of merges leaves out the pairs that it wants
    return tokenizer(vocab=vocabulary, merges=merges, model_max_length=MAX_LENGTH)


def learn_merges(words: Iterable[str]) -> list[tuple[str, str]]:
    """Byte-pair merges, in order, after which each word is one piece (Sennrich et al. 2016, Algorithm 1)."""
    spelt = [[*word[:-1], word[-1] + END_OF_WORD] for word in sorted(set(words))]
    merges = []
    while pairs := Counter(pair for pieces in spelt for pair in pairwise(pieces)):
        best = min(pairs, key=lambda pair: (-pairs[pair], pair))  # the alphabet settles ties
        merges.append(best)
        spelt = [_merge(pieces, best) for pieces in spelt]
    return merges


def _merge(pieces: list[str], pair: tuple[str, str]) -> list[str]:
    merged: list[str] = []
    for piece in pieces:
        if merged and (merged[-1], piece) == pair:
            merged[-1] += piece
        else:
            merged.append(piece)
    return merged
