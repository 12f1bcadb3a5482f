-- Market history: may be lost and read again; never needed to know what the desk owes or owns.
-- Prices 1e-4 USDC, sizes 1e-6 share, fee rates 1e-6, times in ms since 1970.

CREATE TABLE catalogue_reads (
    read_id INTEGER PRIMARY KEY,
    at_ms INTEGER NOT NULL,
    events INTEGER NOT NULL CHECK (events >= 0),
    markets INTEGER NOT NULL CHECK (markets >= 0)
) STRICT;

-- An event that is no longer listed keeps its row, so that its code is never given to another.
CREATE TABLE events (
    event_id TEXT PRIMARY KEY,
    code TEXT NOT NULL UNIQUE CHECK (length(code) > 0),
    slug TEXT NOT NULL,
    title TEXT NOT NULL,
    rules_text TEXT NOT NULL,
    resolution_source TEXT NOT NULL,
    end_date TEXT NOT NULL,
    neg_risk INTEGER NOT NULL CHECK (neg_risk IN (0, 1)),
    augmented INTEGER NOT NULL CHECK (augmented IN (0, 1)),
    neg_risk_id TEXT NOT NULL,
    rules_hash TEXT NOT NULL CHECK (length(rules_hash) = 64),
    terms_hash TEXT NOT NULL CHECK (length(terms_hash) = 64),
    last_read INTEGER NOT NULL REFERENCES catalogue_reads (read_id)
) STRICT;

CREATE TABLE markets (
    condition_id TEXT PRIMARY KEY,
    event_id TEXT NOT NULL REFERENCES events (event_id),
    position INTEGER NOT NULL CHECK (position >= 0),
    question_id TEXT NOT NULL,
    question TEXT NOT NULL,
    name TEXT NOT NULL,
    rules_text TEXT NOT NULL,
    resolution_source TEXT NOT NULL,
    end_date TEXT NOT NULL,
    neg_risk INTEGER NOT NULL CHECK (neg_risk IN (0, 1)),
    neg_risk_id TEXT NOT NULL,
    is_other INTEGER NOT NULL CHECK (is_other IN (0, 1)),
    tick INTEGER NOT NULL CHECK (tick > 0),
    min_size INTEGER NOT NULL CHECK (min_size >= 0),
    fee_rate INTEGER,
    fee_exponent INTEGER,
    active INTEGER NOT NULL CHECK (active IN (0, 1)),
    closed INTEGER NOT NULL CHECK (closed IN (0, 1)),
    accepting INTEGER NOT NULL CHECK (accepting IN (0, 1)),
    taker_delay INTEGER NOT NULL CHECK (taker_delay IN (0, 1)),
    resolution_status TEXT NOT NULL,
    last_read INTEGER NOT NULL REFERENCES catalogue_reads (read_id),
    CHECK ((fee_rate IS NULL) = (fee_exponent IS NULL))
) STRICT;
CREATE INDEX markets_by_event ON markets (event_id);

CREATE TABLE outcomes (
    token_id TEXT PRIMARY KEY,
    condition_id TEXT NOT NULL REFERENCES markets (condition_id),
    answer TEXT NOT NULL CHECK (answer IN ('YES', 'NO')),
    UNIQUE (condition_id, answer)
) STRICT;

CREATE VIEW v_catalogue AS
SELECT e.code, e.title, m.position, m.name, m.condition_id, o.answer, o.token_id, m.tick, m.fee_rate, m.fee_exponent
FROM catalogue_reads AS r
JOIN events AS e ON e.last_read = r.read_id
JOIN markets AS m ON m.event_id = e.event_id AND m.last_read = r.read_id
JOIN outcomes AS o USING (condition_id)
WHERE r.read_id = (SELECT max(read_id) FROM catalogue_reads);
