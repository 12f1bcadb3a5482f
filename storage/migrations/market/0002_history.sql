-- Books as they were and terms as they changed. Same units as 0001: prices 1e-4 USDC, sizes 1e-6 share,
-- fee rates 1e-6, times in ms since 1970.

-- One token's whole book at one moment. Levels are JSON, [[price,size],...], best first.
CREATE TABLE book_snapshots (
    snapshot_id INTEGER PRIMARY KEY,
    token_id TEXT NOT NULL CHECK (length(token_id) > 0),
    received_ms INTEGER NOT NULL,
    venue_ms INTEGER NOT NULL,
    hash TEXT NOT NULL,
    tick INTEGER NOT NULL CHECK (tick > 0),
    best_bid INTEGER CHECK (best_bid > 0),
    best_ask INTEGER CHECK (best_ask > 0),
    bids TEXT NOT NULL,
    asks TEXT NOT NULL
) STRICT;
CREATE UNIQUE INDEX book_snapshots_by_token ON book_snapshots (token_id, received_ms);

-- One row whenever a market's terms or status are not those of its row before; never thinned.
-- terms_hash is the event's. A market the newest read did not list is marked so and keeps its last terms.
CREATE TABLE market_status (
    status_id INTEGER PRIMARY KEY,
    condition_id TEXT NOT NULL REFERENCES markets (condition_id),
    at_ms INTEGER NOT NULL,
    listed INTEGER NOT NULL CHECK (listed IN (0, 1)),
    active INTEGER NOT NULL CHECK (active IN (0, 1)),
    closed INTEGER NOT NULL CHECK (closed IN (0, 1)),
    accepting INTEGER NOT NULL CHECK (accepting IN (0, 1)),
    taker_delay INTEGER NOT NULL CHECK (taker_delay IN (0, 1)),
    resolution_status TEXT NOT NULL,
    tick INTEGER NOT NULL CHECK (tick > 0),
    min_size INTEGER NOT NULL CHECK (min_size >= 0),
    fee_rate INTEGER,
    fee_exponent INTEGER,
    terms_hash TEXT NOT NULL CHECK (length(terms_hash) = 64),
    CHECK ((fee_rate IS NULL) = (fee_exponent IS NULL))
) STRICT;
CREATE INDEX market_status_by_market ON market_status (condition_id, status_id);

-- Old reads are deleted only when no row names them: without these, each deletion would read both tables.
CREATE INDEX events_by_read ON events (last_read);
CREATE INDEX markets_by_read ON markets (last_read);

-- Every kept book with the names people know; best_bid and best_ask are NULL for an empty side.
CREATE VIEW v_snapshot AS
SELECT e.code, m.name, o.answer, s.token_id, s.received_ms, s.venue_ms, s.hash, s.tick, s.best_bid, s.best_ask,
    json_array_length(s.bids) AS bid_levels, json_array_length(s.asks) AS ask_levels, s.bids, s.asks
FROM book_snapshots AS s
LEFT JOIN outcomes AS o USING (token_id)
LEFT JOIN markets AS m USING (condition_id)
LEFT JOIN events AS e USING (event_id);

-- Every change: in force from since_ms until until_ms (NULL: now). closed_since_ms: when the market was first
-- read as closed without having been open again since; NULL while it is open.
CREATE VIEW v_market_status AS
SELECT e.code, m.name, s.condition_id, s.at_ms AS since_ms,
    lead(s.at_ms) OVER (PARTITION BY s.condition_id ORDER BY s.status_id) AS until_ms,
    CASE WHEN s.closed THEN (
        SELECT min(c.at_ms) FROM market_status AS c
        WHERE c.condition_id = s.condition_id AND c.status_id <= s.status_id AND c.status_id > coalesce((
            SELECT max(o.status_id) FROM market_status AS o
            WHERE o.condition_id = s.condition_id AND o.status_id <= s.status_id AND o.closed = 0), 0)
    ) END AS closed_since_ms,
    s.listed, s.active, s.closed, s.accepting, s.taker_delay, s.resolution_status,
    s.tick, s.min_size, s.fee_rate, s.fee_exponent, s.terms_hash
FROM market_status AS s
JOIN markets AS m USING (condition_id)
JOIN events AS e USING (event_id);
