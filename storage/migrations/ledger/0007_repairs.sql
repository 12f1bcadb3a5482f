-- A ticket may repair a broken one; its subject names the way and the ticket. The CHECK of the kinds becomes wider
-- where it stands, as in 0003.

PRAGMA writable_schema = ON;
UPDATE sqlite_schema SET sql = replace(sql, '''approve''', '''approve'', ''repair''')
WHERE type = 'table' AND name = 'tickets';
PRAGMA writable_schema = RESET;
