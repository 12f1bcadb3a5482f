"""A small exchange, and the table that a desk keeps of its quotes there; answers are late or lost."""

from dataclasses import replace

from engine.domain.ids import OrderId
from engine.domain.quote import (
    CancelAll,
    CancelQuote,
    LiveQuote,
    PlaceQuote,
    QuoteAction,
    QuoteSide,
    QuoteState,
    Target,
)
from engine.domain.units import Ms, Size

S = QuoteState


class QuoteExchange:
    """`table` is what the desk knows, `resting` what is so; both sides of every race are kept apart."""

    def __init__(self) -> None:
        self.table: dict[OrderId, LiveQuote] = {}
        self.resting: dict[OrderId, Target] = {}
        self.posts: dict[OrderId, Target] = {}
        """On their way to the exchange."""
        self.cancels: list[OrderId] = []
        self.sent = 0

    def apply(self, actions: tuple[QuoteAction, ...]) -> None:
        """Send what was decided."""
        for action in actions:
            match action:
                case PlaceQuote(target):
                    self._place(target)
                case CancelQuote(order_id):
                    self._cancel(order_id)
                case CancelAll():
                    for order_id in [*self.table]:
                        if self.table[order_id].state is not S.CANCELLING:
                            self._cancel(order_id)
                case _:
                    pass

    def _place(self, wanted: Target) -> None:
        self.sent += 1
        name = OrderId(f"{wanted.side.value}{wanted.layer}#{self.sent}")
        self.posts[name] = wanted
        self.table[name] = LiveQuote(
            name,
            wanted.side,
            wanted.layer,
            wanted.token_id,
            wanted.order_side,
            wanted.yes,
            wanted.size,
            wanted.size,
            S.PLACING,
            None,
        )

    def _cancel(self, name: OrderId) -> None:
        self.cancels.append(name)
        self._note(name, S.CANCELLING)

    def _note(self, name: OrderId, state: QuoteState, acked_ms: Ms | None = None) -> None:
        quote = self.table[name]
        self.table[name] = replace(
            quote, state=state, acked_ms=quote.acked_ms if acked_ms is None else acked_ms
        )

    def post_arrives(self, name: OrderId, at_ms: Ms, *, heard: bool = True, taken: bool = True) -> None:
        """Take a post, or refuse it, or lose it; and answer, or not."""
        wanted = self.posts.pop(name)
        if taken:
            for other in self.resting.values():
                low, high = (wanted, other) if wanted.side is QuoteSide.BID else (other, wanted)
                assert other.side is wanted.side or low.yes < high.yes, "the desk would trade with itself"
            slots = [(target.side, target.layer) for target in self.resting.values()]
            assert (wanted.side, wanted.layer) not in slots, "two orders of one side and layer"
            self.resting[name] = wanted
        if name not in self.table:
            return
        is_cancelled = name in self.cancels
        if heard and not taken:
            del self.table[name]
        elif heard:
            self._note(name, S.CANCELLING if is_cancelled else S.RESTING, at_ms)
        elif not is_cancelled:
            self._note(name, S.UNKNOWN)

    def cancel_arrives(self, name: OrderId, *, heard: bool = True) -> None:
        """Take a cancel and answer, or not; one that overtook its post finds nothing and proves nothing."""
        self.cancels.remove(name)
        self.resting.pop(name, None)
        if name not in self.table:
            return
        if heard and name not in self.posts:
            del self.table[name]
        else:
            self._note(name, S.UNKNOWN)

    def fill(self, name: OrderId, size: Size) -> None:
        """Trade so much of a quote, or what is left of it; the desk hears of it at once."""
        left = Size(max(0, self.table[name].left - size)) if name in self.table else Size(0)
        if left:
            self.table[name] = replace(self.table[name], left=left)
        else:
            self.resting.pop(name)
            self.table.pop(name, None)

    def read_back(self, at_ms: Ms) -> None:
        """Tell the desk what became of the unknown; of what is still on its way a read knows nothing."""
        for name, quote in list(self.table.items()):
            if quote.state is not S.UNKNOWN or name in self.posts or name in self.cancels:
                continue
            if name in self.resting:
                self._note(name, S.RESTING, at_ms)
            else:
                del self.table[name]

    def all_goes_well(self, at_ms: Ms) -> None:
        """Answer everything that is on its way, posts before cancels, and what is unknown by a read."""
        for name in list(self.posts):
            self.post_arrives(name, at_ms)
        for name in list(self.cancels):
            self.cancel_arrives(name)
        self.read_back(at_ms)
