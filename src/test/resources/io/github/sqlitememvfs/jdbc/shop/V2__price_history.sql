CREATE TABLE price_was (
  item INTEGER NOT NULL REFERENCES item(id),
  price REAL NOT NULL
);
-- Semicolons within it do not end it.
CREATE TRIGGER item_price AFTER UPDATE OF price ON item WHEN new.price <> old.price BEGIN
  INSERT INTO price_was VALUES (old.id, old.price);
  UPDATE item SET name = name || ' (' || new.price || ')' WHERE id = new.id;
END;
INSERT INTO item(kind, name, price) SELECT id, 'first ' || name, 2.5 FROM kind;
