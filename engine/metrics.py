"""The METRICS table and the one collector that exports it; prometheus-client lives here and nowhere else.

Counters are exported under exactly the names of the table, because dashboards hold them; pairs
`x_ms_sum` / `x_ms_count` are one summary `x_ms`. Label values come from bounded sets.
"""

from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import Enum

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric, SummaryMetricFamily
from prometheus_client.registry import Collector


class Kind(Enum):
    """How a row is exported."""

    COUNTER = "counter"
    SUMMARY = "summary"
    READING = "reading"
    """Asked for at the scrape: what costs too much to report with every message, or ages by itself."""


@dataclass(frozen=True, slots=True)
class Row:
    """One metric: its name for ever, its one label ("" for none), and what it tells."""

    name: str
    kind: Kind
    label: str
    help: str


METRICS: tuple[Row, ...] = (
    Row(
        "engine_place_ms",
        Kind.SUMMARY,
        "",
        "a batch from signing or reading back to its answer, commit included",
    ),
    Row("engine_place_call_ms", Kind.SUMMARY, "", "whole call of a POST of orders"),
    Row("engine_ack_ms", Kind.SUMMARY, "", "request sent to answer read, per POST"),
    Row("engine_errors", Kind.COUNTER, "where", "faults caught at a named boundary"),
    Row("service_task_errors", Kind.COUNTER, "task", "tasks that died and were restarted or ended the desk"),
    Row("service_market_runtime_ms", Kind.SUMMARY, "", "how long market connections stood, told as they end"),
    Row("relayer_acks_total", Kind.COUNTER, "status", "order answers by class or status"),
    Row("relayer_cancel_count", Kind.COUNTER, "", "cancel requests"),
    Row("relayer_cancel_ms", Kind.SUMMARY, "", "duration of cancel requests"),
    Row("relayer_cancel_errors_total", Kind.COUNTER, "", "cancels without a usable answer"),
    Row("relayer_place_errors", Kind.COUNTER, "", "POSTs of orders without a usable answer"),
    Row("relayer_rate_limited_total", Kind.COUNTER, "", "answers that asked to be left alone (429)"),
    Row("relayer_timeouts_total", Kind.COUNTER, "", "POSTs and cancels that were not answered in time"),
    Row(
        "relayer_tokens_remaining",
        Kind.READING,
        "bucket",
        "rate tokens left, as far as known",
    ),
    Row("gate_holds_total", Kind.COUNTER, "hold", "holds that began, by reason"),
    Row("breaker_trips_total", Kind.COUNTER, "breaker", "breakers tripped"),
    Row("heartbeats_total", Kind.COUNTER, "outcome", "heartbeats sent, missed, mismatched"),
    Row("relayer_allowance_success", Kind.COUNTER, "kind", "approvals that the chain confirmed"),
    Row("dutch_orders_placed", Kind.COUNTER, "", "orders committed for Dutch plans"),
    Row(
        "dutch_detector_total",
        Kind.COUNTER,
        "outcome",
        "events planned because their best prices may pay, by what came of it; `missed` must stay 0",
    ),
    Row("quotes_placed_total", Kind.COUNTER, "", "orders committed as quotes"),
    Row("quotes_refused_total", Kind.COUNTER, "", "quotes that the venue refused, or that never left"),
    Row("quotes_pulled_total", Kind.COUNTER, "reason", "markets of which all quotes were taken off at once"),
    Row(
        "quotes_suppressed_total",
        Kind.COUNTER,
        "reason",
        "quotes, replaces and cancels that a rule began to hold back; quotes_rate_limited is the bucket",
    ),
    Row("dutch_rulehash_changed", Kind.COUNTER, "", "changes of an event's rules"),
    Row(
        "catalogue_announced_total", Kind.COUNTER, "", "announcements that hold an event until the next read"
    ),
    Row("dutch_refused_total", Kind.COUNTER, "reason", "plans and presses refused, by reason"),
    Row("feed_frames_total", Kind.COUNTER, "kind", "market frames by kind"),
    Row("feed_malformed_total", Kind.COUNTER, "reason", "market frames refused, by reason"),
    Row("feed_resync_total", Kind.COUNTER, "reason", "books dropped and fetched again, by reason"),
    Row("feed_hash_checks_total", Kind.COUNTER, "result", "book checksums compared"),
    Row("feed_probes_total", Kind.COUNTER, "outcome", "reads of books beside the stream"),
    Row("feed_connections_total", Kind.COUNTER, "what", "market connections opened, found frozen, given up"),
    Row("feed_losses_total", Kind.COUNTER, "cause", "market connections and attempts that ended, by cause"),
    Row("user_losses_total", Kind.COUNTER, "cause", "user connections and attempts that ended, by cause"),
    Row("user_malformed_total", Kind.COUNTER, "reason", "parts of user messages refused, by reason"),
    Row("feed_connection_up", Kind.READING, "connection", "1 while a market connection stands"),
    Row("feed_connection_messages_total", Kind.READING, "connection", "messages heard, PONG included"),
    Row("feed_connection_bytes_total", Kind.READING, "connection", "their bytes"),
    Row("feed_connection_reconnects_total", Kind.READING, "connection", "connections made again"),
    Row("feed_connection_silent_ms", Kind.READING, "connection", "time since the last message while up"),
    Row("feed_connection_lag_ms", Kind.READING, "connection", "receive minus venue time, newest change"),
    Row("feed_connections_by_pulse", Kind.READING, "pulse", "market connections that are up, by pulse"),
    Row("feed_markets_by_pulse", Kind.READING, "pulse", "markets on connections that are up, by pulse"),
    Row("snapshots_total", Kind.COUNTER, "outcome", "books handed over to be kept, by what became of them"),
    Row("history_pruned_total", Kind.COUNTER, "kind", "rows that retention took out of the market file"),
    Row("catalogue_skipped_total", Kind.COUNTER, "reason", "events or markets a catalogue read left out"),
    Row("orders_unknown_total", Kind.COUNTER, "", "orders whose answer told nothing"),
    Row("orders_resent_total", Kind.COUNTER, "", "re-sends of the same bytes"),
    Row("orders_foreign_total", Kind.COUNTER, "", "orders at the venue that this desk did not send"),
    Row("orders_risen_total", Kind.COUNTER, "", "orders thought over that were found alive or traded"),
    Row("fills_total", Kind.COUNTER, "settlement", "fills by settlement step"),
    Row("fills_stuck_total", Kind.COUNTER, "", "fills that were not settled within a minute"),
    Row("fills_restated_total", Kind.COUNTER, "", "fills that came again with other amounts"),
    Row("differences_total", Kind.COUNTER, "", "reads whose collateral or shares stayed off our books"),
    Row("fee_adjustments_total", Kind.COUNTER, "", "differences between booked fees and the balance"),
    Row("bot_updates_total", Kind.COUNTER, "outcome", "Telegram updates by what became of them"),
    Row("bot_sends_total", Kind.COUNTER, "outcome", "calls to Telegram by outcome"),
    Row(
        "paper_maker_shares",
        Kind.READING,
        "model",
        "shares that resting paper orders got: conservative is the result, probabilistic the upper bound",
    ),
    Row("chain_acts_total", Kind.COUNTER, "end", "merges and redemptions by how they ended"),
    Row("alerts_total", Kind.COUNTER, "severity", "alerts raised"),
)

