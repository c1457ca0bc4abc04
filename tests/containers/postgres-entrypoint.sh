#!/bin/sh
# Starts PostgreSQL as the official image's entry point does, as far as Rollproof uses it: the variables
# POSTGRES_USER, POSTGRES_PASSWORD, POSTGRES_HOST_AUTH_METHOD, PGDATA and PGPORT, and further arguments
# for the server. The server is Debian's own.
set -eu
bin=$(ls -d /usr/lib/postgresql/*/bin | tail -n 1)
user=${POSTGRES_USER:-postgres}
method=${POSTGRES_HOST_AUTH_METHOD:-scram-sha-256}
export PGDATA="${PGDATA:-/var/lib/postgresql/data}"
if [ "$(id -u)" = 0 ]; then
    mkdir -p "$PGDATA" /var/run/postgresql
    chown -R postgres:postgres "$PGDATA" /var/run/postgresql
    chmod 700 "$PGDATA"
    exec setpriv --reuid postgres --regid postgres --init-groups "$0" "$@"
fi
if [ "${1:-postgres}" = postgres ] || [ "${1#-}" != "$1" ]; then
    [ "${1:-}" = postgres ] && shift
    if [ ! -s "$PGDATA/PG_VERSION" ]; then
        if [ -z "${POSTGRES_PASSWORD:-}" ] && [ "$method" != trust ]; then
            echo "Error: Database is uninitialized and superuser password is not specified." >&2
            exit 1
        fi
        umask 077
        printf '%s' "${POSTGRES_PASSWORD:-unused}" > /tmp/password
        "$bin/initdb" --username="$user" --pwfile=/tmp/password --auth-local=trust --auth-host="$method" \
            --encoding=UTF8 --locale=C.UTF-8 --no-sync
        rm -f /tmp/password
        printf "\nhost all all all %s\n" "$method" >> "$PGDATA/pg_hba.conf"
        echo "listen_addresses = '*'" >> "$PGDATA/postgresql.conf"
    fi
    exec "$bin/postgres" "$@"
fi
exec "$@"
