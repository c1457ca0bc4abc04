DROP TABLE flipr.countries;
