SELECT 1/count(*) FROM flipr.countries WHERE code = 'ke';
