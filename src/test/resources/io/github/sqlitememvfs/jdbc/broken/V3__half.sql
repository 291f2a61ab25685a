DELETE FROM item;
DROP TABLE price_was;
INSERT INTO no_such_table VALUES (1);
