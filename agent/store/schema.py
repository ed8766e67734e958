"""The SQL of the agent's database, one step a schema version; ``store.py`` runs the steps that a file lacks.

Not for: queries. A step, once released, is never edited: the next version adds another.

Long because no step ever goes.
"""

V1 = """
CREATE TABLE force (
    one             INTEGER PRIMARY KEY CHECK (one = 1),
    name            TEXT NOT NULL,
    public_key      TEXT NOT NULL,
    portal          TEXT NOT NULL,
    uploads         TEXT NOT NULL,
    confirmed_at    INTEGER NOT NULL,
    confirmed_by    TEXT NOT NULL
) STRICT;

CREATE TABLE cameras (
    camera_id       TEXT PRIMARY KEY,
    registration    TEXT NOT NULL,               -- CameraRegistration, JSON
    address         TEXT NOT NULL,               -- CameraAddress, JSON: how to reach it; never leaves the house
    stream_uri      TEXT NOT NULL,               -- without user name or password
    facts           TEXT NOT NULL,               -- CameraFacts, JSON, as last read
    registered      INTEGER NOT NULL DEFAULT 1,
    added_at        INTEGER NOT NULL
) STRICT;

CREATE TABLE registrations (
    revision        INTEGER PRIMARY KEY,
    document        TEXT NOT NULL,
    signature       TEXT NOT NULL,
    sent_at         INTEGER
) STRICT;

CREATE TABLE requests (
    request_id      TEXT PRIMARY KEY,
    sha256          TEXT NOT NULL,
    document        TEXT NOT NULL,
    signature       TEXT NOT NULL,
    state           TEXT NOT NULL,
    state_at        INTEGER NOT NULL,
    received_at     INTEGER NOT NULL,
    expires_at      INTEGER NOT NULL,            -- 0 where the request could not be read
    officer         TEXT,                        -- the verified credential, JSON
    refusal         TEXT,                        -- Signed[Refusal], JSON
    answered_at     INTEGER,                     -- when the portal took the decision or refusal
    failures        INTEGER NOT NULL DEFAULT 0,  -- of the step at hand, in a row
    retry_at        INTEGER NOT NULL DEFAULT 0,
    trouble         TEXT                         -- the last failure, in words for the owner
) STRICT;
CREATE INDEX requests_by_state ON requests (state);

CREATE TABLE plans (
    request_id      TEXT PRIMARY KEY REFERENCES requests ON DELETE CASCADE,
    plan            TEXT NOT NULL,
    sha256          TEXT NOT NULL,
    made_at         INTEGER NOT NULL
) STRICT;

CREATE TABLE decisions (
    request_id      TEXT PRIMARY KEY REFERENCES requests ON DELETE RESTRICT,
    document        TEXT NOT NULL,
    signature       TEXT NOT NULL,
    decided_at      INTEGER NOT NULL
) STRICT;

CREATE TABLE packages (
    evidence_id     TEXT PRIMARY KEY,
    request_id      TEXT NOT NULL REFERENCES requests ON DELETE RESTRICT,
    position        INTEGER NOT NULL,            -- of the asked camera in the request
    clip            TEXT NOT NULL,               -- what was cut, JSON
    evidence        TEXT,                        -- Signed[Evidence], JSON: fixed before sealing begins
    custody         BLOB,                        -- data/custody.jsonl of this package
    checkpoint      TEXT,
    path            TEXT,
    ciphertext_sha256 TEXT,
    size            INTEGER,
    sealed_at       INTEGER,
    delivery_id     TEXT UNIQUE,
    upload_url      TEXT,
    uploaded_at     INTEGER,
    delivery        TEXT,                        -- Signed[Delivery], JSON
    delivered_at    INTEGER,
    receipt         TEXT,                        -- Signed[Receipt], JSON
    receipt_at      INTEGER,
    UNIQUE (request_id, position)
) STRICT;

CREATE TABLE custody (
    seq             INTEGER PRIMARY KEY,
    request_id      TEXT,
    line            TEXT NOT NULL,
    leaf            BLOB NOT NULL                -- RFC 6962 leaf hash of the line
) STRICT;
CREATE INDEX custody_by_request ON custody (request_id);

CREATE TABLE checkpoints (
    size            INTEGER PRIMARY KEY,
    note            TEXT NOT NULL,
    sent_at         INTEGER
) STRICT;

CREATE TABLE clock_checks (
    camera_id       TEXT NOT NULL,
    at              INTEGER NOT NULL,
    result          TEXT NOT NULL,               -- ClockCheck, JSON
    PRIMARY KEY (camera_id, at)
) STRICT;

CREATE TABLE notes (
    name            TEXT PRIMARY KEY,            -- small facts of the daemon: the inbox's cursor, the last contact
    value           TEXT NOT NULL
) STRICT;
"""

