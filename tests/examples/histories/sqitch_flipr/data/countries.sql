COPY flipr.countries (code, name) FROM stdin;
fr	France
ke	Kenya
pe	Peru
\.
