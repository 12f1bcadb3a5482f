-- The ledger: everything that proves what was intended, sent, answered and filled.
-- Amounts are integers: price 1e-4 USDC, size 1e-6 share, cash and fee 1e-6 USDC, times in ms since 1970.
-- Views v_... are the stable face for checkers; tables may change behind them.

CREATE TABLE meta (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    install_secret BLOB NOT NULL CHECK (length(install_secret) = 32),
    created_ms INTEGER NOT NULL
) STRICT;

CREATE TABLE tickets (
    ticket_id TEXT PRIMARY KEY,
    kind TEXT NOT NULL CHECK (kind IN ('dutch', 'resume')),
    state TEXT NOT NULL CHECK (state IN (
        'dry', 'confirm', 'sending', 'done', 'broken', 'missed', 'dropped', 'expired', 'refused')),
    version INTEGER NOT NULL CHECK (version >= 0),
    owner_id INTEGER NOT NULL,
    owner_name TEXT NOT NULL,
    owner_role TEXT NOT NULL CHECK (owner_role IN ('viewer', 'trader', 'admin')),
    chat_id INTEGER NOT NULL,
    message_id INTEGER,
    plan TEXT,
    previous TEXT,
    wanted_sets INTEGER CHECK (wanted_sets > 0),
    note TEXT NOT NULL,
    subject TEXT NOT NULL,
    created_ms INTEGER NOT NULL,
    rendered_ms INTEGER NOT NULL,
    expires_ms INTEGER NOT NULL,
    updated_ms INTEGER NOT NULL
) STRICT;
CREATE INDEX tickets_by_state ON tickets (state, updated_ms);

-- A plan as it stood on the card that was sent. Two tickets may carry the same plan id at different times.
CREATE TABLE plans (
    fingerprint TEXT PRIMARY KEY CHECK (length(fingerprint) = 64),
    plan_id TEXT NOT NULL,
    event_id TEXT NOT NULL,
    kind TEXT NOT NULL,
    spend_max INTEGER NOT NULL CHECK (spend_max >= 0),
    payload TEXT NOT NULL,
    committed_ms INTEGER NOT NULL
) STRICT;

-- One row per consumed Send: a ticket is sent once for ever.
CREATE TABLE confirms (
    ticket_id TEXT PRIMARY KEY REFERENCES tickets (ticket_id),
    version INTEGER NOT NULL,
    user_id INTEGER NOT NULL,
    user_name TEXT NOT NULL,
    user_role TEXT NOT NULL,
    chat_id INTEGER NOT NULL,
    message_id INTEGER,
    plan_id TEXT NOT NULL,
    plan_fingerprint TEXT NOT NULL REFERENCES plans (fingerprint),
    armed_until_ms INTEGER NOT NULL,
    at_ms INTEGER NOT NULL
) STRICT;

CREATE TABLE intents (
    intent_key TEXT PRIMARY KEY,
    fingerprint TEXT NOT NULL CHECK (length(fingerprint) = 64),
    plan_id TEXT NOT NULL,
    ticket_id TEXT NOT NULL REFERENCES confirms (ticket_id),
    leg INTEGER NOT NULL CHECK (leg >= 0),
    generation INTEGER NOT NULL CHECK (generation >= 0),
    token_id TEXT NOT NULL,
    condition_id TEXT NOT NULL,
    side TEXT NOT NULL CHECK (side IN ('BUY', 'SELL')),
    price INTEGER NOT NULL CHECK (price BETWEEN 1 AND 9999),
    size INTEGER NOT NULL CHECK (size > 0),
    time_in_force TEXT NOT NULL CHECK (time_in_force IN ('GTC', 'GTD', 'FAK')),
    expiration_s INTEGER NOT NULL CHECK (expiration_s >= 0),
    payload TEXT NOT NULL
) STRICT;
CREATE INDEX intents_by_ticket ON intents (ticket_id);

CREATE TABLE orders (
    seq INTEGER PRIMARY KEY,
    order_id TEXT NOT NULL UNIQUE CHECK (length(order_id) > 0),
    intent_key TEXT NOT NULL UNIQUE REFERENCES intents (intent_key),
    state TEXT NOT NULL CHECK (state IN (
        'sending', 'unknown', 'live', 'partial', 'delayed', 'pending_cancel',
        'filled', 'cancelled', 'expired', 'rejected', 'dead')),
    filled INTEGER NOT NULL CHECK (filled >= 0),
    sends INTEGER NOT NULL CHECK (sends >= 0),
    last_send_ms INTEGER NOT NULL,
    ever_unknown INTEGER NOT NULL CHECK (ever_unknown IN (0, 1)),
    reason TEXT NOT NULL,
    is_final INTEGER GENERATED ALWAYS AS (
        state IN ('filled', 'cancelled', 'expired', 'rejected', 'dead')) VIRTUAL
) STRICT;
CREATE INDEX orders_not_final ON orders (is_final);

