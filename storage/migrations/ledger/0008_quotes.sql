-- A ticket may ask for a grant to quote a market, whose terms are kept as JSON, and orders placed under such a grant
-- have tickets of their own. The CHECK of the kinds becomes wider where it stands, as in 0003.

ALTER TABLE tickets ADD COLUMN spread TEXT CHECK (spread IS NULL OR kind = 'spread');
PRAGMA writable_schema = ON;
UPDATE sqlite_schema SET sql = replace(sql, '''approve''', '''approve'', ''spread'', ''quote''')
WHERE type = 'table' AND name = 'tickets';
PRAGMA writable_schema = RESET;
