"""No secret in any line, whatever wrote it and however it is encoded."""

import base64
import io
import json
import logging

import pytest

from engine.log import JsonLines, Redactor, configure

KEY = "0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80"
TOKEN = "123456789:" + "AAEhBOweik6ad9r_QXMENQjcrGbqCr4K-bc"
PASSPHRASE = "correct horse battery staple"


@pytest.fixture
def root():
    """The root logger as it was, after the test."""
    logger = logging.getLogger()
    handlers, level = list(logger.handlers), logger.level
    yield logger
    logger.handlers[:] = handlers
    logger.setLevel(level)


@pytest.fixture
def lines(root):
    """A configured log with the key registered; call it to read what was written."""
    stream = io.StringIO()
    redactor = Redactor()
    redactor.register(KEY)
    redactor.register(PASSPHRASE)
    configure(redactor, stream=stream)
    return lambda: [json.loads(line) for line in stream.getvalue().splitlines()]


def hidden(text: str, *secrets: str) -> str:
    redactor = Redactor()
    for secret in secrets:
        redactor.register(secret)
    return redactor.clean(text)


def forms(secret: str) -> dict[str, str]:
    raw = secret.encode()
    return {
        "plain": secret,
        "without 0x": secret.removeprefix("0x"),
        "hex of the text": raw.hex(),
        "base64": base64.b64encode(raw).decode(),
        "url-safe base64": base64.urlsafe_b64encode(raw).decode(),
    }


@pytest.mark.parametrize("secret", [KEY, PASSPHRASE, "sec+ret/with~signs?>>"])
@pytest.mark.parametrize("form", list(forms(KEY)))
def test_a_registered_secret_is_hidden_in_every_encoded_form(secret, form):
    leaked = forms(secret)[form]

    assert leaked not in hidden(f"before {leaked} after", secret)


def test_text_around_a_secret_stays_readable():
    assert hidden(f"pass {PASSPHRASE} refused", PASSPHRASE) == "pass [hidden] refused"


def test_several_secrets_are_all_hidden():
    clean = hidden(f"{KEY} {PASSPHRASE} {KEY}", KEY, PASSPHRASE)

    assert clean.count("[hidden]") == 3


def test_a_text_without_secrets_is_left_alone():
    text = "order 0xabc is invalid. Price (0.3105) breaks minimum tick size rule: 0.001"

    assert hidden(text, KEY) == text


@pytest.mark.parametrize("before", ["", "token ", '"', "("])
def test_what_looks_like_a_telegram_token_is_hidden_unregistered(before):
    assert TOKEN not in hidden(f"{before}{TOKEN}")


@pytest.mark.parametrize("text", ["12:34:56", "port 127.0.0.1:8080", "1790000000000:short", "a:b"])
def test_a_time_or_an_address_is_not_taken_for_a_token(text):
    assert hidden(text) == text


def test_the_empty_secret_hides_nothing():
    assert hidden("a line", "", "abc") == "a line"


def test_a_line_is_one_json_object_with_the_fields_passed(lines):
    logging.getLogger("engine.test").warning("sent %d", 3, extra={"fields": {"plan_id": "p1", "legs": 3}})

    (line,) = lines()
    assert line["message"] == "sent 3"
    assert (line["level"], line["logger"]) == ("WARNING", "engine.test")
    assert (line["plan_id"], line["legs"]) == ("p1", 3)


def test_a_secret_in_message_arguments_and_fields_is_hidden(lines):
    logging.getLogger("x").error("key %s", KEY, extra={"fields": {"deep": {"key": KEY, "pass": PASSPHRASE}}})

    text = json.dumps(lines())
    assert KEY not in text
    assert PASSPHRASE not in text


def test_a_secret_in_an_exception_is_hidden_in_its_trace(lines):
    try:
        int(KEY[:-1] + "not hex", 16)
    except ValueError as error:
        error.add_note(f"bad key {KEY}")
        logging.getLogger("x").exception("signing failed")

    (line,) = lines()
    assert "ValueError" in line["trace"]
    assert KEY not in line["trace"]
    assert KEY.removeprefix("0x") not in line["trace"]


def test_a_secret_in_a_chained_exception_is_hidden_too(lines):
    try:
        try:
            dict[str, str]()[PASSPHRASE]
        except KeyError as inner:
            raise RuntimeError("outer") from inner
    except RuntimeError:
        logging.getLogger("x").exception("failed")

    assert PASSPHRASE not in lines()[0]["trace"]


def test_a_multi_line_message_is_still_one_line(lines):
    logging.getLogger("x").warning("one\ntwo\r\nthree")

    assert lines()[0]["message"] == "one\ntwo\r\nthree"


@pytest.mark.parametrize("library", ["httpx", "telegram.ext", "apscheduler.executors", "aiohttp.access"])
def test_libraries_that_print_urls_are_quiet_below_warning(lines, library):
    logging.getLogger(library).info("GET https://example.org/bot%s/getMe", TOKEN)
    logging.getLogger(library).warning("slow")

    assert [line["message"] for line in lines()] == ["slow"]


def test_configuring_twice_writes_every_line_once(root):
    stream = io.StringIO()
    for _ in range(2):
        configure(Redactor(), stream=stream)

    logging.getLogger("x").warning("once")

    assert stream.getvalue().count("once") == 1


def test_a_debug_line_is_left_out_unless_asked_for(root):
    stream = io.StringIO()
    configure(Redactor(), stream=stream)
    logging.getLogger("x").debug("detail")
    assert stream.getvalue() == ""

    configure(Redactor(), level=logging.DEBUG, stream=stream)
    logging.getLogger("x").debug("detail")
    assert "detail" in stream.getvalue()


def test_a_field_that_json_does_not_know_is_written_as_text():
    record = logging.LogRecord("x", logging.INFO, "f", 1, "m", (), None)
    record.fields = {"when": object}

    assert "object" in JsonLines(Redactor()).format(record)
