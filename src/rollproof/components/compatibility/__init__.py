"""Running the code of one release against the schema and the rows of another."""