-- Signed bytes are secret (an order has no on-chain expiry) and live apart, so that they can be purged.
CREATE TABLE signed (
    order_id TEXT PRIMARY KEY REFERENCES orders (order_id),
    body BLOB NOT NULL CHECK (length(body) > 0)
) STRICT;

-- One row per POST.
CREATE TABLE exec_audit (
    seq INTEGER PRIMARY KEY,
    request_id TEXT NOT NULL,
    at_ms INTEGER NOT NULL,
    orders INTEGER NOT NULL CHECK (orders > 0),
    place_call_us INTEGER NOT NULL CHECK (place_call_us >= 0),
    ack_latency_us INTEGER NOT NULL CHECK (ack_latency_us >= 0),
    place_call_ms REAL GENERATED ALWAYS AS (place_call_us / 1000.0) VIRTUAL,
    ack_latency_ms REAL GENERATED ALWAYS AS (ack_latency_us / 1000.0) VIRTUAL
) STRICT;
CREATE INDEX exec_audit_by_request ON exec_audit (request_id);

-- Committed before the first byte of its send leaves; the outcome is written once.
CREATE TABLE attempts (
    commit_seq INTEGER PRIMARY KEY AUTOINCREMENT,
    order_id TEXT NOT NULL REFERENCES orders (order_id),
    number INTEGER NOT NULL CHECK (number BETWEEN 1 AND 5),
    body_sha256 TEXT NOT NULL CHECK (length(body_sha256) = 64),
    at_ms INTEGER NOT NULL,
    outcome TEXT CHECK (outcome IN ('accepted', 'refused', 'duplicated', 'deferred', 'not_sent', 'unknown')),
    placed TEXT CHECK (placed IN ('live', 'matched', 'delayed', 'unmatched')),
    filled INTEGER CHECK (filled >= 0),
    cash INTEGER CHECK (cash >= 0),
    trade_ids TEXT,
    reason TEXT,
    foreign_id TEXT,
    answered_ms INTEGER,
    exec_seq INTEGER REFERENCES exec_audit (seq),
    UNIQUE (order_id, number)
) STRICT;

CREATE TABLE fills (
    seq INTEGER PRIMARY KEY,
    trade_id TEXT NOT NULL CHECK (length(trade_id) > 0),
    order_id TEXT NOT NULL REFERENCES orders (order_id),
    token_id TEXT NOT NULL,
    side TEXT NOT NULL CHECK (side IN ('BUY', 'SELL')),
    size INTEGER NOT NULL CHECK (size > 0),
    cash INTEGER NOT NULL CHECK (cash >= 0),
    fee INTEGER NOT NULL CHECK (fee >= 0),
    settlement TEXT NOT NULL CHECK (settlement IN ('provisional', 'confirmed', 'voided')),
    matched_ms INTEGER NOT NULL,
    UNIQUE (trade_id, order_id)
) STRICT;
CREATE INDEX fills_by_order ON fills (order_id);
CREATE INDEX fills_by_time ON fills (matched_ms);

CREATE TABLE audit (
    seq INTEGER PRIMARY KEY,
    prev_hash TEXT NOT NULL CHECK (length(prev_hash) = 64),
    payload TEXT NOT NULL,
    hash TEXT NOT NULL CHECK (length(hash) = 64)
) STRICT;

CREATE TABLE inbox (
    update_id INTEGER PRIMARY KEY,
    raw BLOB NOT NULL,
    taken_ms INTEGER NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('taken', 'settled')),
    outcome TEXT CHECK ((outcome IS NULL) = (state = 'taken'))
) STRICT;
CREATE INDEX inbox_by_time ON inbox (taken_ms);
CREATE INDEX inbox_pending ON inbox (state) WHERE state = 'taken';

-- The newest row speaks: a reason halts, NULL lifts.
CREATE TABLE halts (
    seq INTEGER PRIMARY KEY,
    at_ms INTEGER NOT NULL,
    reason TEXT
) STRICT;

CREATE TABLE freezes (
    event_id TEXT PRIMARY KEY,
    reason TEXT NOT NULL,
    at_ms INTEGER NOT NULL
) STRICT;

