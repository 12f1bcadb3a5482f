-- Who may send, what every request came to, what may still be lost, and since when an order has ended.
-- Amounts are integers in base units: USDC 1e-6, shares 1e-6; times in ms since 1970.

-- One row per opening of this ledger for writing; the newest epoch alone may send. `wallet` is empty where a command
-- opened it that sends nothing. `stopped_ms` is set by a clean stop: without it the process died or failed.
CREATE TABLE leases (
    epoch INTEGER PRIMARY KEY CHECK (epoch > 0),
    wallet TEXT NOT NULL,
    holder TEXT NOT NULL CHECK (length(holder) > 0),
    acquired_ms INTEGER NOT NULL,
    stopped_ms INTEGER
) STRICT;

CREATE TRIGGER leases_count_up BEFORE INSERT ON leases
WHEN NEW.epoch <> 1 + coalesce((SELECT max(epoch) FROM leases), 0)
BEGIN SELECT RAISE(ABORT, 'leases: epochs count up by one'); END;
CREATE TRIGGER leases_fixed BEFORE UPDATE OF epoch, wallet, holder, acquired_ms ON leases
BEGIN SELECT RAISE(ABORT, 'leases: a lease is never changed'); END;
CREATE TRIGGER leases_stopped_once BEFORE UPDATE OF stopped_ms ON leases
WHEN OLD.stopped_ms IS NOT NULL OR OLD.epoch <> (SELECT max(epoch) FROM leases)
BEGIN SELECT RAISE(ABORT, 'leases: only the newest lease is ended, once'); END;
CREATE TRIGGER leases_kept BEFORE DELETE ON leases
BEGIN SELECT RAISE(ABORT, 'leases: a lease is never deleted'); END;

-- Rows from before this migration have no epoch; no new one is without.
ALTER TABLE attempts ADD COLUMN epoch INTEGER REFERENCES leases (epoch);

CREATE TRIGGER attempts_fenced BEFORE INSERT ON attempts
WHEN NEW.epoch IS NOT (SELECT max(epoch) FROM leases)
BEGIN SELECT RAISE(ABORT, 'attempts: another desk took over'); END;
CREATE TRIGGER attempts_epoch_fixed BEFORE UPDATE OF epoch ON attempts
BEGIN SELECT RAISE(ABORT, 'attempts: the identity of an attempt is never changed'); END;

-- One row per mutating request, not only per POST of orders. Heartbeats have one only where the venue did not take them.
PRAGMA writable_schema = ON;
UPDATE sqlite_schema SET sql = replace(sql, 'CHECK (orders > 0)', 'CHECK (orders >= 0)')
WHERE type = 'table' AND name = 'exec_audit';
PRAGMA writable_schema = RESET;
ALTER TABLE exec_audit ADD COLUMN kind TEXT NOT NULL DEFAULT 'orders'
    CHECK (kind IN ('orders', 'cancel', 'cancel_market', 'cancel_all', 'heartbeat'));
ALTER TABLE exec_audit ADD COLUMN order_ids TEXT NOT NULL DEFAULT '[]';
ALTER TABLE exec_audit ADD COLUMN outcome TEXT NOT NULL DEFAULT '';
ALTER TABLE exec_audit ADD COLUMN status INTEGER;
ALTER TABLE exec_audit ADD COLUMN epoch INTEGER REFERENCES leases (epoch);

-- Since when an order has ended: NULL while it may still execute. Its signed bytes go 24 h later.
ALTER TABLE orders ADD COLUMN ended_ms INTEGER;
UPDATE orders SET ended_ms = last_send_ms WHERE is_final = 1;
CREATE INDEX orders_ended ON orders (ended_ms);

CREATE INDEX fills_unsettled ON fills (order_id) WHERE settlement NOT IN ('confirmed', 'failed');

CREATE TRIGGER signed_kept BEFORE DELETE ON signed
WHEN EXISTS (SELECT 1 FROM orders AS o WHERE o.order_id = OLD.order_id AND o.is_final = 0)
BEGIN SELECT RAISE(ABORT, 'signed: the bytes of an order that may still execute are kept'); END;

-- An intent key means one thing for ever.
CREATE TRIGGER intents_restated BEFORE INSERT ON intents
WHEN EXISTS (
    SELECT 1 FROM intents AS i WHERE i.intent_key = NEW.intent_key AND i.fingerprint <> NEW.fingerprint)
BEGIN SELECT RAISE(ABORT, 'intents: a known key came again with another content'); END;

-- One executable order per leg: a replacement needs a predecessor that has ended and is proven. A refusal after an
-- unanswered send proves nothing: it may speak of the other copy.
CREATE INDEX intents_by_leg ON intents (ticket_id, plan_id, leg, generation);
CREATE TRIGGER intents_one_by_one BEFORE INSERT ON intents
WHEN EXISTS (
    SELECT 1 FROM intents AS i LEFT JOIN orders AS o USING (intent_key)
    WHERE i.ticket_id = NEW.ticket_id AND i.plan_id = NEW.plan_id AND i.leg = NEW.leg
        AND i.intent_key <> NEW.intent_key
        AND (o.order_id IS NULL OR o.is_final = 0 OR (o.state = 'rejected' AND o.ever_unknown = 1)))
BEGIN SELECT RAISE(ABORT, 'intents: the order before this one is not proven to have ended'); END;
CREATE TRIGGER intents_in_turn BEFORE INSERT ON intents
WHEN NEW.generation > 0 AND NOT EXISTS (
    SELECT 1 FROM intents AS i
    WHERE i.ticket_id = NEW.ticket_id AND i.plan_id = NEW.plan_id AND i.leg = NEW.leg
        AND i.generation = NEW.generation - 1)