V2 = """
-- Where each camera's footage comes from: SourceSetting, JSON.
ALTER TABLE cameras ADD COLUMN source TEXT NOT NULL DEFAULT '{"kind": "recorder"}';

CREATE TABLE source_reach (
    camera_id       TEXT NOT NULL,
    at              INTEGER NOT NULL,
    oldest          INTEGER NOT NULL,            -- where the device's oldest footage began, at that time
    PRIMARY KEY (camera_id, at)
) STRICT;
"""

V3 = """
-- The stamp over a package's manifest: a TimeStampResp (RFC 3161), kept before the package is sealed.
ALTER TABLE packages ADD COLUMN timestamp BLOB;
"""

V4 = """
-- What uploads learnt: bytes of a piece that the way to the portal takes (NULL: any); bytes given away and counted.
ALTER TABLE force ADD COLUMN largest_piece INTEGER;
ALTER TABLE packages ADD COLUMN bytes_sent INTEGER NOT NULL DEFAULT 0;
ALTER TABLE packages ADD COLUMN bytes_counted INTEGER NOT NULL DEFAULT 0;
"""

V5 = """
-- What a first person said yes to, where two must agree: FirstYes, JSON. It goes when the plan changes.
CREATE TABLE agreements (
    request_id      TEXT PRIMARY KEY REFERENCES requests ON DELETE CASCADE,
    agreement       TEXT NOT NULL
) STRICT;

-- The owner's notes by evidence id, JSON: the decision names them by their hash, the packages hold them.
ALTER TABLE decisions ADD COLUMN observed TEXT NOT NULL DEFAULT '{}';

-- Where a request came from: the portal, or the owner who wrote it down (noted).
ALTER TABLE requests ADD COLUMN origin TEXT NOT NULL DEFAULT 'portal';

CREATE TABLE people (
    person_id       TEXT PRIMARY KEY,
    name            TEXT NOT NULL,
    role            TEXT NOT NULL,
    os_user         TEXT UNIQUE,                 -- the operating system's user who is this person at a terminal
    cameras         TEXT,                        -- JSON: the camera ids that they may hand over; NULL: all
    password        TEXT,                        -- Argon2id, as its own encoded text
    joined_at       INTEGER NOT NULL
) STRICT;

CREATE TABLE passkeys (
    credential_id   BLOB PRIMARY KEY,
    person_id       TEXT NOT NULL REFERENCES people ON DELETE CASCADE,
    passkey         BLOB NOT NULL,               -- the public key (COSE)
    sign_count      INTEGER NOT NULL,
    joined_at       INTEGER NOT NULL
) STRICT;

CREATE TABLE invitations (
    code_sha256     TEXT PRIMARY KEY,
    person_id       TEXT NOT NULL REFERENCES people ON DELETE CASCADE,
    ends_at         INTEGER NOT NULL
) STRICT;

CREATE TABLE sessions (
    token_sha256    TEXT PRIMARY KEY,
    person_id       TEXT NOT NULL REFERENCES people ON DELETE CASCADE,
    ends_at         INTEGER NOT NULL,
    seen_at         INTEGER NOT NULL,
    proven_by       TEXT NOT NULL                -- passkey, password, or code
) STRICT;

-- Messages to the owner's people, from when they are due until a month after.
CREATE TABLE messages (
    message_key     TEXT PRIMARY KEY,            -- what it is about, and to whom: each goes once
    recipient_id    TEXT NOT NULL,
    request_id      TEXT,
    subject         TEXT NOT NULL,
    body            TEXT NOT NULL,
    made_at         INTEGER NOT NULL,
    due_at          INTEGER NOT NULL,
    ends_at         INTEGER,                     -- when it is of no use any more
    tries           INTEGER NOT NULL DEFAULT 0,
    failure         TEXT,
    sent_at         INTEGER,
    given_up_at     INTEGER
) STRICT;

-- What the owner offered unasked: the signed notice, and what became of it.
CREATE TABLE offers (
    offer_id        TEXT PRIMARY KEY,
    document        TEXT NOT NULL,
    signature       TEXT NOT NULL,
    made_at         INTEGER NOT NULL,
    ends_at         INTEGER NOT NULL,
    wanted          INTEGER NOT NULL,            -- 1: the portal is to be told of it, or of its end
    sent_at         INTEGER,
    ended_at        INTEGER,
    failure         TEXT
) STRICT;

-- How cameras' pictures were of late, in figures, and what each usually looks like (96 x 54 grey levels, base64).
CREATE TABLE health_looks (
    camera_id       TEXT NOT NULL,
    at              INTEGER NOT NULL,
    measured        TEXT NOT NULL,
    PRIMARY KEY (camera_id, at)
) STRICT;

CREATE TABLE health_references (
    camera_id       TEXT PRIMARY KEY,
    reference       TEXT NOT NULL
) STRICT;

-- Who did what, on the page or at a terminal. Not the custody log: this never leaves the house.
CREATE TABLE deeds (
    deed_id         INTEGER PRIMARY KEY,
    at              INTEGER NOT NULL,
    person          TEXT NOT NULL,
    deed            TEXT NOT NULL,
    about           TEXT
) STRICT;
"""

