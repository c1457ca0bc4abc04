DROP TABLE branches; DROP EXTENSION postgis;
