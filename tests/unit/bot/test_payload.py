"""Threat 8: a button works for the person, chat and card it was made for, byte by byte."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.card import CommandAct, CopyAct, MoveAct
from bot.payload import PAYLOAD_MAX, Sealer
from engine.domain.commands import Press
from engine.domain.ids import TicketId, ticket_id
from engine.domain.ticket import BUTTONS, Move
from tests.unit.bot.builders import SECRET

SEALER = Sealer(SECRET)
TICKET = TicketId("T-7K2F")


def seal(
    *,
    user_id: int = 1001,
    chat_id: int = 1001,
    ticket: TicketId = TICKET,
    move: Move = Move.SEND,
    version: int = 2,
) -> str:
    return SEALER.seal(user_id=user_id, chat_id=chat_id, ticket_id=ticket, move=move, version=version)


def opened(payload: str, *, user_id: int = 1001, chat_id: int = 1001) -> Press | None:
    return SEALER.open_(payload, user_id=user_id, chat_id=chat_id, message_id=77)


@given(
    st.integers(1, 2**52),
    st.integers(-(2**52), 2**52),
    st.sampled_from(sorted(BUTTONS, key=lambda m: m.value)),
    st.integers(1, 999_999),
    st.integers(0, 2**64),
)
def test_seal_any_button_opens_again_and_fits(
    user_id: int, chat_id: int, move: Move, version: int, entropy: int
) -> None:
    ticket = ticket_id(entropy)
    payload = seal(user_id=user_id, chat_id=chat_id, ticket=ticket, move=move, version=version)

    assert len(payload.encode()) <= PAYLOAD_MAX
    assert opened(payload, user_id=user_id, chat_id=chat_id) == Press(ticket, move, version, 77)


def test_open_every_flipped_bit_is_refused() -> None:
    payload = seal().encode()

    for place in range(len(payload)):
        for bit in range(8):
            changed = bytearray(payload)
            changed[place] ^= 1 << bit
            text = changed.decode("latin-1")
            assert opened(text) is None, f"byte {place} bit {bit}: {text!r}"


def test_open_payload_of_another_user_is_refused() -> None:
    assert opened(seal(), user_id=1002) is None


def test_open_payload_from_another_chat_is_refused() -> None:
    assert opened(seal(), chat_id=-100_1001) is None


def test_open_payload_of_another_desk_is_refused() -> None:
    other = Sealer(bytes(32))

    assert other.open_(seal(), user_id=1001, chat_id=1001, message_id=77) is None


@pytest.mark.parametrize("move", [Move.CONFIRM, Move.DROP])
def test_open_mac_of_another_move_is_refused(move: Move) -> None:
    mac = seal(move=move).rpartition(".")[2]

    assert opened(f"1.go.T-7K2F.2.{mac}") is None


@pytest.mark.parametrize(
    "payload",
    [
        "",
        "1",
        "1.go.T-7K2F.2.",
        "2.go.T-7K2F.2.AAAAAAAAAAAAAAAA",
        "1.worse.T-7K2F.2.AAAAAAAAAAAAAAAA",
        "1.go.T-7K2F.02.AAAAAAAAAAAAAAAA",
        "1.go.T-7K2F.-2.AAAAAAAAAAAAAAAA",
        "1.go.T-7K2F.\u0662.AAAAAAAAAAAAAAAA",
        "1.go.T-7K2F.2.AAAAAAAAAAAAAAAA\n",
        "x" * 64,
        "\x00" * 64,
    ],
)
def test_open_malformed_payload_is_refused(payload: str) -> None:
    assert opened(payload) is None


def test_sealer_short_secret_is_refused() -> None:
    with pytest.raises(ValueError, match="at least 16 bytes, was 15"):
        Sealer(bytes(15))


def test_seal_move_that_is_no_button_is_a_fault_of_ours() -> None:
    with pytest.raises(AssertionError, match="sealable"):
        seal(move=Move.EXPIRE)


def test_act_of_each_kind_gives_its_data() -> None:
    move = SEALER.act(MoveAct(TICKET, 2, Move.SEND), user_id=1001, chat_id=1001)

    assert move == seal()
    assert SEALER.act(CommandAct("/status"), user_id=1, chat_id=1) == "c./status"
    assert SEALER.act(CommandAct("/status", in_place=True), user_id=1, chat_id=1) == "r./status"
    assert SEALER.act(CopyAct("T-7K2F"), user_id=1, chat_id=1) is None


def test_act_command_too_long_for_a_button_is_a_fault_of_ours() -> None:
    with pytest.raises(AssertionError, match="at most 64 bytes"):
        SEALER.act(CommandAct("/dutch " + "x" * 60), user_id=1, chat_id=1)
