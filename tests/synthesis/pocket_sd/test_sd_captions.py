"""Captions and their tokens: a defect is never left out, every word of ours is one token, every other word spells."""

from __future__ import annotations

import numpy as np
import pytest

from defectlab.data.surfaces.defects import DEFECTS
from defectlab.data.surfaces.materials import HELD_OUT_MATERIALS, MATERIALS
from defectlab.synthesis.pocket_sd.captions import (
    DEFECT_PHRASES,
    GREY,
    MATERIAL_WORDS,
    Facts,
    caption,
    colour_words,
    invented_word,
    vocabulary,
)
from defectlab.synthesis.pocket_sd.network import encode_captions
from defectlab.synthesis.pocket_sd.tokenizer import MAX_LENGTH, learn_merges, make_tokenizer


@pytest.fixture(scope="module")
def tokenizer():
    return make_tokenizer(vocabulary())


def captions(facts, n=80):
    rng = np.random.default_rng(0)
    return [caption(rng, facts) for _ in range(n)]


@pytest.mark.parametrize("defect", DEFECTS)
def test_a_defect_is_always_said(defect):
    texts = captions(Facts("wood", (1, 1, 1), 0.5, defect))
    assert all(any(phrase in text for phrase in DEFECT_PHRASES[defect]) for text in texts)
    assert len(set(texts)) > 40


def test_a_clean_surface_is_never_said_to_have_a_defect():
    bad = {word for name in DEFECTS for phrase in DEFECT_PHRASES[name] for word in phrase.split()} - {"with", "a"}
    for text in captions(Facts("cast", (1.2, 1.0, 0.8), 0.2)):
        assert not bad & set(text.split())


def test_material_colour_and_brightness_are_said_in_part():
    texts = captions(Facts("stone", (0.7, 1.0, 1.4), 0.8), n=200)
    for words, least, most in ((("stone", "rock"), 0.45, 0.75), (("blue", "bluish"), 0.3, 0.7)):
        share = np.mean([any(word in text.split() for word in words) for text in texts])
        assert least < share < most
    assert any("bright" in text for text in texts) and not any("dark" in text for text in texts)


def test_the_prompts_of_the_paper_are_among_the_wordings():
    texts = captions(Facts("brushed", (1, 1, 1), 0.5, "crack"), n=400)
    assert any(text.split()[1:] == ["background", "cracked"] and len(text.split()) == 3 for text in texts)


def test_colours_have_their_names():
    assert colour_words((1, 1.0, 0.97)) == GREY
    assert "brown" in colour_words((1.3, 1.0, 0.7))
    assert "green" in colour_words((0.8, 1.2, 0.8)) and "red" in colour_words((1.4, 0.8, 0.9))


def test_materials_are_all_those_that_are_not_held_out():
    assert set(MATERIAL_WORDS) == set(MATERIALS) - set(HELD_OUT_MATERIALS)
    assert set(DEFECT_PHRASES) == {*DEFECTS, "good"}
    words = {word for phrases in MATERIAL_WORDS.values() for phrase in phrases for word in phrase.split()}
    assert not words & set(HELD_OUT_MATERIALS)


def test_every_word_of_ours_is_one_token(tokenizer):
    for word in vocabulary():
        assert len(tokenizer(word).input_ids) == 3, word  # start, word, end


def test_any_text_tokenises_to_known_pieces_and_back(tokenizer):
    for text in ("skt background cracked", "ünïcode 漢字", "(50%) don't!", "commutator 7"):
        ids = tokenizer(text).input_ids
        assert tokenizer.unk_token_id not in ids[1:-1]
    ids = tokenizer("Commutator  CRACKED").input_ids
    assert tokenizer.decode(ids, skip_special_tokens=True) == "commutator cracked"


def test_long_and_empty_captions_fill_the_same_length(tokenizer):
    ids = encode_captions(tokenizer, ["", "background " * 99])
    assert ids.shape == (2, MAX_LENGTH)
    assert ids[0, 0] == tokenizer.bos_token_id and (ids[0, 1:] == tokenizer.eos_token_id).all()
    assert ids[1, -1] == tokenizer.eos_token_id


def test_the_vocabulary_does_not_depend_on_the_order_of_the_words(tokenizer):
    again = make_tokenizer(reversed(vocabulary()))
    assert again.get_vocab() == tokenizer.get_vocab()
    assert tokenizer.model_max_length == MAX_LENGTH


def test_a_saved_tokenizer_comes_back(tokenizer, tmp_path):
    tokenizer.save_pretrained(tmp_path)
    again = type(tokenizer).from_pretrained(tmp_path)
    text = "skt brushed steel background, scratched"
    assert again(text).input_ids == tokenizer(text).input_ids


def test_merges_follow_the_most_frequent_pair():
    # "ab" stands in three words, all other pairs in fewer
    assert learn_merges(["abc", "abd", "xabc"])[0] == ("a", "b")
    assert learn_merges(["ab", "ab"]) == [("a", "b</w>")]


def test_invented_words_are_short_and_differ():
    rng = np.random.default_rng(0)
    words = {invented_word(rng) for _ in range(50)}
    assert len(words) > 40 and all(2 <= len(word) <= 5 and word.isalpha() for word in words)
