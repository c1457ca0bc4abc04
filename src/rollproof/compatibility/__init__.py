"""Which code fits which schema and which rows: what was asked, what breaks, which order is safe. Pure."""
