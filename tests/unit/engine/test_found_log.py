"""Found: forms in which a secret still passes the log."""

import json
import logging
import urllib.parse

import pytest

from engine.log import JsonLines, Redactor

TOKEN = "123456789:" + "AAEhBOweik6ad9r_QXMENQjcrGbqCr4K-bc"


def cleaner(*secrets: str) -> Redactor:
    redactor = Redactor()
    for secret in secrets:
        redactor.register(secret)
    return redactor


def test_an_unregistered_token_in_a_bot_api_url_is_hidden():
    """`/bot<token>/`: the digits follow a letter, so there is no word boundary before them."""
    url = f"https://api.telegram.org/bot{TOKEN}/sendMessage"

    assert TOKEN not in cleaner().clean(url)


@pytest.mark.parametrize("secret", ["abc+/def==12345", "correct horse battery staple", "k:y/with?signs&more"])
def test_a_secret_in_its_url_form_is_hidden(secret):
    """Invariant I20: no secret or its hex, base64 or url form in any artefact."""
    for quoted in (urllib.parse.quote(secret, safe=""), urllib.parse.quote_plus(secret)):
        assert quoted not in cleaner(secret).clean(f"GET /?key={quoted}")


@pytest.mark.parametrize("secret", ['with "quotes" inside', "back\\slash\\secret", "two\nlines of key"])
def test_a_secret_that_json_escapes_is_hidden_in_a_line(secret):
    record = logging.LogRecord("x", logging.INFO, "f", 1, "key %s", (secret,), None)

    line = JsonLines(cleaner(secret)).format(record)

    assert secret not in json.loads(line)["message"]


def test_the_longest_form_of_a_secret_goes_first():
    """Else the outcome depends on the order of a set: `0x[hidden]` today, `[hidden]` tomorrow."""
    key = "0x" + "11" * 32

    assert cleaner(key).clean(f"key {key}") == "key [hidden]"


def test_hex_in_capitals_is_hidden_too():
    key = "0x" + "ab" * 32

    assert key[2:].upper() not in cleaner(key).clean(f"key {key.upper()}")
