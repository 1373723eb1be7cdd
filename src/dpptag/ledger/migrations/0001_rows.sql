-- A row is one attempt to put one item on one chip. Unstarted rows of a job are not here: the job file has them.

CREATE TABLE jobs (
    id          INTEGER PRIMARY KEY,
    name        TEXT    NOT NULL UNIQUE,
    file_sha256 BLOB    NOT NULL,             -- of the job file as last registered
    row_count   INTEGER NOT NULL,
    end_state   TEXT    NOT NULL CHECK (end_state IN ('verified', 'locked')),
    created_at  TEXT    NOT NULL
) STRICT;

CREATE TABLE rows (
    id              INTEGER PRIMARY KEY,
    job_id          INTEGER NOT NULL REFERENCES jobs (id),
    number          INTEGER NOT NULL CHECK (number > 0),
    attempt         INTEGER NOT NULL CHECK (attempt > 0),
    identity        TEXT    NOT NULL,         -- exactly as signed
    serial_key      TEXT,                     -- GS1 key and serial; NULL where the identity is no GS1 link
    passport_sha256 BLOB    NOT NULL,
    state           TEXT    NOT NULL
        CHECK (state IN ('reserved', 'writing', 'written', 'verified', 'locked', 'void')),
    chip            BLOB,                     -- set with the step to 'writing', never changed
    message         BLOB,                     -- the NDEF message, signature included, as it must stand on the tag
    level           TEXT,
    former_sha256   BLOB,                     -- of the message that stood there before; NULL where there was none
    protection      TEXT,                     -- how each password and key is derived, never the secret itself
    reason          TEXT,
    created_at      TEXT    NOT NULL,
    changed_at      TEXT    NOT NULL,
    UNIQUE (job_id, number, attempt),
    CHECK ((chip IS NULL) = (message IS NULL) AND (chip IS NULL) = (level IS NULL)),
    CHECK (state = 'void' OR (state = 'reserved') = (chip IS NULL)),
    CHECK ((state = 'void') = (reason IS NOT NULL))
) STRICT;

CREATE UNIQUE INDEX one_live_row_per_identity   ON rows (identity)       WHERE state <> 'void';
CREATE UNIQUE INDEX one_live_row_per_serial     ON rows (serial_key)     WHERE state <> 'void';
CREATE UNIQUE INDEX one_live_row_per_chip       ON rows (chip)           WHERE state <> 'void';
CREATE UNIQUE INDEX one_live_row_per_job_number ON rows (job_id, number) WHERE state <> 'void';
CREATE INDEX rows_by_identity ON rows (identity);
CREATE INDEX rows_by_serial   ON rows (serial_key);

CREATE TRIGGER rows_are_kept BEFORE DELETE ON rows
BEGIN
    SELECT RAISE(ABORT, 'ledger rows are never deleted');
END;

CREATE TRIGGER row_content_is_fixed
BEFORE UPDATE OF id, job_id, number, attempt, identity, serial_key, passport_sha256, created_at ON rows
BEGIN
    SELECT RAISE(ABORT, 'what a row is about never changes');
END;

CREATE TRIGGER chip_and_message_are_written_once
BEFORE UPDATE OF chip, message, level, former_sha256, protection ON rows WHEN OLD.chip IS NOT NULL
BEGIN
    SELECT RAISE(ABORT, 'the chip and the message of a row never change');
END;

CREATE TABLE transitions (
    id         INTEGER PRIMARY KEY,
    row_id     INTEGER NOT NULL REFERENCES rows (id),
    from_state TEXT,                          -- NULL: the row was made; equal to to_state: a note
    to_state   TEXT    NOT NULL,
    at         TEXT    NOT NULL,
    detail     TEXT    NOT NULL
) STRICT;

CREATE INDEX transitions_by_row ON transitions (row_id);

CREATE TRIGGER transitions_are_not_edited BEFORE UPDATE ON transitions
BEGIN
    SELECT RAISE(ABORT, 'the audit trail is append-only');
END;

CREATE TRIGGER transitions_are_kept BEFORE DELETE ON transitions
BEGIN
    SELECT RAISE(ABORT, 'the audit trail is append-only');
END;

CREATE TABLE revocations (                    -- tags that may carry a good statement of ours but must not pass
    id       INTEGER PRIMARY KEY,
    row_id   INTEGER NOT NULL UNIQUE REFERENCES rows (id),
    identity TEXT    NOT NULL,
    chip     BLOB    NOT NULL,
    reason   TEXT    NOT NULL,
    at       TEXT    NOT NULL
) STRICT;

CREATE INDEX revocations_by_tag ON revocations (identity, chip);

CREATE TRIGGER revocations_are_not_edited BEFORE UPDATE ON revocations
BEGIN
    SELECT RAISE(ABORT, 'a revocation is final');
END;

CREATE TRIGGER revocations_are_kept BEFORE DELETE ON revocations
BEGIN
    SELECT RAISE(ABORT, 'a revocation is final');
END;
