-- The core tables: what cannot be computed again. Version 3.
--
-- Projections (one table a record kind, made from the kinds' declarations), roll-ups and the tables under "Caches" are
-- computed from the feeds, and `rebuild` makes them again.

CREATE TABLE meta (
  key TEXT PRIMARY KEY,
  value ANY NOT NULL
) STRICT, WITHOUT ROWID;

-- One writer a feed; only its end moves.
CREATE TABLE feed (
  no INTEGER PRIMARY KEY,
  id BLOB NOT NULL UNIQUE CHECK (length(id) = 16),
  header BLOB NOT NULL,
  "union" INTEGER NOT NULL,
  device BLOB NOT NULL CHECK (length(device) = 32),
  -- This device writes it.
  own INTEGER NOT NULL,
  size INTEGER NOT NULL CHECK (size >= 0),
  -- The right edge of its hash tree.
  edge BLOB NOT NULL,
  -- Operations in segments; those of an own feed beyond them are in `tail`.
  packed INTEGER NOT NULL CHECK (packed <= size),
  -- Operations that have been judged and, if admitted, applied.
  applied INTEGER NOT NULL CHECK (applied <= size),
  -- The latest signed head, of exactly `packed` operations; NULL before the first.
  head BLOB,
  head_signature BLOB,
  head_time INTEGER NOT NULL DEFAULT 0,
  -- A neighbour holds another history of it: until that is sorted out it is asked for from its beginning.
  diverged INTEGER NOT NULL DEFAULT 0,
  -- Of an own feed other histories were about, all of them have been looked through, and this one stays.
  settled INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE INDEX feed_by_union ON feed ("union");
CREATE INDEX feed_by_device ON feed (device);
CREATE INDEX feed_owned ON feed (no) WHERE own = 1;

-- Runs of operations as they were packed by their author, stored and forwarded as they came.
CREATE TABLE segment (
  feed INTEGER NOT NULL REFERENCES feed (no),
  first INTEGER NOT NULL,
  count INTEGER NOT NULL CHECK (count > 0),
  head BLOB NOT NULL,
  head_signature BLOB NOT NULL,
  bytes BLOB NOT NULL,
  -- When it came to be on this disk, milliseconds since 1970.
  stored_at INTEGER NOT NULL,
  UNIQUE (feed, first)
) STRICT;

-- Own operations not packed yet.
CREATE TABLE tail (
  feed INTEGER NOT NULL REFERENCES feed (no),
  seq INTEGER NOT NULL,
  operation BLOB NOT NULL,
  PRIMARY KEY (feed, seq)
) STRICT, WITHOUT ROWID;

-- Roots of complete runs of 256 leaves, for proofs.
CREATE TABLE block (
  feed INTEGER NOT NULL REFERENCES feed (no),
  block INTEGER NOT NULL,
  root BLOB NOT NULL CHECK (length(root) = 32),
  PRIMARY KEY (feed, block)
) STRICT, WITHOUT ROWID;

-- The latest receipt of each level for each feed.
CREATE TABLE receipt (
  feed BLOB NOT NULL CHECK (length(feed) = 16),
  "union" INTEGER NOT NULL,
  device BLOB NOT NULL,
  size INTEGER NOT NULL,
  root BLOB NOT NULL,
  received_at INTEGER NOT NULL,
  message BLOB NOT NULL,
  signature BLOB NOT NULL,
  PRIMARY KEY (feed, "union")
) STRICT, WITHOUT ROWID;

-- Signs that somebody's memory, disk or word cannot be trusted, kept until a person has settled the matter.
CREATE TABLE evidence (
  no INTEGER PRIMARY KEY,
  -- A word of `evidence::What`.
  what TEXT NOT NULL,
  feed BLOB NOT NULL CHECK (length(feed) = 16),
  seen_at INTEGER NOT NULL,
  -- The neighbour it came from.
  from_union INTEGER,
  from_device BLOB,
  -- Signed messages that contradict each other, or cannot be what they say.
  ours BLOB,
  theirs BLOB,
  detail_zh TEXT NOT NULL,
  detail_en TEXT NOT NULL,
  settled_at INTEGER,
  note TEXT,
  UNIQUE (what, feed, from_device, theirs)
) STRICT;

-- Operations cut off where two histories of a feed parted: what their own device has written again, or has yet to.
CREATE TABLE stray (
  feed BLOB NOT NULL CHECK (length(feed) = 16),
  leaf BLOB NOT NULL CHECK (length(leaf) = 32),
  seq INTEGER NOT NULL,
  operation BLOB NOT NULL,
  record BLOB NOT NULL,
  -- Of an edit that was said again: in which feed, and the hash of its change there.
  into_feed BLOB,
  said BLOB,
  PRIMARY KEY (feed, leaf)
) STRICT, WITHOUT ROWID;
CREATE INDEX stray_by_record ON stray (record) WHERE said IS NOT NULL;

-- What heads and receipts say of a feed and what is here does not: judged after the next exchange that should have told.
CREATE TABLE claim (
  -- The feed whose head says so; of a receipt, the feed it is for. One claim a feed.
  by_feed BLOB PRIMARY KEY CHECK (length(by_feed) = 16),
  feed BLOB NOT NULL CHECK (length(feed) = 16),
  size INTEGER NOT NULL,
  root BLOB NOT NULL CHECK (length(root) = 32),
  message BLOB NOT NULL,
  signature BLOB NOT NULL,
  noted_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Feeds of which a level above has not confirmed all that it should have by now, and since when.
CREATE TABLE unconfirmed (
  feed BLOB NOT NULL CHECK (length(feed) = 16),
  "union" INTEGER NOT NULL,
  confirmed INTEGER NOT NULL,
  since INTEGER NOT NULL,
  PRIMARY KEY (feed, "union")
) STRICT, WITHOUT ROWID;

-- Each neighbour, and how the last exchange with it went.
CREATE TABLE link (
  device BLOB PRIMARY KEY,
  "union" INTEGER NOT NULL,
  last_try INTEGER NOT NULL,
  last_success INTEGER,
  error TEXT
) STRICT, WITHOUT ROWID;

-- Who was invited to join here. Of the token only a hash of what is shown; the secret itself is nowhere.
CREATE TABLE invitation (
  id BLOB PRIMARY KEY CHECK (length(id) = 6),
  "union" INTEGER NOT NULL,
  pass_hash BLOB NOT NULL CHECK (length(pass_hash) = 32),
  -- For a machine beside those the union has, or in place of one.
  further INTEGER NOT NULL,
  -- The union's own machine that asked for it; NULL where a person at this hub did.
  asked_by BLOB,
  made_at INTEGER NOT NULL,
  expires_at INTEGER NOT NULL,
  revoked_at INTEGER,
  -- Wrong passes shown.
  tries INTEGER NOT NULL DEFAULT 0,
  -- The one machine that may use it, from its first use on.
  used_at INTEGER,
  device BLOB,
  tls_key BLOB
) STRICT, WITHOUT ROWID;

-- Caches.

CREATE TABLE document (
  record BLOB PRIMARY KEY CHECK (length(record) = 16),
  kind INTEGER NOT NULL,
  owner INTEGER NOT NULL,
  snapshot BLOB NOT NULL
) STRICT;

-- The operations a document was made of.
CREATE TABLE edit (
  record BLOB NOT NULL,
  feed INTEGER NOT NULL,
  seq INTEGER NOT NULL,
  hash BLOB NOT NULL,
  PRIMARY KEY (record, feed, seq)
) STRICT, WITHOUT ROWID;

-- Values of ASK fields where devices disagree: place 0 is the one shown first.
CREATE TABLE conflict (
  record BLOB NOT NULL,
  kind INTEGER NOT NULL,
  owner INTEGER NOT NULL,
  field INTEGER NOT NULL,
  place INTEGER NOT NULL,
  value ANY,
  device BLOB,
  PRIMARY KEY (record, field, place)
) STRICT, WITHOUT ROWID;

-- Operations that are stored and relayed but do not count, and why.
CREATE TABLE quarantine (
  feed INTEGER NOT NULL,
  seq INTEGER NOT NULL,
  record BLOB NOT NULL,
  kind INTEGER NOT NULL,
  reason TEXT NOT NULL,
  detail_zh TEXT NOT NULL,
  detail_en TEXT NOT NULL,
  -- The change that an edit follows and that has not arrived.
  awaits BLOB,
  PRIMARY KEY (feed, seq)
) STRICT, WITHOUT ROWID;
CREATE INDEX quarantine_by_record ON quarantine (record, awaits);

-- What changed within a month, per union with all that is below it.
CREATE TABLE rollup (
  "union" INTEGER NOT NULL,
  measure INTEGER NOT NULL,
  month INTEGER NOT NULL,
  -- The union alone.
  own INTEGER NOT NULL,
  -- With everything below it.
  total INTEGER NOT NULL,
  PRIMARY KEY ("union", measure, month)
) STRICT, WITHOUT ROWID;

-- Days a mediator spent in enterprises, each once.
CREATE TABLE field_day (
  mediator BLOB NOT NULL,
  day INTEGER NOT NULL,
  PRIMARY KEY (mediator, day)
) STRICT, WITHOUT ROWID;

-- Unions and months whose statement is out of date.
CREATE TABLE statement_due (
  "union" INTEGER NOT NULL,
  month INTEGER NOT NULL,
  PRIMARY KEY ("union", month)
) STRICT, WITHOUT ROWID;

CREATE TABLE region (
  code INTEGER PRIMARY KEY,
  level INTEGER NOT NULL,
  parent INTEGER,
  name TEXT NOT NULL
) STRICT;

CREATE TABLE below (
  above INTEGER NOT NULL,
  code INTEGER NOT NULL,
  PRIMARY KEY (above, code)
) STRICT, WITHOUT ROWID;