CREATE TRIGGER plans_fixed BEFORE UPDATE ON plans
BEGIN SELECT RAISE(ABORT, 'plans: a committed plan is never changed'); END;
CREATE TRIGGER plans_kept BEFORE DELETE ON plans
BEGIN SELECT RAISE(ABORT, 'plans: a committed plan is never deleted'); END;
CREATE TRIGGER confirms_fixed BEFORE UPDATE ON confirms
BEGIN SELECT RAISE(ABORT, 'confirms: a consumed confirmation is never changed'); END;
CREATE TRIGGER confirms_kept BEFORE DELETE ON confirms
BEGIN SELECT RAISE(ABORT, 'confirms: a consumed confirmation is never deleted'); END;
CREATE TRIGGER intents_fixed BEFORE UPDATE ON intents
BEGIN SELECT RAISE(ABORT, 'intents: an intent is never changed'); END;
CREATE TRIGGER intents_kept BEFORE DELETE ON intents
BEGIN SELECT RAISE(ABORT, 'intents: an intent is never deleted'); END;
CREATE TRIGGER orders_fixed BEFORE UPDATE OF seq, order_id, intent_key ON orders
BEGIN SELECT RAISE(ABORT, 'orders: the identity of an order is never changed'); END;
CREATE TRIGGER orders_kept BEFORE DELETE ON orders
BEGIN SELECT RAISE(ABORT, 'orders: an order is never deleted'); END;
CREATE TRIGGER signed_fixed BEFORE UPDATE ON signed
BEGIN SELECT RAISE(ABORT, 'signed: the bytes of an order are never changed'); END;
CREATE TRIGGER exec_audit_fixed BEFORE UPDATE ON exec_audit
BEGIN SELECT RAISE(ABORT, 'exec_audit: a row is never changed'); END;
CREATE TRIGGER exec_audit_kept BEFORE DELETE ON exec_audit
BEGIN SELECT RAISE(ABORT, 'exec_audit: a row is never deleted'); END;
CREATE TRIGGER attempts_fixed BEFORE UPDATE OF commit_seq, order_id, number, body_sha256, at_ms ON attempts
BEGIN SELECT RAISE(ABORT, 'attempts: the identity of an attempt is never changed'); END;
CREATE TRIGGER attempts_answered_once BEFORE UPDATE ON attempts WHEN OLD.outcome IS NOT NULL
BEGIN SELECT RAISE(ABORT, 'attempts: an outcome is written once'); END;
CREATE TRIGGER attempts_kept BEFORE DELETE ON attempts
BEGIN SELECT RAISE(ABORT, 'attempts: an attempt is never deleted'); END;
CREATE TRIGGER fills_restated BEFORE INSERT ON fills
WHEN EXISTS (
    SELECT 1 FROM fills AS f
    WHERE f.trade_id = NEW.trade_id AND f.order_id = NEW.order_id
        AND (f.token_id, f.side, f.size, f.cash, f.fee)
            IS NOT (NEW.token_id, NEW.side, NEW.size, NEW.cash, NEW.fee))
BEGIN SELECT RAISE(ABORT, 'fills: a known fill came again with other amounts'); END;
CREATE TRIGGER fills_fixed BEFORE UPDATE OF
    seq, trade_id, order_id, token_id, side, size, cash, fee, matched_ms ON fills
BEGIN SELECT RAISE(ABORT, 'fills: the amounts of a fill are never changed'); END;
CREATE TRIGGER fills_forward BEFORE UPDATE OF settlement ON fills WHEN OLD.settlement <> 'provisional'
BEGIN SELECT RAISE(ABORT, 'fills: a settled fill stays as it is'); END;
CREATE TRIGGER fills_kept BEFORE DELETE ON fills
BEGIN SELECT RAISE(ABORT, 'fills: a fill is never deleted'); END;
CREATE TRIGGER audit_fixed BEFORE UPDATE ON audit
BEGIN SELECT RAISE(ABORT, 'audit: a line is never changed'); END;
CREATE TRIGGER audit_kept BEFORE DELETE ON audit
BEGIN SELECT RAISE(ABORT, 'audit: a line is never deleted'); END;

CREATE VIEW v_intent AS
SELECT intent_key, fingerprint, plan_id, ticket_id, leg, generation, token_id, condition_id, side, price, size,
    time_in_force, expiration_s, payload
FROM intents;

CREATE VIEW v_order AS
SELECT o.order_id, o.intent_key, i.plan_id, i.ticket_id, i.leg, i.token_id, i.side, i.price, i.size,
    o.state, o.is_final, o.filled, o.sends, o.last_send_ms, o.ever_unknown, o.reason
FROM orders AS o JOIN intents AS i USING (intent_key);

CREATE VIEW v_attempt AS
SELECT a.commit_seq, a.order_id, a.number, a.body_sha256, a.at_ms, a.outcome, a.placed, a.filled, a.cash,
    a.trade_ids, a.reason, a.foreign_id, a.answered_ms, e.request_id, e.place_call_ms, e.ack_latency_ms
FROM attempts AS a LEFT JOIN exec_audit AS e ON e.seq = a.exec_seq;

CREATE VIEW v_fill AS
SELECT f.trade_id, f.order_id, o.intent_key, f.token_id, f.side, f.size, f.cash, f.fee, f.settlement, f.matched_ms
FROM fills AS f JOIN orders AS o USING (order_id);

CREATE VIEW v_confirm AS
SELECT c.ticket_id, c.version, c.user_id, c.user_name, c.user_role, c.chat_id, c.message_id, c.plan_id,
    p.fingerprint AS plan_hash, p.payload AS plan, p.spend_max, c.armed_until_ms, c.at_ms
FROM confirms AS c JOIN plans AS p ON p.fingerprint = c.plan_fingerprint;

CREATE VIEW v_audit AS
SELECT seq, prev_hash, payload, hash FROM audit;