V6 = """
-- Deliveries: ways to hand a package over. The way that the owner chose, JSON (Chosen); none: the usual one.
CREATE TABLE chosen_ways (
    request_id      TEXT PRIMARY KEY REFERENCES requests ON DELETE CASCADE,
    chosen          TEXT NOT NULL
) STRICT;

-- The files that go, where they are not the portal's: laid out once, so that each try sends the same bytes.
CREATE TABLE handed_files (
    request_id      TEXT NOT NULL REFERENCES requests ON DELETE CASCADE,
    position        INTEGER NOT NULL,
    evidence_id     TEXT,                        -- NULL: a page beside them
    name            TEXT NOT NULL,
    path            TEXT NOT NULL,               -- on our disk
    size            INTEGER NOT NULL,
    sha256          TEXT NOT NULL,
    begun_at        INTEGER,
    handed_at       INTEGER,
    PRIMARY KEY (request_id, name)
) STRICT;

-- When a package's last file lay at a place that is not ours. Another way may be chosen then; this stays.
ALTER TABLE packages ADD COLUMN left_at INTEGER;

-- Backups: the owner's own copies.
CREATE TABLE own_copies (
    copy_id         TEXT PRIMARY KEY,            -- the evidence id, and the edition where it is not the first
    evidence_id     TEXT NOT NULL REFERENCES packages ON DELETE CASCADE,
    filed_as        TEXT NOT NULL,               -- below backups/filed and at places with telling names; no ending
    checked_at      INTEGER,                     -- when its bytes were last found to be those that were sealed
    damage          TEXT,                        -- what is wrong with it on this disk
    announced_at    INTEGER                      -- when its deletion was announced
) STRICT;

CREATE TABLE second_copies (
    copy_id         TEXT NOT NULL,
    place           TEXT NOT NULL,
    name            TEXT NOT NULL,               -- there
    put_at          INTEGER,                     -- NULL until it lies there whole
    checked_at      INTEGER,
    damage          TEXT,
    leaving         INTEGER NOT NULL DEFAULT 0,  -- 1: to be removed there
    PRIMARY KEY (copy_id, place)
) STRICT;

CREATE TABLE state_copies (
    place           TEXT NOT NULL,
    name            TEXT NOT NULL,
    sha256          TEXT NOT NULL,
    size            INTEGER NOT NULL,
    made_at         INTEGER NOT NULL,
    PRIMARY KEY (place, name)
) STRICT;

CREATE TABLE backup_runs (
    place           TEXT PRIMARY KEY,
    worked_at       INTEGER,                     -- when all that should lie there last did
    failing_since   INTEGER,
    failure         TEXT,
    tries           INTEGER NOT NULL DEFAULT 0,
    retry_at        INTEGER NOT NULL DEFAULT 0
) STRICT;

-- What must not be deleted until somebody says so, whatever retention says.
CREATE TABLE legal_holds (
    request_id      TEXT PRIMARY KEY REFERENCES requests ON DELETE CASCADE,
    reason          TEXT NOT NULL,
    held_by         TEXT NOT NULL,
    held_since      INTEGER NOT NULL
) STRICT;

-- Feedback: what the force said after the receipt, and the owner's answers.
CREATE TABLE feedback (
    feedback_id     TEXT PRIMARY KEY,
    request_id      TEXT NOT NULL REFERENCES requests ON DELETE RESTRICT,
    evidence_id     TEXT,                        -- NULL of a rating, which is of the whole request
    kind            TEXT NOT NULL,               -- FeedbackKind
    origin          TEXT NOT NULL,               -- portal: an officer signed it; noted: written down; owner: theirs
    document        TEXT NOT NULL,
    signature       TEXT NOT NULL,
    arrived_at      INTEGER NOT NULL,            -- when it came, or was written here
    question_id     TEXT UNIQUE,                 -- of an answer: one a question
    wanted          INTEGER NOT NULL DEFAULT 0,  -- 1: the portal is to be brought it
    sent_at         INTEGER,
    failure         TEXT,
    settled_at      INTEGER                      -- of "can't be played": when it was sent again, or left
) STRICT;
CREATE INDEX feedback_by_request ON feedback (request_id, arrived_at);

-- When the owner was first asked; it stays here.
ALTER TABLE requests ADD COLUMN asked_at INTEGER;

-- Which time a package is sent (1: the first), and which edition of it that is (one with another copy is the next).
ALTER TABLE packages ADD COLUMN sending INTEGER NOT NULL DEFAULT 1;
ALTER TABLE packages ADD COLUMN edition INTEGER NOT NULL DEFAULT 1;

-- What was sent before, when a package is sent again because it could not be played.
CREATE TABLE former_sendings (
    evidence_id     TEXT NOT NULL REFERENCES packages ON DELETE CASCADE,
    sending         INTEGER NOT NULL,
    request_id      TEXT NOT NULL,
    edition         INTEGER NOT NULL,
    clip            TEXT NOT NULL,
    evidence        TEXT NOT NULL,
    custody         BLOB,
    checkpoint      TEXT,
    path            TEXT,
    ciphertext_sha256 TEXT NOT NULL,
    size            INTEGER NOT NULL,
    sealed_at       INTEGER NOT NULL,
    delivery_id     TEXT,
    upload_url      TEXT,
    uploaded_at     INTEGER,
    delivery        TEXT,
    delivered_at    INTEGER NOT NULL,
    left_at         INTEGER,
    receipt         TEXT,
    receipt_at      INTEGER,
    bytes_sent      INTEGER NOT NULL,
    bytes_counted   INTEGER NOT NULL,
    again_document  TEXT NOT NULL,               -- SendAgain: the owner's word that the next one is sent
    again_signature TEXT NOT NULL,
    PRIMARY KEY (evidence_id, sending)
) STRICT;

-- Backups: the files of what was sealed, and of earlier editions of it; NULL paths were deleted.
CREATE VIEW sealed_files AS
    SELECT CASE edition WHEN 1 THEN evidence_id ELSE evidence_id || '-' || edition END AS copy_id,
           path, ciphertext_sha256, size FROM packages
    UNION
    SELECT CASE edition WHEN 1 THEN evidence_id ELSE evidence_id || '-' || edition END,
           path, ciphertext_sha256, size FROM former_sendings;

-- Correspondence and records of requests.
-- The lawful basis for sharing that the owner chose for a request, by its key in the jurisdiction's wording.
CREATE TABLE bases (
    request_id      TEXT PRIMARY KEY REFERENCES requests ON DELETE CASCADE,
    basis           TEXT NOT NULL,
    why             TEXT,
    chosen_by       TEXT NOT NULL,
    chosen_at       INTEGER NOT NULL
) STRICT;

-- Mails, notes and files about a request, or about what a person filmed asked for; their bytes lie in records/.
CREATE TABLE correspondence (
    item_id         TEXT PRIMARY KEY,
    about           TEXT NOT NULL,
    kind            TEXT NOT NULL,
    at              INTEGER NOT NULL,
    dated           INTEGER NOT NULL,            -- 1: somebody said when; 0: "at" is when it was added
    added_at        INTEGER NOT NULL,
    added_by        TEXT NOT NULL,
    sender          TEXT NOT NULL,
    recipients      TEXT NOT NULL,
    subject         TEXT NOT NULL,
    text            TEXT NOT NULL,
    cut             INTEGER NOT NULL,            -- 1: "text" is not all of it
    name            TEXT NOT NULL,
    sha256          TEXT,
    size            INTEGER,
    attached        TEXT NOT NULL                -- JSON: name, kind, bytes of each
) STRICT;
CREATE INDEX correspondence_by_about ON correspondence (about);

-- What people who were filmed asked the owner for: what is held and was shared of them, to erase it, to stop.
CREATE TABLE subject_requests (
    subject_id      TEXT PRIMARY KEY,
    wish            TEXT NOT NULL,               -- access, erasure, objection, restriction
    person          TEXT NOT NULL,
    contact         TEXT,
    described       TEXT NOT NULL,               -- how they are known in the pictures, in words
    identified      TEXT,                        -- how it was made sure that it is them; NULL: not yet
    windows         TEXT NOT NULL,               -- JSON: from, to
    cameras         TEXT NOT NULL,               -- JSON: camera ids; none: all
    received_at     INTEGER NOT NULL,
    due_at          INTEGER NOT NULL,
    recorded_at     INTEGER NOT NULL,
    recorded_by     TEXT NOT NULL,
    extended_why    TEXT,                        -- why it takes two months more, as they were told
    answer          TEXT,                        -- given, partly, withheld, refused
    reasons         TEXT,
    answered_at     INTEGER,
    answered_by     TEXT
) STRICT;

-- What each package is called in court: the number is given once, and never again.
CREATE TABLE exhibits (
    evidence_id     TEXT PRIMARY KEY,
    reference       TEXT NOT NULL UNIQUE COLLATE NOCASE,
    number          INTEGER UNIQUE,              -- NULL where the owner's pattern has none
    at              INTEGER NOT NULL
) STRICT;

-- Trusted time.
-- The stamps over each package's manifest, an authority each: those that it has, and those that are still asked for.
CREATE TABLE stamps (
    evidence_id     TEXT NOT NULL REFERENCES packages ON DELETE CASCADE,
    url             TEXT NOT NULL,               -- the authority's; empty for one of a time when there was one at most
    response        BLOB,                        -- TimeStampResp (RFC 3161); NULL while it is asked for
    position        INTEGER,                     -- its place in the package; NULL for one that came after the sealing
    file            TEXT,                        -- what it is called, in the package or beside it
    stamped_at      INTEGER,
    tries           INTEGER NOT NULL DEFAULT 0,
    due_at          INTEGER,                     -- when it is asked for again; NULL: no more
    trouble         TEXT,
    PRIMARY KEY (evidence_id, url)
) STRICT;
INSERT INTO stamps (evidence_id, url, response, position, file)
    SELECT evidence_id, '', timestamp, 0, 'data/evidence.json.tsr' FROM packages WHERE timestamp IS NOT NULL;
ALTER TABLE packages DROP COLUMN timestamp;

"""

STEPS: tuple[str, ...] = (V1, V2, V3, V4, V5, V6)
"""Step N brings a file from version N to N + 1 (``PRAGMA user_version``)."""
