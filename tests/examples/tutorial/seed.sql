INSERT INTO public.orders (reference, cents)
SELECT 'R' || n, n * 7 % 10000 FROM generate_series(1, 5000) AS n;
