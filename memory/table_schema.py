"""The tables of the memory in the archive's file, as a list of migrations; a step that was released is never changed."""

from memory.lexical import SCHEMA as LEXICAL_SCHEMA
from memory.lexical import TURNS_ALONE

STEPS = (
    """
    CREATE TABLE memory_keys(n INTEGER PRIMARY KEY, key TEXT NOT NULL UNIQUE);
    CREATE TABLE memory_state(conversation INTEGER PRIMARY KEY, revision INTEGER NOT NULL);
    CREATE TABLE memory_facts(name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
    CREATE TABLE memory_sessions(n INTEGER PRIMARY KEY AUTOINCREMENT, conversation INTEGER NOT NULL, hash BLOB NOT NULL);
    CREATE INDEX memory_sessions_of ON memory_sessions(conversation);
    CREATE TABLE memory_passages(
        n INTEGER PRIMARY KEY AUTOINCREMENT, session INTEGER NOT NULL, conversation INTEGER NOT NULL, person INTEGER NOT NULL,
        started_at INTEGER NOT NULL, ended_at INTEGER NOT NULL, utc_offset INTEGER NOT NULL, text TEXT NOT NULL, messages TEXT NOT NULL,
        vector BLOB, stored INTEGER NOT NULL DEFAULT 0);
    CREATE INDEX memory_passages_of ON memory_passages(session);
    CREATE INDEX memory_passages_when ON memory_passages(started_at);
    CREATE INDEX memory_passages_who ON memory_passages(person);
    CREATE INDEX memory_passages_where ON memory_passages(conversation);
    CREATE INDEX memory_passages_left ON memory_passages(n) WHERE stored = 0;
    CREATE TABLE memory_segments(
        n INTEGER PRIMARY KEY AUTOINCREMENT, session INTEGER NOT NULL, first INTEGER NOT NULL, last INTEGER NOT NULL,
        stored INTEGER NOT NULL DEFAULT 0);
    CREATE INDEX memory_segments_of ON memory_segments(session);
    CREATE INDEX memory_segments_left ON memory_segments(n) WHERE stored = 0;
    CREATE TABLE memory_removed(granularity TEXT NOT NULL, n INTEGER NOT NULL, PRIMARY KEY(granularity, n)) WITHOUT ROWID
    """,
    LEXICAL_SCHEMA,
    # What `memory.switching` has built for another embedding model; a segment's vector is b"" where it has one.
    "CREATE TABLE memory_next(granularity TEXT NOT NULL, n INTEGER NOT NULL, vector BLOB, PRIMARY KEY(granularity, n))",
    TURNS_ALONE,
)
