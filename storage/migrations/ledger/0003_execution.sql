-- Orders end in one more way (killed), are sent with one more type (FOK), and tickets may ask for one order or an
-- approval. Only CHECKs become wider, which no stored row notices: their text is changed where it stands, as SQLite's
-- page on ALTER TABLE describes, because these tables cannot be rebuilt while others refer to them.

PRAGMA writable_schema = ON;
UPDATE sqlite_schema SET sql = replace(sql, '''rejected'', ''dead''', '''killed'', ''rejected'', ''dead''')
WHERE type = 'table' AND name = 'orders';
UPDATE sqlite_schema SET sql = replace(sql, '''GTC'', ''GTD'', ''FAK''', '''GTC'', ''GTD'', ''FAK'', ''FOK''')
WHERE type = 'table' AND name = 'intents';
UPDATE sqlite_schema SET sql = replace(sql, '''dutch'', ''resume''', '''dutch'', ''resume'', ''order'', ''approve''')
WHERE type = 'table' AND name = 'tickets';
PRAGMA writable_schema = RESET;

-- The settlement of a fill is told in the venue's own five steps; only the last two are final.

DROP VIEW v_fill;

CREATE TABLE fills_by_step (
    seq INTEGER PRIMARY KEY,
    trade_id TEXT NOT NULL CHECK (length(trade_id) > 0),
    order_id TEXT NOT NULL REFERENCES orders (order_id),
    token_id TEXT NOT NULL,
    side TEXT NOT NULL CHECK (side IN ('BUY', 'SELL')),
    size INTEGER NOT NULL CHECK (size > 0),
    cash INTEGER NOT NULL CHECK (cash >= 0),
    fee INTEGER NOT NULL CHECK (fee >= 0),
    settlement TEXT NOT NULL CHECK (settlement IN ('matched', 'mined', 'retrying', 'confirmed', 'failed')),
    matched_ms INTEGER NOT NULL,
    UNIQUE (trade_id, order_id)
) STRICT;
INSERT INTO fills_by_step (seq, trade_id, order_id, token_id, side, size, cash, fee, settlement, matched_ms)
SELECT seq, trade_id, order_id, token_id, side, size, cash, fee,
    CASE settlement WHEN 'provisional' THEN 'matched' WHEN 'voided' THEN 'failed' ELSE settlement END, matched_ms
FROM fills;
DROP TABLE fills;
ALTER TABLE fills_by_step RENAME TO fills;
CREATE INDEX fills_by_order ON fills (order_id);
CREATE INDEX fills_by_time ON fills (matched_ms);

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
CREATE TRIGGER fills_forward BEFORE UPDATE OF settlement ON fills WHEN OLD.settlement IN ('confirmed', 'failed')
BEGIN SELECT RAISE(ABORT, 'fills: a settled fill stays as it is'); END;
CREATE TRIGGER fills_kept BEFORE DELETE ON fills
BEGIN SELECT RAISE(ABORT, 'fills: a fill is never deleted'); END;

CREATE VIEW v_fill AS
SELECT f.trade_id, f.order_id, o.intent_key, f.token_id, f.side, f.size, f.cash, f.fee, f.settlement, f.matched_ms
FROM fills AS f JOIN orders AS o USING (order_id);
