"""What operators ask, as data. Chat and command line parse into the same values (`bot.commands`)."""

from dataclasses import dataclass

from engine.domain.ids import OrderId, TicketId, TokenId
from engine.domain.market import Side
from engine.domain.order import TimeInForce
from engine.domain.repair import RepairWay
from engine.domain.ticket import Move
from engine.domain.units import Ms, Price, Size, Usdc

NOT_TIMED = Ms(0)


@dataclass(frozen=True, slots=True)
class ScanDutch:
    """List every event with what its set costs now."""


@dataclass(frozen=True, slots=True)
class OpenDutch:
    """Open a dry ticket: `sets` shares on every leg at most, or as many as pay."""

    code: str
    sets: Size | None


@dataclass(frozen=True, slots=True)
class OpenAuto:
    """Open the ticket of a standing grant: for one event, or with an empty code for all."""

    code: str
    budget: Usdc
    lasts_ms: Ms


@dataclass(frozen=True, slots=True)
class StopAuto:
    """End every standing grant. Needs nothing and passes in every state; what was sent runs to its end."""


@dataclass(frozen=True, slots=True)
class ListSpreads:
    """List the markets that could be quoted, the widest first."""


@dataclass(frozen=True, slots=True)
class OpenSpread:
    """Open the ticket of a grant to quote one outcome; None takes what the TOML says."""

    code: str
    name: str
    """Of the outcome; may be empty where the event has one market only."""
    size: Size | None
    half_ticks: int | None
    """Least distance of a quote from the fair value, in ticks."""
    lasts_ms: Ms


@dataclass(frozen=True, slots=True)
class StopSpread:
    """End every grant to quote and take its quotes off. Needs nothing and passes in every state."""


@dataclass(frozen=True, slots=True)
class AskRepair:
    """Open a dry ticket that repairs a broken one; None takes the way that is best now."""

    ticket_id: TicketId
    way: RepairWay | None


@dataclass(frozen=True, slots=True)
class Press:
    """A button of a ticket's card. Its authenticity was checked by the bot, its timeliness is not."""

    ticket_id: TicketId
    move: Move
    version: int
    message_id: int


@dataclass(frozen=True, slots=True)
class ShowStatus:
    """The dashboard."""


@dataclass(frozen=True, slots=True)
class Kill:
    """Close the gate, cancel every order, halt. Needs nothing and passes in every state."""


@dataclass(frozen=True, slots=True)
class AskResume:
    """Open the ticket that lifts a halt, or with a code the freeze of one event."""

    code: str = ""
    confirmed: bool = False
    """Both presses are made by the asker in the same breath: the command line has asked beforehand."""


@dataclass(frozen=True, slots=True)
class AskReview:
    """List what waits for a review, or show one event's rules with what changed in them."""

    code: str = ""


@dataclass(frozen=True, slots=True)
class OutcomeRef:
    """Which token is meant: by its id alone, or by its event's code and the outcome's name."""

    token_id: TokenId | None = None
    code: str = ""
    name: str = ""
    """Name of the outcome inside its event; of a lone market YES or NO, or its question."""
    is_no: bool = False
    """The NO token of the outcome that is named."""


@dataclass(frozen=True, slots=True)
class PlaceOrder:
    """Send one order whose terms the asker has confirmed: dry, armed and sent in one step."""

    outcome: OutcomeRef
    side: Side
    price: Price
    """Hard limit."""
    size: Size
    time_in_force: TimeInForce
    rests: bool
    """Post-only: it is to stay on the book, and is refused where it would match."""
    lasts_ms: Ms = NOT_TIMED
    """How long a resting GTD order shall stay; 0 for every other type."""


@dataclass(frozen=True, slots=True)
class AskCancel:
    """Cancel one order of this desk, all of one event, or (with neither) every order of the account."""

    order_id: OrderId | None = None
    """May be the beginning of an id, if it is the beginning of one only."""
    code: str = ""


@dataclass(frozen=True, slots=True)
class AskReconcile:
    """Read the account now; answered when a complete read that began after this was compared."""


@dataclass(frozen=True, slots=True)
class AskApprove:
    """Show what contracts may move of the wallet; with a label and an amount, what allowing it would mean."""

    label: str = ""
    amount: Usdc | None = None


@dataclass(frozen=True, slots=True)
class AskWhy:
    """Explain an event, a ticket or a plan by its id; without one, this operator's last refusal."""

    what: str = ""


@dataclass(frozen=True, slots=True)
class AskMerge:
    """Open the ticket that turns settled pairs of one market into collateral; of any event, or of one."""

    code: str = ""


@dataclass(frozen=True, slots=True)
class AskRedeem:
    """Open the ticket that redeems the shares of one resolved market; of any event, or of one."""

    code: str = ""


Command = (
    ScanDutch
    | OpenDutch
    | OpenAuto
    | StopAuto
    | ListSpreads
    | OpenSpread
    | StopSpread
    | AskRepair
    | Press
    | ShowStatus
    | Kill
    | AskResume
    | AskReview
    | AskReconcile
    | PlaceOrder
    | AskCancel
    | AskApprove
    | AskWhy
    | AskMerge
    | AskRedeem
)
