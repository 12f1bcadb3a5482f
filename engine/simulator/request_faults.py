"""From scripted and seeded faults to the fate of one request, and what replaces the venue's own answer."""

from collections.abc import Callable

from engine.domain.units import Ms
from engine.simulator.faults import REQUEST_FAULTS, UNPROCESSED_FAULTS, Fault, FaultDirector, FaultKind
from engine.simulator.modes import Mode, Modes, ModeWindow
from engine.simulator.refusals import ENGINE_RESTARTING, Refusal
from engine.simulator.replies import refuse
from engine.simulator.rest import JSON_TYPE, Delivery, Fate, RestReply, RestRequest

_HTML = b"<html><head><title>Attention Required! | Cloudflare</title></head><body>cloudflare</body></html>"


def decide(faults: FaultDirector, modes: Modes, request: RestRequest, now_ms: Ms) -> Fate:
    """Return what happens to a request that arrives now; the faults it meets are used up.

    A restart begins with the request it strikes: 425 for `hold_ms`, then post-only for `delay_ms`.
    """
    faults.roll(request.call, request.body)
    fate = Fate(now_ms)
    for kind in REQUEST_FAULTS:
        fault = faults.hits_request(kind, request.call, now_ms)
        if fault is None:
            continue
        fate = _struck(fate, fault)
        if kind is FaultKind.RESTART:
            windows = ((Mode.RESTARTING, fault.hold_ms), (Mode.POST_ONLY, fault.delay_ms))
            modes.follow([ModeWindow(mode, ms) for mode, ms in windows if ms], now_ms)
        if kind in UNPROCESSED_FAULTS:
            break
    return fate


def _html(fault: Fault) -> RestReply:
    """Return the page of a delivery network, which knows nothing of orders."""
    return RestReply(fault.answer_status, {"Content-Type": "text/html; charset=utf-8"}, _HTML)


def _refused(fault: Fault) -> RestReply:
    reply = refuse(Refusal(fault.answer_status, fault.words))
    return reply.with_headers({"Retry-After": fault.retry_after}) if fault.retry_after else reply


def _spoiled(body: bytes) -> Callable[[Fault], RestReply]:
    return lambda fault: RestReply(fault.answer_status, {"Content-Type": JSON_TYPE}, body)


_INSTEAD: dict[FaultKind, Callable[[Fault], RestReply]] = {
    FaultKind.REFUSE_REQUEST: _refused,
    FaultKind.RESTARTING: lambda _: refuse(ENGINE_RESTARTING),
    FaultKind.RESTART: lambda _: refuse(ENGINE_RESTARTING),
    FaultKind.HTML_INSTEAD: _html,
    FaultKind.HTML_ANSWER: _html,
    FaultKind.ERROR_ANSWER: _refused,
    FaultKind.GARBLED_ANSWER: _spoiled(b"{'a':"),
    FaultKind.EMPTY_ANSWER: _spoiled(b""),
}
"""What is answered in place of the venue's own answer."""
_DELIVERY = {FaultKind.NO_ANSWER: Delivery.NONE, FaultKind.CUT_ANSWER: Delivery.CUT}
_HUNG_UP = frozenset({FaultKind.LOST_REQUEST, FaultKind.LATE_REQUEST})
_HELD = frozenset({FaultKind.LATE_REQUEST, FaultKind.HOLD_REQUEST})


def _struck(fate: Fate, fault: Fault) -> Fate:
    """Add one fault to a fate."""
    kind = fault.kind
    instead = _INSTEAD.get(kind)
    note = f"{fate.note}, {kind.value}" if fate.note else kind.value
    return Fate(
        fate.arrived_ms,
        processed=fate.processed and kind not in UNPROCESSED_FAULTS,
        hung_up=fate.hung_up or kind in _HUNG_UP,
        hold_ms=fate.hold_ms + (fault.delay_ms if kind in _HELD else 0),
        delay_ms=fate.delay_ms + (fault.delay_ms if kind is FaultKind.DELAY_ANSWER else 0),
        delivery=_DELIVERY.get(kind, fate.delivery),
        instead=fate.instead if instead is None else instead(fault),
        note=note,
    )
