-- The core tables: what cannot be computed again. Version 4: see migrations.rs before you change one.
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
  -- A number for how far it travels (`feeds.rs`), and the union whose machine first handed it over.
  scope INTEGER NOT NULL,
  via INTEGER,
  -- Operations in segments; those of an own feed beyond them are in `tail`.
  packed INTEGER NOT NULL CHECK (packed <= size),
  -- Operations that have been judged and, if admitted, applied.
  applied INTEGER NOT NULL CHECK (applied <= size),
  -- The latest signed head, of exactly `packed` operations; NULL before the first.
  head BLOB,
  head_signature BLOB,
  -- Up to when its device's data is complete here: the latest of what each head said of its time, but never later
  -- than when that head came.
  heard_at INTEGER NOT NULL DEFAULT 0,
  -- A neighbour holds another history of it: until that is sorted out it is asked for from its beginning.
  diverged INTEGER NOT NULL DEFAULT 0,
  -- Of an own feed other histories were about, all of them have been looked through, and this one stays.
  settled INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE INDEX feed_by_union ON feed ("union");
CREATE INDEX feed_by_device ON feed (device);
CREATE INDEX feed_waiting ON feed (via) WHERE own = 0 AND applied = 0;
CREATE INDEX feed_owned ON feed (no) WHERE own = 1;

-- Runs of operations as they were packed by their author, stored and forwarded as they came. They follow one another
-- without overlapping, and none is ever replaced.
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

-- When how much of a feed was on whose disk: on this one, or on that of a union that signed for it. Only added to, also
-- where this disk is filled again or a feed is cut off.
CREATE TABLE arrival (
  feed BLOB NOT NULL CHECK (length(feed) = 16),
  size INTEGER NOT NULL,
  root BLOB NOT NULL CHECK (length(root) = 32),
  "union" INTEGER NOT NULL,
  received_at INTEGER NOT NULL,
  PRIMARY KEY (feed, size, root, "union")
) STRICT, WITHOUT ROWID;

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

-- Operations before `upto` of which a level above had not confirmed all after an exchange that went well, and since when.
CREATE TABLE unconfirmed (
  feed BLOB NOT NULL CHECK (length(feed) = 16),
  "union" INTEGER NOT NULL,
  upto INTEGER NOT NULL,
  since INTEGER NOT NULL,
  PRIMARY KEY (feed, "union", upto)
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
  -- For a hub; else for a machine that records. Nobody chooses the role herself.
  as_hub INTEGER NOT NULL,
  -- The union's own machine that asked for it; NULL where a person at this hub did.
  asked_by BLOB,
  made_at INTEGER NOT NULL,
  expires_at INTEGER NOT NULL,
  revoked_at INTEGER,
  -- It was seen to have expired: a clock that is set back later does not bring it back.
  ended INTEGER NOT NULL DEFAULT 0,
  -- Wrong passes shown.
  tries INTEGER NOT NULL DEFAULT 0,
  -- The one machine that may use it, from its first use on.
  used_at INTEGER,
  device BLOB,
  tls_key BLOB
) STRICT, WITHOUT ROWID;

-- Caches.

-- One id of one owner is one record, whatever its kind. Where several operations lay claim to it, the one that comes
-- first in the order of a rebuild has it, whichever came first here.
CREATE TABLE record (
  id BLOB NOT NULL CHECK (length(id) = 16),
  owner INTEGER NOT NULL,
  kind INTEGER NOT NULL,
  feed INTEGER NOT NULL,
  seq INTEGER NOT NULL,
  PRIMARY KEY (id, owner)
) STRICT, WITHOUT ROWID;

-- Operations that say of a record what is said already: it counts once.
CREATE TABLE repeat (
  id BLOB NOT NULL,
  owner INTEGER NOT NULL,
  feed INTEGER NOT NULL,
  seq INTEGER NOT NULL,
  PRIMARY KEY (id, owner, feed, seq)
) STRICT, WITHOUT ROWID;

CREATE TABLE document (
  record BLOB NOT NULL CHECK (length(record) = 16),
  owner INTEGER NOT NULL,
  kind INTEGER NOT NULL,
  snapshot BLOB NOT NULL,
  PRIMARY KEY (record, owner)
) STRICT;

-- The operations a document was made of.
CREATE TABLE edit (
  record BLOB NOT NULL,
  owner INTEGER NOT NULL,
  feed INTEGER NOT NULL,
  seq INTEGER NOT NULL,
  hash BLOB NOT NULL,
  -- What it takes up, as `Edit::weight` has it.
  weight INTEGER NOT NULL,
  PRIMARY KEY (record, owner, feed, seq)
) STRICT, WITHOUT ROWID;

-- Values of ASK fields where devices disagree: place 0 is the one shown first.
CREATE TABLE conflict (
  record BLOB NOT NULL,
  owner INTEGER NOT NULL,
  field INTEGER NOT NULL,
  place INTEGER NOT NULL,
  kind INTEGER NOT NULL,
  value ANY,
  device BLOB,
  PRIMARY KEY (record, owner, field, place)
) STRICT, WITHOUT ROWID;

-- Operations that are stored and relayed but do not count, and why.
CREATE TABLE quarantine (
  feed INTEGER NOT NULL,
  seq INTEGER NOT NULL,
  record BLOB NOT NULL,
  kind INTEGER NOT NULL,
  -- Numbers of `admission::Reason` and `Cause`, and the field that it is about: never a sentence.
  reason INTEGER NOT NULL,
  cause INTEGER,
  field INTEGER,
  -- The change that an edit follows and that has not arrived.
  awaits BLOB,
  PRIMARY KEY (feed, seq)
) STRICT, WITHOUT ROWID;
CREATE INDEX quarantine_by_record ON quarantine (record, awaits);
CREATE INDEX quarantine_by_kind ON quarantine (kind);

-- What changed within a month, per union with all that is below it. A figure is two words, high × 2^32 + low: sums of
-- either cannot overflow. A row whose figures are all nought is not kept.
CREATE TABLE rollup (
  "union" INTEGER NOT NULL,
  measure INTEGER NOT NULL,
  month INTEGER NOT NULL,
  -- The union alone.
  own_high INTEGER NOT NULL,
  own_low INTEGER NOT NULL CHECK (own_low BETWEEN 0 AND 4294967295),
  -- What unions below each count for themselves, and this union and those above it count once: nought or less.
  shared INTEGER NOT NULL,
  -- With everything below it.
  total_high INTEGER NOT NULL,
  total_low INTEGER NOT NULL CHECK (total_low BETWEEN 0 AND 4294967295),
  PRIMARY KEY ("union", measure, month)
) STRICT, WITHOUT ROWID;

-- Days a mediator spent in enterprises, each once for each union that says so.
CREATE TABLE field_day (
  mediator BLOB NOT NULL,
  day INTEGER NOT NULL,
  owner INTEGER NOT NULL,
  PRIMARY KEY (mediator, day, owner)
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