BEGIN SELECT RAISE(ABORT, 'intents: generations of a leg count up by one'); END;

-- Double entry: every row moves an amount between three accounts of one order, room, reserve and spent.
-- reserve: room to reserve; consume: reserve to spent, by a fill; undo: spent to reserve, by a failed settlement;
-- release: reserve to room. `asset` is 'USDC' for a BUY and the token for a SELL.
CREATE TABLE risk_moves (
    seq INTEGER PRIMARY KEY,
    order_id TEXT NOT NULL REFERENCES orders (order_id),
    asset TEXT NOT NULL CHECK (length(asset) > 0),
    move TEXT NOT NULL CHECK (move IN ('reserve', 'consume', 'undo', 'release')),
    amount INTEGER NOT NULL CHECK (amount > 0),
    trade_id TEXT,
    at_ms INTEGER NOT NULL,
    CHECK ((trade_id IS NOT NULL) = (move IN ('consume', 'undo')))
) STRICT;
CREATE INDEX risk_moves_by_order ON risk_moves (order_id);

CREATE TRIGGER risk_moves_covered BEFORE INSERT ON risk_moves
WHEN NEW.move IN ('consume', 'release') AND NEW.amount > (
    SELECT coalesce(sum(CASE WHEN r.move IN ('reserve', 'undo') THEN r.amount ELSE -r.amount END), 0)
    FROM risk_moves AS r WHERE r.order_id = NEW.order_id)
BEGIN SELECT RAISE(ABORT, 'risk_moves: a reserve never falls below zero'); END;
CREATE TRIGGER risk_moves_undone_once BEFORE INSERT ON risk_moves
WHEN NEW.move = 'undo' AND NEW.amount > (
    SELECT coalesce(sum(CASE r.move WHEN 'consume' THEN r.amount ELSE -r.amount END), 0)
    FROM risk_moves AS r WHERE r.order_id = NEW.order_id AND r.trade_id = NEW.trade_id)
BEGIN SELECT RAISE(ABORT, 'risk_moves: no more is undone than was spent'); END;
CREATE TRIGGER risk_moves_fixed BEFORE UPDATE ON risk_moves
BEGIN SELECT RAISE(ABORT, 'risk_moves: a move is never changed'); END;
CREATE TRIGGER risk_moves_kept BEFORE DELETE ON risk_moves
BEGIN SELECT RAISE(ABORT, 'risk_moves: a move is never deleted'); END;

-- Every state an order was stored in, one after the other.
CREATE TABLE order_steps (
    seq INTEGER PRIMARY KEY,
    order_id TEXT NOT NULL REFERENCES orders (order_id),
    state TEXT NOT NULL
) STRICT;
CREATE INDEX order_steps_by_order ON order_steps (order_id);
INSERT INTO order_steps (order_id, state) SELECT order_id, state FROM orders ORDER BY seq;

CREATE TRIGGER order_steps_first AFTER INSERT ON orders
BEGIN INSERT INTO order_steps (order_id, state) VALUES (NEW.order_id, NEW.state); END;
CREATE TRIGGER order_steps_next AFTER UPDATE OF state ON orders WHEN NEW.state <> OLD.state
BEGIN INSERT INTO order_steps (order_id, state) VALUES (NEW.order_id, NEW.state); END;
CREATE TRIGGER order_steps_fixed BEFORE UPDATE ON order_steps
BEGIN SELECT RAISE(ABORT, 'order_steps: a step is never changed'); END;
CREATE TRIGGER order_steps_kept BEFORE DELETE ON order_steps
BEGIN SELECT RAISE(ABORT, 'order_steps: a step is never deleted'); END;

DROP VIEW v_order;
CREATE VIEW v_order AS
SELECT o.order_id, o.intent_key, i.plan_id, i.ticket_id, i.leg, i.generation, i.token_id, i.condition_id, i.side,
    i.price, i.size, i.time_in_force, o.state, o.is_final, o.filled, o.sends, o.last_send_ms, o.ever_unknown,
    o.ended_ms, o.reason
FROM orders AS o JOIN intents AS i USING (intent_key);

DROP VIEW v_attempt;
CREATE VIEW v_attempt AS
SELECT a.commit_seq, a.order_id, a.number, a.epoch, a.body_sha256, a.at_ms, a.outcome, a.placed, a.filled, a.cash,
    a.trade_ids, a.reason, a.foreign_id, a.answered_ms, e.request_id, e.status, e.place_call_ms, e.ack_latency_ms
FROM attempts AS a LEFT JOIN exec_audit AS e ON e.seq = a.exec_seq;

CREATE VIEW v_step AS
SELECT seq, order_id, state FROM order_steps;

CREATE VIEW v_request AS
SELECT seq, request_id, kind, order_ids, outcome, status, epoch, at_ms, place_call_ms, ack_latency_ms
FROM exec_audit;

CREATE VIEW v_risk AS
SELECT r.seq, r.order_id, o.intent_key, r.asset, r.move, r.amount, r.trade_id, r.at_ms
FROM risk_moves AS r JOIN orders AS o USING (order_id);

CREATE VIEW v_lease AS
SELECT epoch, wallet, holder, acquired_ms, stopped_ms, epoch = (SELECT max(epoch) FROM leases) AS is_current
FROM leases;
