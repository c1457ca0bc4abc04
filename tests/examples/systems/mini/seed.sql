INSERT INTO shop.orders (reference, amount)
SELECT 'seed ' || number, number FROM generate_series(1, 50) AS number;
