-- One short question after each script: did anything server-wide change since the last one (a digest that is
-- the same when nothing did), and what did the script leave open that would block those after it?
SELECT concat_ws(' ',
           (SELECT sum(hashtextextended(a::text, 0)) FROM pg_authid a),
           (SELECT sum(hashtextextended(m::text, 0)) FROM pg_auth_members m),
           (SELECT sum(hashtextextended(s::text, 0)) FROM pg_db_role_setting s WHERE s.setdatabase = 0),
           (SELECT sum(hashtextextended(d.datname::text, 0)) FROM pg_database d WHERE NOT d.datname LIKE 'rollproof\_walk\_%'),
           (SELECT sum(hashtextextended(t.spcname::text, 0)) FROM pg_tablespace t),
           (SELECT f::text FROM pg_stat_file('postgresql.auto.conf', true) f)) AS token,
       -- The functions behind pg_prepared_xacts and pg_stat_activity, without the joins of those views.
       ARRAY(SELECT p.gid FROM pg_prepared_xact() p
             WHERE p.dbid = (SELECT d.oid FROM pg_database d WHERE d.datname = current_database())) AS prepared,
       ARRAY(SELECT a.pid FROM pg_stat_get_activity(NULL) a
             WHERE a.datid = (SELECT d.oid FROM pg_database d WHERE d.datname = current_database()) AND a.pid <> pg_backend_pid()
               AND a.state LIKE 'idle in transaction%') AS idle
