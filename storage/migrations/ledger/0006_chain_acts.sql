-- Acts on chain that this desk intended: merges and redemptions. Stored before anything is submitted; what one moves
-- counts only as done, which is written when the wallet was read to show it.

CREATE TABLE chain_acts (
    seq INTEGER PRIMARY KEY,
    act_id TEXT NOT NULL UNIQUE CHECK (length(act_id) > 0),
    kind TEXT NOT NULL CHECK (kind IN ('merge', 'redeem')),
    ticket_id TEXT,
    event_id TEXT NOT NULL,
    code TEXT NOT NULL,
    name TEXT NOT NULL,
    condition_id TEXT NOT NULL,
    yes TEXT NOT NULL,
    no TEXT NOT NULL,
    yes_size INTEGER NOT NULL CHECK (yes_size >= 0),
    no_size INTEGER NOT NULL CHECK (no_size >= 0),
    payout INTEGER NOT NULL CHECK (payout >= 0),
    yes_beyond INTEGER NOT NULL,
    no_beyond INTEGER NOT NULL,
    stage TEXT NOT NULL CHECK (stage IN ('intended', 'confirmed', 'unknown', 'done', 'failed')),
    reference TEXT NOT NULL,
    reason TEXT NOT NULL,
    created_ms INTEGER NOT NULL,
    ended_ms INTEGER,
    CHECK (kind <> 'merge' OR (yes_size = no_size AND payout = yes_size))
) STRICT;

CREATE TRIGGER chain_acts_fixed BEFORE UPDATE OF act_id, kind, ticket_id, event_id, condition_id, yes, no, yes_size,
    no_size, payout, yes_beyond, no_beyond, created_ms ON chain_acts
BEGIN SELECT RAISE(ABORT, 'chain_acts: what was intended is never changed'); END;
CREATE TRIGGER chain_acts_end_once BEFORE UPDATE OF stage ON chain_acts
WHEN OLD.stage IN ('done', 'failed') AND NEW.stage <> OLD.stage
BEGIN SELECT RAISE(ABORT, 'chain_acts: an act ends once'); END;
CREATE TRIGGER chain_acts_kept BEFORE DELETE ON chain_acts
BEGIN SELECT RAISE(ABORT, 'chain_acts: an act is never deleted'); END;

CREATE VIEW v_act AS
SELECT seq, act_id, kind, ticket_id, event_id, condition_id, yes, no, yes_size, no_size, payout, stage, reference, reason,
    created_ms, ended_ms
FROM chain_acts;
