"""The tables of the archive. A released step never changes; a new shape is a new step at the end."""

STEPS = (
    """
    CREATE TABLE conversations(
        n INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, platform TEXT NOT NULL, name TEXT NOT NULL, kind TEXT NOT NULL,
        owner TEXT, revision INTEGER NOT NULL DEFAULT 0);
    CREATE TABLE people(
        n INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, name TEXT NOT NULL, last_seen INTEGER NOT NULL,
        is_owner INTEGER NOT NULL DEFAULT 0);
    CREATE TABLE names(person INTEGER NOT NULL, name TEXT NOT NULL, PRIMARY KEY(person, name)) WITHOUT ROWID;
    CREATE TABLE messages(
        n INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, conversation INTEGER NOT NULL, person INTEGER NOT NULL,
        sender TEXT NOT NULL, sender_name TEXT NOT NULL, sent_at INTEGER NOT NULL, utc_offset INTEGER NOT NULL, kind TEXT NOT NULL,
        text TEXT NOT NULL, quoted TEXT NOT NULL, reply_to TEXT, source_id TEXT, mentions TEXT, attachments TEXT, source TEXT NOT NULL);
    CREATE INDEX messages_in_time ON messages(conversation, sent_at, n);
    CREATE TABLE imports(
        n INTEGER PRIMARY KEY, source TEXT NOT NULL, finished_at TEXT NOT NULL,
        messages INTEGER NOT NULL, added INTEGER NOT NULL, skipped TEXT NOT NULL);
    CREATE TABLE tombstones(hash BLOB PRIMARY KEY) WITHOUT ROWID;
    CREATE TABLE facts(name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID
    """,
    # `main`: the account that stands for the person; NULL: this one. `joins.before`: account id -> [main id, is_owner], to take it back.
    # Aliases: ids under which another export of the same chat brings what is stored already.
    """
    ALTER TABLE people ADD COLUMN main INTEGER;
    CREATE INDEX people_by_main ON people(main);
    CREATE TABLE joins(n INTEGER PRIMARY KEY, made_at TEXT NOT NULL, reason TEXT NOT NULL, before TEXT NOT NULL);
    CREATE TABLE chat_aliases(id TEXT PRIMARY KEY, conversation INTEGER NOT NULL) WITHOUT ROWID;
    CREATE TABLE message_aliases(id TEXT PRIMARY KEY, message INTEGER NOT NULL) WITHOUT ROWID;
    CREATE INDEX message_aliases_of ON message_aliases(message)
    """,
)

# A row of `messages` before it has its number, and the places of its columns.
Row = tuple[str | int | None, ...]
ID, CONVERSATION, PERSON, SENDER, SENDER_NAME, SENT_AT, UTC_OFFSET, KIND, TEXT = range(9)


def second_of(row: Row) -> int:
    """Seconds since 1970 in UTC, rounded down."""
    return int(row[SENT_AT] or 0) // 1000
