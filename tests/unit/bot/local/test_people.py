import re

from bot.local.people import ANA, BEN, BOT_ID, LOCAL_TOKEN, PEOPLE, STRANGER, bot_json, person_of


def test_people_have_the_documented_ids():
    assert [(person.name, person.user_id) for person in PEOPLE.values()] == [
        ("ana", 1001),
        ("ben", 1002),
        ("stranger", 6666),
    ]


def test_people_are_found_by_id():
    assert (person_of(1001), person_of(1002), person_of(6666)) == (ANA, BEN, STRANGER)
    assert person_of(BOT_ID) is None
    assert person_of(0) is None


def test_private_chat_has_its_persons_id():
    assert ANA.chat_json()["id"] == ANA.to_json()["id"] == 1001
    assert ANA.chat_json()["type"] == "private"


def test_people_are_no_bots_and_the_bot_is_one():
    assert ANA.to_json()["is_bot"] is False
    assert bot_json()["is_bot"] is True


def test_local_token_can_never_be_a_real_one():
    assert LOCAL_TOKEN == "1:LOCAL"
    assert LOCAL_TOKEN.startswith(f"{BOT_ID}:")
    assert not re.fullmatch(r"\d{6,12}:[A-Za-z0-9_-]{35}", LOCAL_TOKEN)