_BY_NAME = {row.name: row for row in METRICS}


class Metrics(Collector):
    """All counters of one desk. Adding to a name that is not in the table is an error of ours."""

    def __init__(self) -> None:
        self._values: dict[str, defaultdict[str, int]] = {row.name: defaultdict(int) for row in METRICS}
        self._counts: dict[str, int] = {row.name: 0 for row in METRICS if row.kind is Kind.SUMMARY}
        self._readings: dict[str, dict[str, Callable[[], int | None]]] = {row.name: {} for row in METRICS}
        self._registry = CollectorRegistry()
        self._registry.register(self)

    def count(self, name: str, label: str = "", by: int = 1) -> None:
        """Add `by` to a counter."""
        row = _BY_NAME[name]
        assert row.kind is Kind.COUNTER, f"expected a counter, {name} is a {row.kind.value}"
        assert bool(row.label) == bool(label), f"expected label {row.label!r} for {name}, was {label!r}"
        self._values[name][label] += by

    def observe_us(self, name: str, duration_us: int) -> None:
        """Add one duration in microseconds to a summary (exported in milliseconds)."""
        assert _BY_NAME[name].kind is Kind.SUMMARY, f"expected a summary, was {name}"
        self._values[name][""] += duration_us
        self._counts[name] += 1

    def read(self, name: str, label: str, reading: Callable[[], int | None]) -> None:
        """Take a value from `reading` at every scrape; with None there is nothing to tell at present."""
        row = _BY_NAME[name]
        assert row.kind is Kind.READING, f"expected a reading, {name} is a {row.kind.value}"
        assert bool(row.label) == bool(label), f"expected label {row.label!r} for {name}, was {label!r}"
        self._readings[name][label] = reading

    def reading(self, name: str, label: str = "") -> int | None:
        """Return what a reading tells now."""
        return self._readings[name][label]()

    def value(self, name: str, label: str = "") -> int:
        """Return a counter's value, or a summary's sum in microseconds."""
        return self._values[name][label]

    def total(self, name: str) -> int:
        """Return the sum of a counter over all its labels."""
        return sum(self._values[name].values())

    def reset(self) -> None:
        """Set every counter and summary back to zero; readings tell the present and stay."""
        for values in self._values.values():
            values.clear()
        self._counts = dict.fromkeys(self._counts, 0)

    def collect(self) -> Iterator[Metric]:
        """Yield every row that has a value, in table order."""
        for row in METRICS:
            if row.kind is Kind.SUMMARY:
                total_ms = self._values[row.name][""] / 1000
                yield SummaryMetricFamily(row.name, row.help, self._counts[row.name], total_ms)
                continue
            # Not the library's counter type: it would append "_total" to names that dashboards hold.
            family = GaugeMetricFamily(row.name, row.help, labels=[row.label] if row.label else None)
            told = {label: reading() for label, reading in self._readings[row.name].items()}
            for label, value in sorted({**self._values[row.name], **told}.items()):
                if value is not None:
                    family.add_metric([label] if row.label else [], value)
            yield family

    def exposition(self) -> bytes:
        """Return the text format that a scrape reads."""
        return generate_latest(self._registry)
