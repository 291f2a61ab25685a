-- The third statement is wrong.
CREATE TABLE item(id INTEGER PRIMARY KEY, name TEXT);
INSERT INTO item(name) VALUES ('tea');

INSERT INTO item(name)
  SELECT prize FROM item;
CREATE TABLE never(x);
