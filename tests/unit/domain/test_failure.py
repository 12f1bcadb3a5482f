"""The failure table: what an answer means, in two columns, and in words for the operator."""

import pytest

from engine.domain.failure import POST_RULES, REJECT_SENTENCES, PostClass, reject_sentence

DOCUMENTED_REFUSALS = (
    "Invalid order payload",
    "the order owner has to be the owner of the API KEY",
    "the order signer address has to be the address of the API KEY",
    "'0x19E7E376E7C213B7E7e7e46cc70A5dD086DAff2A' address banned",
    "'0x19E7E376E7C213B7E7e7e46cc70A5dD086DAff2A' address in closed only mode",
    "maker address not allowed, please use the deposit wallet flow",
    "order_version_mismatch",
    "order 0xabc is invalid. Price (0.3105) breaks minimum tick size rule: 0.001",
    "order 0xabc is invalid. Size (3) lower than the minimum: 5",
    "order 0xabc crosses the book",
    "invalid post-only order: order crosses book",
    "not enough balance / allowance",
    "not enough balance / allowance: the balance is not enough -> balance: 0, order amount: 5000000",
    "not enough balance / allowance: the allowance is not enough -> allowance: 0, order amount: 5000000",
    "invalid expiration",
    "invalid nonce",
    "order canceled in the CTF exchange contract",
    "order couldn't be fully filled. FOK orders are fully filled or killed.",
    "no orders found to match with FAK order. FAK orders are partially filled or killed if no match is found.",  # noqa: E501 - exact text
    "the market is not yet ready to process new orders",
    "Too many orders in payload: 16, max allowed: 15",
    "Unauthorized/Invalid api key",
)
"""Exact texts of protocol 4.5 that say a definite no to an order."""


@pytest.mark.parametrize("text", DOCUMENTED_REFUSALS)
def test_every_documented_refusal_has_a_sentence(text):
    sentence = reject_sentence(text)

    assert sentence is not None, f"add a row to REJECT_SENTENCES for {text!r}"
    assert sentence != text


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("order 0xabc is invalid. Price (0.3105) breaks minimum tick size rule: 0.001", "tick"),
        ("order 0xabc is invalid. Size (3) lower than the minimum: 5", "minimum"),
        ("not enough balance / allowance", "balance"),
        ("invalid expiration", "clock"),
        ("the order owner has to be the owner of the API KEY", "key"),
    ],
)
def test_reject_sentence_tells_what_to_look_at(text, word):
    assert word in (reject_sentence(text) or "")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "order 0xabc is invalid. Duplicated.",
        "could not insert order",
        "order timed out",
        "order match delayed due to market conditions",
        "<html>502</html>",
    ],
)
def test_a_text_that_proves_nothing_has_no_sentence(text):
    """Duplicated and the 500s say neither alive nor dead, so they must not read as a refusal."""
    assert reject_sentence(text) is None


def test_every_row_of_the_catalogue_can_be_found():
    for fragment, sentence in REJECT_SENTENCES:
        assert reject_sentence(f"before {fragment} after") == sentence


def test_every_class_has_a_rule():
    assert set(POST_RULES) == set(PostClass)


@pytest.mark.parametrize(
    ("kind", "same_bytes_may_follow", "outcome_unknown"),
    [
        (PostClass.ACCEPTED, False, False),
        (PostClass.REFUSED, False, False),
        (PostClass.DUPLICATED, False, True),
        (PostClass.DEFERRED, True, False),
        (PostClass.NOT_SENT, True, False),
        (PostClass.UNKNOWN, False, True),
    ],
)
def test_both_columns_of_every_class_are_those_of_the_specification(
    kind, same_bytes_may_follow, outcome_unknown
):
    rule = POST_RULES[kind]

    assert rule.same_bytes_may_follow is same_bytes_may_follow
    assert rule.outcome_unknown is outcome_unknown


def test_nothing_unknown_may_simply_be_sent_again():
    assert not [
        kind for kind, rule in POST_RULES.items() if rule.outcome_unknown and rule.same_bytes_may_follow
    ]
