-- A ticket may ask for a standing grant, whose terms are kept as JSON. The CHECK of the kinds becomes wider where it
-- stands, as in 0003.

ALTER TABLE tickets ADD COLUMN auto TEXT CHECK (auto IS NULL OR kind = 'auto');
PRAGMA writable_schema = ON;
UPDATE sqlite_schema SET sql = replace(sql, '''approve''', '''approve'', ''auto''')
WHERE type = 'table' AND name = 'tickets';
PRAGMA writable_schema = RESET;
