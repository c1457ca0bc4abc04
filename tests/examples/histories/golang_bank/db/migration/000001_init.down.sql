DROP TABLE IF EXISTS accounts; DROP TYPE "Currency"; 
