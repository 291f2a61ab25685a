-- In Latin-1: été.
CREATE TABLE item(id INTEGER PRIMARY KEY);
