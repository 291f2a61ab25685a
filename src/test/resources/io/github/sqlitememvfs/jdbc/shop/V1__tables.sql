CREATE TABLE kind (
  id INTEGER PRIMARY KEY,
  name TEXT NOT NULL UNIQUE
);
CREATE TABLE item (
  id INTEGER PRIMARY KEY,
  kind INTEGER NOT NULL REFERENCES kind(id),
  name TEXT NOT NULL,
  price REAL NOT NULL
);
CREATE INDEX item_kind ON item(kind);
INSERT INTO kind(name) VALUES ('book'), ('tea');
