-- Reviews of an event's rules, and the freeze between a change of rules and its review. Times in ms since 1970.

-- One row per review, kept for ever; the newest row of an event speaks. `rules` is the canonical text whose SHA-256
-- is `rules_hash`, so that a later difference can be shown and a checker can recompute the hash.
-- `user_id` is NULL where `who` is 'config' (an entry of the TOML) or 'command line'.
CREATE TABLE reviews (
    seq INTEGER PRIMARY KEY,
    event_id TEXT NOT NULL CHECK (length(event_id) > 0),
    rules_hash TEXT NOT NULL CHECK (length(rules_hash) = 64),
    rules TEXT NOT NULL CHECK (length(rules) > 0),
    user_id INTEGER,
    who TEXT NOT NULL CHECK (length(who) > 0),
    at_ms INTEGER NOT NULL,
    CHECK (user_id IS NOT NULL OR who IN ('config', 'command line'))
) STRICT;
CREATE INDEX reviews_by_event ON reviews (event_id, seq);

-- Apart from `freezes`, which a broken ticket makes and a resume lifts: only a review lifts this one.
-- `after_review` is the number of the newest review when it was made, 0 for none.
CREATE TABLE rules_freezes (
    event_id TEXT PRIMARY KEY,
    rules_hash TEXT NOT NULL CHECK (length(rules_hash) = 64),
    reason TEXT NOT NULL,
    at_ms INTEGER NOT NULL,
    after_review INTEGER NOT NULL CHECK (after_review >= 0)
) STRICT;

CREATE TRIGGER reviews_fixed BEFORE UPDATE ON reviews
BEGIN SELECT RAISE(ABORT, 'reviews: a review is never changed'); END;
CREATE TRIGGER reviews_kept BEFORE DELETE ON reviews
BEGIN SELECT RAISE(ABORT, 'reviews: a review is never deleted'); END;
CREATE TRIGGER rules_freezes_kept BEFORE DELETE ON rules_freezes
WHEN NOT EXISTS (SELECT 1 FROM reviews AS r WHERE r.event_id = OLD.event_id AND r.seq > OLD.after_review)
BEGIN SELECT RAISE(ABORT, 'rules_freezes: only a newer review lifts this freeze'); END;

-- Every review with whether it is its event's newest, and whether the event waits for another one.
CREATE VIEW v_review AS
SELECT r.seq, r.event_id, r.rules_hash, r.rules, r.user_id, r.who, r.at_ms,
    r.seq = (SELECT max(n.seq) FROM reviews AS n WHERE n.event_id = r.event_id) AS is_newest,
    EXISTS (SELECT 1 FROM rules_freezes AS f WHERE f.event_id = r.event_id) AS is_frozen
FROM reviews AS r;
