"""The twenty questions of a newcomer: their answers are files that exist."""

import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
QUESTIONS = tomllib.loads((Path(__file__).parent / "newcomer.toml").read_text("utf-8"))["question"]


def test_there_are_twenty_questions():
    assert len({question["asks"] for question in QUESTIONS}) == 20


@pytest.mark.parametrize("question", QUESTIONS, ids=[question["asks"][:40] for question in QUESTIONS])
def test_every_answer_is_a_file(question):
    assert question["answer"]
    for path in question["answer"]:
        assert (ROOT / path).is_file(), path
