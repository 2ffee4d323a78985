#!/usr/bin/env bash
# Runs every case of the checks' tests on PostgreSQL and compares the answers with SQLite's. By hand: it needs Debian's
# postgresql, which it starts in a directory of its own and stops again.
#   node/tests/checks/postgresql.sh
set -euo pipefail
cd "$(dirname "$0")/../../.."
here=$(mktemp -d)
bin=$(ls -d /usr/lib/postgresql/*/bin | tail -1)
chmod 755 "$here"
as() { if [ "$(id -u)" = 0 ]; then chown -R postgres "$here"; runuser -u postgres -- "$@"; else "$@"; fi; }
trap 'as "$bin/pg_ctl" -D "$here/data" -m immediate stop >/dev/null 2>&1 || true; rm -rf "$here"' EXIT

HUILIU_CASES="$here/cases" cargo test -q -p huiliu-node --test checks >"$here/tests.log" 2>&1 || { tail -40 "$here/tests.log"; exit 1; }

cat >"$here/functions.sql" <<'SQL'
-- As node/src/store/functions.rs has them.
CREATE FUNCTION day_of(n bigint) RETURNS date IMMUTABLE LANGUAGE sql AS
  $$ SELECT CASE WHEN n BETWEEN -719162 AND 2932896 THEN date '1970-01-01' + n::int END $$;
CREATE FUNCTION number_of(d date) RETURNS bigint IMMUTABLE LANGUAGE sql AS $$ SELECT (d - date '1970-01-01')::bigint $$;
CREATE FUNCTION month_of(n bigint) RETURNS bigint IMMUTABLE LANGUAGE sql AS
  $$ SELECT (extract(year FROM day_of(n)) * 12 + extract(month FROM day_of(n)) - 1)::bigint $$;
CREATE FUNCTION month_end(m bigint) RETURNS bigint IMMUTABLE LANGUAGE sql AS
  $$ SELECT CASE WHEN m BETWEEN 12 AND 119999 THEN
       number_of((make_date((m / 12)::int, (m % 12 + 1)::int, 1) + interval '1 month')::date) - 1 END $$;
CREATE FUNCTION year_of(n bigint) RETURNS bigint IMMUTABLE LANGUAGE sql AS $$ SELECT extract(year FROM day_of(n))::bigint $$;
CREATE FUNCTION year_end(y bigint) RETURNS bigint IMMUTABLE LANGUAGE sql AS
  $$ SELECT CASE WHEN y BETWEEN 1 AND 9999 THEN number_of(make_date(y::int, 12, 31)) END $$;
CREATE FUNCTION age_on(born bigint, on_day bigint) RETURNS bigint IMMUTABLE LANGUAGE sql AS
  $$ SELECT extract(year FROM age(day_of(on_day), day_of(born)))::bigint $$;
CREATE FUNCTION birthday(born bigint, years bigint) RETURNS bigint IMMUTABLE LANGUAGE sql AS
  $$ SELECT CASE WHEN extract(year FROM day_of(born)) + years BETWEEN 1 AND 9999 THEN number_of(
       CASE WHEN extract(month FROM day_of(born)) = 2 AND extract(day FROM day_of(born)) = 29
              AND extract(month FROM make_date((extract(year FROM day_of(born)) + years)::int, 2, 28) + 1) = 3
            THEN make_date((extract(year FROM day_of(born)) + years)::int, 3, 1)
            ELSE make_date((extract(year FROM day_of(born)) + years)::int, extract(month FROM day_of(born))::int,
                           extract(day FROM day_of(born))::int) END) END $$;
SQL

as "$bin/initdb" -D "$here/data" -E UTF8 --locale=C -A trust >/dev/null
as "$bin/pg_ctl" -D "$here/data" -o "-k $here -c listen_addresses='' -c fsync=off" -l "$here/log" -w start >/dev/null
psql() { as "$bin/psql" -q -X -v ON_ERROR_STOP=1 -h "$here" -d postgres "$@"; }
psql -f "$here/functions.sql"
psql -f "$here/cases/schema.sql"
psql -At -P null=NULL -f "$here/cases/cases.sql" >"$here/given.txt"
diff -u "$here/cases/expected.txt" "$here/given.txt"
echo "$(grep -c '^==' "$here/given.txt") runs: PostgreSQL gives what SQLite gives"
