DROP VIEW IF EXISTS cheap;
CREATE VIEW cheap AS SELECT item.name, price, kind.name AS kind FROM item JOIN kind ON kind.id = item.kind WHERE price < 10;
