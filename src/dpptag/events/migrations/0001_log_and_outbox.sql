-- The device log: one row an entry, append only. `envelope` is the COSE_Sign1 exactly as made; the other columns repeat
-- what stands in it, so that it can be found, and verify_log compares them.
CREATE TABLE entry (
    seq                  INTEGER PRIMARY KEY CHECK (seq >= 1),
    event_id             TEXT    NOT NULL,
    is_error_declaration INTEGER NOT NULL CHECK (is_error_declaration IN (0, 1)),
    corrective_ids       TEXT    NOT NULL,
    event_time_ms        INTEGER NOT NULL,
    envelope             BLOB    NOT NULL,
    -- An error declaration carries the id of the event that it voids: the id alone does not tell them apart.
    UNIQUE (event_id, is_error_declaration, corrective_ids)
) STRICT;

CREATE TRIGGER entry_is_never_changed BEFORE UPDATE ON entry
BEGIN
    SELECT RAISE(ABORT, 'a log entry is never changed');
END;

CREATE TRIGGER entry_is_never_deleted BEFORE DELETE ON entry
BEGIN
    SELECT RAISE(ABORT, 'a log entry is never deleted');
END;

-- The device key that signs this log, by its RFC 9679 thumbprint.
CREATE TABLE device (
    only_row   INTEGER PRIMARY KEY CHECK (only_row = 1),
    thumbprint BLOB NOT NULL CHECK (length(thumbprint) = 32)
) STRICT;

-- A receiver. Every event up to and including `cursor` is confirmed stored there.
CREATE TABLE target (
    id       INTEGER PRIMARY KEY,
    name     TEXT    NOT NULL UNIQUE,
    cursor   INTEGER NOT NULL DEFAULT 0,
    next_try REAL    NOT NULL DEFAULT 0
) STRICT;

-- How far one event is on its way to one target; no row means new and never tried.
-- `in_doubt`: a request that carried it may have arrived although no answer did, so ask before sending it again.
CREATE TABLE delivery (
    target_id INTEGER NOT NULL REFERENCES target (id),
    seq       INTEGER NOT NULL REFERENCES entry (seq),
    state     TEXT    NOT NULL CHECK (state IN ('new', 'posted', 'stored', 'rejected')),
    attempts  INTEGER NOT NULL DEFAULT 0,
    in_doubt  INTEGER NOT NULL DEFAULT 0 CHECK (in_doubt IN (0, 1)),
    job_url   TEXT CHECK ((job_url IS NOT NULL) = (state = 'posted')),
    reason    TEXT CHECK (reason IS NOT NULL OR state <> 'rejected'),
    PRIMARY KEY (target_id, seq)
) STRICT, WITHOUT ROWID;

CREATE INDEX delivery_by_state ON delivery (target_id, state, seq);
