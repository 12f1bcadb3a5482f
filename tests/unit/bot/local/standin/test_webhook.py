import json

import pytest

from bot.local.standin.pending import PendingUpdates
from bot.local.standin.refusal import Params, Refusal
from bot.local.standin.updates import Update
from bot.local.standin.webhook import Webhook
from engine.clock import ManualClock

URL = "http://127.0.0.1:4567/tg"


@pytest.fixture
def clock():
    return ManualClock()


@pytest.fixture
def pending(clock):
    return PendingUpdates(clock)


@pytest.fixture
def webhook(clock, pending):
    return Webhook(clock, pending)


@pytest.mark.parametrize(
    "url",
    [
        URL,
        "http://localhost:9/tg",
        "http://[::1]:8081/tg",
        "https://127.0.0.1:9999/tg",
        "https://desk.example/tg",
        "https://desk.example:443/tg",
        "https://desk.example:80/tg",
        "https://desk.example:88/tg",
        "https://desk.example:8443/tg",
    ],
)
def test_webhook_good_url_is_set(webhook, url):
    assert webhook.set(Params({"url": url})) == "Webhook was set"
    assert webhook.to_json()["url"] == url


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("http://desk.example/tg", "An HTTPS URL must be provided for webhook"),
        ("ftp://desk.example/tg", "An HTTPS URL must be provided for webhook"),
        ("http://127.0.0.1.evil.example/tg", "An HTTPS URL must be provided for webhook"),
        ("https://desk.example:8080/tg", "Webhook can be set up only on ports 80, 88, 443 or 8443"),
        ("https://desk.example:99999/tg", "Invalid port specified"),
        ("https:///tg", "URL host is empty"),
        ("nonsense", "URL host is empty"),
    ],
)
def test_webhook_bad_url_is_refused(webhook, url, reason):
    with pytest.raises(Refusal) as refused:
        webhook.set(Params({"url": url}))

    assert refused.value.description == f"Bad Request: bad webhook: {reason}"
    assert webhook.target is None


@pytest.mark.parametrize("secret", ["a", "A" * 256, "abc_DEF-019"])
def test_webhook_good_secret_is_kept(webhook, secret):
    webhook.set(Params({"url": URL, "secret_token": secret}))

    assert webhook.target.secret == secret


@pytest.mark.parametrize(
    ("secret", "reason"),
    [
        ("A" * 257, "secret token is too long"),
        ("a b", "secret token contains unallowed characters"),
        ("a+b/c=", "secret token contains unallowed characters"),
        ("пароль", "secret token contains unallowed characters"),
    ],
)
def test_webhook_bad_secret_is_refused_and_the_old_webhook_stays(webhook, secret, reason):
    webhook.set(Params({"url": URL, "secret_token": "old"}))

    with pytest.raises(Refusal) as refused:
        webhook.set(Params({"url": "https://new.example/tg", "secret_token": secret}))

    assert refused.value.description == f"Bad Request: {reason}"
    assert (webhook.target.url, webhook.target.secret) == (URL, "old")


def test_webhook_set_twice_alike_says_so(webhook):
    params = Params({"url": URL, "secret_token": "s"})

    assert [webhook.set(params), webhook.set(params)] == ["Webhook was set", "Webhook is already set"]


def test_webhook_empty_url_deletes(webhook):
    webhook.set(Params({"url": URL}))

    assert webhook.set(Params({"url": ""})) == "Webhook was deleted"
    assert webhook.target is None


def test_webhook_delete_says_whether_there_was_one(webhook):
    webhook.set(Params({"url": URL}))

    assert [webhook.delete(Params({})), webhook.delete(Params({}))] == [
        "Webhook was deleted",
        "Webhook is already deleted",
    ]


@pytest.mark.parametrize(
    ("asked", "given"), [(None, 40), ("2", 2), (2, 2), (100, 100), (0, 1), (-5, 1), (1000, 100), ("many", 40)]
)
def test_webhook_connections_are_brought_into_range(webhook, asked, given):
    webhook.set(Params({"url": URL, "max_connections": asked}))

    assert webhook.to_json()["max_connections"] == given


@pytest.mark.parametrize("kinds", [["message", "callback_query"], json.dumps(["message", "callback_query"])])
def test_webhook_allowed_kinds_are_shown_and_in_force(webhook, pending, kinds):
    webhook.set(Params({"url": URL, "allowed_updates": kinds}))

    assert webhook.to_json()["allowed_updates"] == ["message", "callback_query"]
    assert pending.put(Update("edited_message", {}, 1)) is None


def test_webhook_allowed_kinds_stick_when_left_out(webhook, pending):
    webhook.set(Params({"url": URL, "allowed_updates": ["message"]}))
    webhook.set(Params({"url": URL + "2"}))

    assert webhook.to_json()["allowed_updates"] == ["message"]
    assert pending.put(Update("callback_query", {}, 1)) is None


def test_webhook_empty_list_means_usual_kinds(webhook, pending):
    webhook.set(Params({"url": URL, "allowed_updates": ["message"]}))
    webhook.set(Params({"url": URL, "allowed_updates": []}))

    assert "allowed_updates" not in webhook.to_json()
    assert pending.put(Update("callback_query", {}, 1)) is not None


def test_webhook_unknown_kinds_are_ignored(webhook):
    webhook.set(Params({"url": URL, "allowed_updates": ["message", "messages", 7]}))

    assert webhook.to_json()["allowed_updates"] == ["message"]


@pytest.mark.parametrize("kinds", ["{broken", '"message"', {"message": 1}])
def test_webhook_kinds_of_a_wrong_shape_are_refused(webhook, kinds):
    with pytest.raises(Refusal, match="can't parse allowed updates"):
        webhook.set(Params({"url": URL, "allowed_updates": kinds}))


@pytest.mark.parametrize("act", ["set", "delete"])
@pytest.mark.parametrize(("drop", "left"), [(True, 0), ("true", 0), (False, 1), (None, 1)])
def test_webhook_drops_pending_updates_only_when_asked(webhook, pending, act, drop, left):
    pending.put(Update("message", {}, 1))
    params = Params({"url": URL, "drop_pending_updates": drop})

    (webhook.set if act == "set" else webhook.delete)(params)

    assert webhook.to_json()["pending_update_count"] == left


def test_webhook_reports_the_last_error_until_it_is_set_again(webhook, clock):
    webhook.set(Params({"url": URL}))
    clock.advance(7_000)
    webhook.failed("Wrong response from the webhook: 503 Service Unavailable")
    reported = webhook.to_json()
    webhook.set(Params({"url": URL}))

    assert reported["last_error_date"] == clock.now_ms() // 1_000
    assert reported["last_error_message"] == "Wrong response from the webhook: 503 Service Unavailable"
    assert "last_error_message" not in webhook.to_json()


def test_webhook_never_shows_its_secret(webhook):
    webhook.set(Params({"url": URL, "secret_token": "canary"}))

    assert "canary" not in json.dumps(webhook.to_json())


def test_webhook_unset_shows_an_empty_url(webhook):
    assert webhook.to_json() == {"url": "", "has_custom_certificate": False, "pending_update_count": 0}
