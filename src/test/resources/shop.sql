-- What FreshDatabaseTest and the tutorial sell.
CREATE TABLE item(id INTEGER PRIMARY KEY, name TEXT NOT NULL, stock INTEGER NOT NULL CHECK(stock >= 0));
CREATE TRIGGER item_name AFTER INSERT ON item WHEN new.name = '' BEGIN
  UPDATE item SET name = 'item ' || id WHERE id = new.id;
END;
INSERT INTO item(name, stock) VALUES ('tea', 3), ('coffee', 1), ('', 100);
