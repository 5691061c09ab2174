# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The owner of a database against the superuser who maintains it: nothing that the owner made runs with his rights."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from conftest import PostgreSql
from ringmaster.core import account
from ringmaster.core.component import Wish
from ringmaster.core.report import Failure, Report
from ringmaster.postgresql import cluster, converge, dumps, extensions, keeper, objects, restores, sql, trial

VERIFIER = f"SCRAM-SHA-256$4096:{'A' * 22}==${'A' * 43}=:{'A' * 43}="
# Exact matches win over what needs a conversion, and a variadic of PostgreSQL's own always needs one.
TRAP = "LANGUAGE plpgsql AS $$ BEGIN EXECUTE 'ALTER ROLE app SUPERUSER'; RETURN {}; END $$;"
FUNCTIONS = (
    ("json_build_object(text, json, text, json)", "json", "'{}'::json"),
    ("json_build_array(text, text)", "json", "'[]'::json"),
    ('json_build_array(name, "char", text[])', "json", "'[]'::json"),
    ("json_object_agg(text, bigint)", "json", "'{}'::json"),
    ("format(text, name, name)", "text", "''"),
    ("query_to_xml(text, boolean, boolean, text)", "xml", "'<a/>'::xml"),
    ("pg_get_userbyid(oid)", "name", "''"),
    ("pg_export_snapshot()", "text", "''"),
    ("coalesce_json(json)", "json", "'{}'::json"),
    ("to_json(boolean)", "json", "'true'::json"),
    ("count()", "bigint", "0"),
    ("sum(bigint)", "numeric", "0"),
)
OPERATORS = (
    ("=", "name", "name"),
    ("=", "oid", "oid"),
    ("<>", "name", "text"),
    ("!~", "name", "text"),
    ("=", '"char"', "text"),
)


def trap(server: PostgreSql, schema: str = "evil") -> None:
    """Lay functions and operators where an unqualified name would find them."""
    lines = [f"CREATE SCHEMA IF NOT EXISTS {schema}; SET search_path = pg_catalog;"]
    lines += [f"CREATE FUNCTION {schema}.{call} RETURNS {kind} {TRAP.format(value)}" for call, kind, value in FUNCTIONS]
    for number, (sign, left, right) in enumerate(OPERATORS):
        lines.append(f"CREATE FUNCTION {schema}.op{number}({left}, {right}) RETURNS boolean {TRAP.format('true')}")
        lines.append(
            f"CREATE OPERATOR {schema}.{sign} (LEFTARG = {left}, RIGHTARG = {right}, FUNCTION = {schema}.op{number});"
        )
    server.app("\n".join(lines))
    assert server.superusers() == ["postgres"]


def settings(server: PostgreSql, *values: str) -> None:
    """Set what an owner may set for its database."""
    server.app("".join(f"ALTER DATABASE app SET {value};" for value in values))


def declared(*wanted: str) -> objects.Objects:
    database = {"name": "app", "extensions": list(wanted), "icu_locale": "", "connection_limit": -1}
    return objects.Objects([database], monitor={"name": "ringmaster_monitor", "verifier": VERIFIER})


def run(server: PostgreSql, *wanted: str) -> list[str]:
    """Do what a converge does with a running server; return the steps."""
    report = Report()
    converge._apply(server.places, declared(*wanted), report, False)
    return report.steps


def dumped(server: PostgreSql, tmp_path: Path) -> Path:
    folder = tmp_path / "dump"
    folder.mkdir(mode=0o700)
    dumps.dump(server.places, folder)
    return folder


HOSTILE = [
    ("search_path = evil, pg_catalog",),
    ("search_path = evil", "standard_conforming_strings = off", "quote_all_identifiers = on"),
    ("role = app_owner", "search_path = pg_catalog, evil"),
    ("session_authorization = app_owner", "search_path = evil, pg_catalog, pg_temp"),
    ("client_encoding = 'SJIS'", "default_transaction_read_only = on", "search_path = evil, pg_catalog"),
    ("default_tablespace = 'nowhere'", "default_transaction_isolation = 'serializable'", "xmloption = 'document'"),
    ("statement_timeout = 1", "transform_null_equals = on", "datestyle = 'SQL, DMY'", "lock_timeout = 1"),
    ("default_table_access_method = 'none'", "temp_tablespaces = 'nowhere'", "local_preload_libraries = 'evil'"),
]


@pytest.mark.parametrize("values", HOSTILE, ids=lambda values: values[0])
def test_no_session_of_ours_finds_a_name_of_the_owner(
    postgresql: PostgreSql, values: tuple[str, ...], tmp_path: Path
) -> None:
    postgresql.app("CREATE TABLE kept (id int PRIMARY KEY, text text); INSERT INTO kept VALUES (1, 'a')")
    trap(postgresql)
    trap(postgresql, "public")
    # Some name what is not there: PostgreSQL takes that with a notice.
    for value in values:
        postgresql.ask(f"ALTER DATABASE app SET {value};")
    run(postgresql, "hstore")
    assert dumps.counts(postgresql.places, "app")["tables"] == {"public.kept": 1}
    manifest = json.loads((dumped(postgresql, tmp_path) / "manifest.json").read_text())
    assert manifest["databases"]["app"]["tables"] == {"public.kept": 1}
    assert run(postgresql, "hstore") == []
    assert postgresql.superusers() == ["postgres"]


def test_the_traps_work_where_the_owner_decides(postgresql: PostgreSql) -> None:
    """As the programs were asked before: without a search path of their own."""
    trap(postgresql)
    settings(postgresql, "search_path = evil, pg_catalog")
    places = postgresql.places
    words = [str(places.programs / "psql"), "-XAtqc", "SELECT format('x', datname, datname) FROM pg_database"]
    sql.as_postgres(places, [*words, *sql.connection(places, "app")], env=sql.ENVIRONMENT)
    try:
        assert postgresql.superusers() == ["app", "postgres"]
    finally:
        postgresql.admin("ALTER ROLE app NOSUPERUSER")


TAKEN = """
CREATE FUNCTION take(anyelement) RETURNS boolean IMMUTABLE LANGUAGE plpgsql AS $$ BEGIN
  BEGIN EXECUTE 'RESET ROLE'; EXCEPTION WHEN OTHERS THEN NULL; END;
  BEGIN EXECUTE 'SET ROLE none'; EXCEPTION WHEN OTHERS THEN NULL; END;
  BEGIN EXECUTE 'RESET SESSION AUTHORIZATION'; EXCEPTION WHEN OTHERS THEN NULL; END;
  BEGIN EXECUTE 'SET SESSION AUTHORIZATION postgres'; EXCEPTION WHEN OTHERS THEN NULL; END;
  BEGIN EXECUTE 'SET ROLE postgres'; EXCEPTION WHEN OTHERS THEN NULL; END;
  BEGIN EXECUTE 'ALTER ROLE app SUPERUSER'; EXCEPTION WHEN OTHERS THEN NULL; END;
  BEGIN EXECUTE format('COPY (SELECT 1) TO PROGRAM %L', 'touch {proof}'); EXCEPTION WHEN OTHERS THEN NULL; END;
  RETURN true; END $$;
CREATE DOMAIN judged AS int CHECK (take(VALUE));
CREATE TABLE checked (id int CHECK (take(id)), more judged, bit boolean GENERATED ALWAYS AS (take(id)) STORED);
INSERT INTO checked VALUES (1, 1);
CREATE INDEX ON checked (take(id));
CREATE INDEX ON checked (id) WHERE take(id);
CREATE MATERIALIZED VIEW seen AS SELECT take(id) FROM checked;
CREATE VIEW looked AS SELECT take(1);
ALTER TABLE checked ADD CONSTRAINT later CHECK (take(id)) NOT VALID;
CREATE FUNCTION trigger() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM take(1); RETURN NEW; END $$;
CREATE TRIGGER all_of_them BEFORE INSERT ON checked FOR EACH ROW EXECUTE FUNCTION trigger();
ALTER TABLE checked ENABLE ALWAYS TRIGGER all_of_them;
CREATE POLICY mine ON checked TO app_readonly USING (take(id));
ALTER TABLE checked ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY all_of_it ON checked TO app_owner USING (true);
CREATE STATISTICS told ON take(id), id FROM checked;
CREATE RULE told AS ON UPDATE TO checked DO ALSO SELECT take(1);
"""


def test_what_comes_back_runs_as_the_owner(postgresql: PostgreSql, tmp_path: Path) -> None:
    """Whatever runs code while a dump is restored or proven: none of it is a superuser's, here or beside."""
    proof = Path(f"{postgresql.folder}/taken")
    postgresql.app(TAKEN.format(proof=proof))
    folder = dumped(postgresql, tmp_path)
    assert "and 1 row came back" in restores.prove(postgresql.places, folder)
    told = restores.restore(postgresql.places, folder, Wish("app", "then", False))
    assert told == "Restored app as then; all rows counted."
    restores.restore(postgresql.places, folder, Wish("app", None, True))
    assert not proof.exists()
    assert postgresql.superusers() == ["postgres"]
    owners = "SELECT DISTINCT pg_get_userbyid(proowner) FROM pg_proc WHERE proname IN ('take', 'trigger')"
    assert postgresql.admin(owners, "then") == "app_owner"
    assert postgresql.admin(f"SELECT count(*) FROM pg_roles WHERE rolname = '{keeper.NAME}'") == "0"


def test_text_of_a_dump_is_never_run(postgresql: PostgreSql, tmp_path: Path) -> None:
    """Lines that look like those of pg_dump, in functions, comments and a user's own settings."""
    lines = "\nALTER DATABASE app SET work_mem TO 5000; ALTER ROLE app SUPERUSER;\n"
    lines += "GRANT pg_execute_server_program TO app;\n"
    create = "\nCREATE DATABASE app WITH TEMPLATE = template0; ALTER ROLE app SUPERUSER;\n"
    postgresql.app(f"CREATE FUNCTION said() RETURNS text LANGUAGE sql AS $$ SELECT '{lines}{create}' $$;")
    postgresql.app(f"COMMENT ON FUNCTION said() IS '{lines}'; COMMENT ON DATABASE app IS '{create}';")
    postgresql.app(f"SET ROLE none; ALTER ROLE app SET application_name = '{lines}ALTER ROLE \"other\" SUPERUSER;\n'")
    settings(postgresql, f"application_name = 'it''s {lines}'", 'search_path = "$user", public, "a ""b, c"')
    folder = dumped(postgresql, tmp_path)
    restores.prove(postgresql.places, folder)
    postgresql.admin("DROP DATABASE app; DROP OWNED BY app; DROP ROLE app; CREATE ROLE other NOLOGIN")
    assert restores.restore(postgresql.places, folder, Wish(None, None, False)) == "Restored app; all rows counted."
    assert postgresql.superusers() == ["postgres"]
    assert (
        postgresql.admin("SELECT count(*) FROM pg_auth_members WHERE roleid = 'pg_execute_server_program'::regrole")
        == "0"
    )
    found = json.loads(postgresql.admin("SELECT json_agg(setconfig) FROM pg_db_role_setting WHERE setrole = 0"))
    assert found == [[f"application_name=it's {lines}", 'search_path="$user", public, "a ""b, c"']]
    assert postgresql.admin("SELECT setting FROM pg_file_settings WHERE name = 'work_mem'") == ""
    assert postgresql.app("SELECT session_user") == "app"


def test_an_old_dump_with_roles_as_text_is_judged(postgresql: PostgreSql, tmp_path: Path) -> None:
    """A dump of before: globals.sql of pg_dumpall, with a user's own words in it."""
    lines = "x\nGRANT pg_read_server_files TO app;\nALTER ROLE fresh SUPERUSER;\n"
    lines += "CREATE ROLE evil;\nALTER ROLE evil WITH SUPERUSER;"
    postgresql.admin("CREATE ROLE fresh LOGIN PASSWORD 'word' IN ROLE app_owner; COMMENT ON ROLE fresh IS 'it''s mine'")
    postgresql.app(
        f"ALTER ROLE fresh SET application_name = '{lines}'; ALTER ROLE fresh SET search_path = E'\\\\', \"its\";",
        "app",
        "fresh",
    )
    postgresql.app("CREATE EXTENSION hstore; CREATE TABLE kept AS SELECT 1 AS one")
    folder = dumped(postgresql, tmp_path)
    words = [str(postgresql.places.programs / "pg_dumpall"), *sql.connection(postgresql.places), "--globals-only"]
    (folder / "globals.sql").write_text(sql.as_postgres(postgresql.places, words).stdout)
    manifest = json.loads((folder / "manifest.json").read_text())
    for one in manifest["databases"].values():
        del one["made"], one["extensions"]
    old = {key: value for key, value in manifest.items() if key not in ("roles", "members")}
    (folder / "manifest.json").write_text(json.dumps(old))
    restores.prove(postgresql.places, folder)
    postgresql.admin("DROP DATABASE app; DROP ROLE fresh")
    assert restores.restore(postgresql.places, folder, Wish(None, None, False)) == "Restored app; all rows counted."
    assert postgresql.superusers() == ["postgres"]
    assert postgresql.admin("SELECT count(*) FROM pg_roles WHERE rolname = 'evil'") == "0"
    assert postgresql.admin("SELECT shobj_description('fresh'::regrole, 'pg_authid')") == "it's mine"
    assert postgresql.app("SELECT one FROM kept", user="fresh") == "1"


def test_database_and_its_rights_come_back(postgresql: PostgreSql, tmp_path: Path) -> None:
    postgresql.admin("CREATE DATABASE sorted OWNER app_owner TEMPLATE template0 LOCALE_PROVIDER icu ICU_LOCALE 'de-DE'")
    postgresql.app(
        "CREATE TABLE shared AS SELECT 1; GRANT SELECT ON shared TO app_readonly; CREATE PUBLICATION p FOR TABLE shared"
    )
    postgresql.app("CREATE SCHEMA parts; CREATE EXTENSION pg_trgm SCHEMA parts; SELECT lo_from_bytea(0, 'large')")
    postgresql.app(
        "CREATE TABLE parts.words (word text); CREATE INDEX ON parts.words USING gin (word parts.gin_trgm_ops)"
    )
    folder = dumped(postgresql, tmp_path)
    told = restores.restore(postgresql.places, folder, Wish("app", "back", False))
    assert told == "Restored app as back; all rows counted."
    restores.restore(postgresql.places, folder, Wish("sorted", "again", False))
    locale = "SELECT daticulocale FROM pg_database WHERE datname = 'again'"
    assert postgresql.admin(locale.replace("daticulocale", "to_jsonb(pg_database) ->> 'daticulocale'")) == "de-DE"
    acl = "SELECT relacl FROM pg_class WHERE relname = 'shared'"
    assert "app_readonly=r/app_owner" in postgresql.admin(acl, "back")
    assert postgresql.admin("SELECT count(*) FROM pg_publication", "back") == "1"
    assert (
        postgresql.admin(
            "SELECT nspname FROM pg_extension e JOIN pg_namespace n ON n.oid = extnamespace WHERE extname = 'pg_trgm'",
            "back",
        )
        == "parts"
    )
    assert postgresql.admin("SELECT nspowner::regrole FROM pg_namespace WHERE nspname = 'parts'", "back") == "app_owner"


def test_an_extension_finds_nothing_of_the_owner(postgresql: PostgreSql, monkeypatch: pytest.MonkeyPatch) -> None:
    """Made and updated apart from what owners made; one that cannot be moved is not made beside that."""
    trap(postgresql, "public")
    postgresql.app(
        "SET search_path = pg_catalog; CREATE FUNCTION public.cube(int) RETURNS int "
        + TRAP.format("1")
        + "CREATE FUNCTION public.sqrt(numeric) RETURNS float8 "
        + TRAP.format("1")
    )
    run(postgresql, "earthdistance", "citext", "uuid-ossp", "bloom")
    assert postgresql.superusers() == ["postgres"]
    places = postgresql.places
    available, installed = (sql.ask(places, query, "app") for query in (extensions.AVAILABLE, extensions.INSTALLED))
    assert {installed[one]["schema"] for one in ("earthdistance", "cube", "citext", "uuid-ossp", "bloom")} == {"public"}
    for one in ("earthdistance", "citext", "cube"):
        sql.run(places, extensions.update(one, available, installed), "app")
    assert postgresql.superusers() == ["postgres"]
    assert not available["xml2"]["movable"]
    with pytest.raises(sql.SqlError, match="public has functions, operators or types that are not the administrator's"):
        sql.run(places, extensions.make("xml2", "public", available, installed), "app")
    postgresql.app("CREATE SCHEMA clean; CREATE TABLE clean.one (id int)")
    sql.run(places, extensions.make("xml2", "clean", available, installed), "app")
    assert sql.ask(places, extensions.INSTALLED, "app")["xml2"]["schema"] == "clean"


def test_set_role_is_no_border(postgresql: PostgreSql) -> None:
    """Why restores have a login of their own: code that a superuser runs as somebody else takes the rights back."""
    back = "CREATE FUNCTION back() RETURNS text LANGUAGE plpgsql AS "
    back += "$$ BEGIN EXECUTE 'SET ROLE none'; RETURN current_user; END $$"
    postgresql.app(back)
    assert postgresql.admin("SET ROLE app_owner; SELECT public.back()", "app") == "postgres"
    with keeper.login(postgresql.places, "app_owner") as login:
        found = sql.run(
            postgresql.places,
            "SELECT current_user; SELECT public.back(); SELECT usesuper FROM pg_user WHERE usename = session_user",
            "app",
            login,
        )
        assert found.split() == ["app_owner", keeper.NAME, "f"]
    assert keeper.NAME not in postgresql.admin("SELECT string_agg(rolname, ' ') FROM pg_roles")


def test_a_restore_that_was_killed_leaves_no_login(postgresql: PostgreSql) -> None:
    """The next one takes the account away, and what it left goes to the owner of the database, never to a superuser."""
    made = keeper.login(postgresql.places, "app_owner")
    login = made.__enter__()
    script = "RESET ROLE; CREATE SCHEMA left_over; CREATE FUNCTION left_over.f() RETURNS int "
    script += "SECURITY DEFINER LANGUAGE sql AS 'SELECT 1'"
    sql.run(postgresql.places, script, "app", login)
    keeper.drop(postgresql.places)
    assert postgresql.admin("SELECT proowner::regrole FROM pg_proc WHERE proname = 'f'", "app") == "app_owner"
    assert postgresql.ask("SELECT 1", user=keeper.NAME).returncode


def test_database_that_its_owner_closed_is_opened(postgresql: PostgreSql) -> None:
    postgresql.admin("CREATE DATABASE other OWNER app_owner; GRANT app_readonly TO app")
    postgresql.app("SET ROLE app_owner; ALTER DATABASE app ALLOW_CONNECTIONS false", "other")
    assert postgresql.ask("SELECT 1").returncode
    assert "open the database app" in run(postgresql)
    assert postgresql.app("SELECT 1") == "1"


def test_restore_never_gives_a_superuser_what_was_not_his(postgresql: PostgreSql, tmp_path: Path) -> None:
    """A database of the administrator's with functions of others: they are nobody's who may do more than before."""
    postgresql.admin("CREATE DATABASE tools")
    postgresql.admin(
        "SET search_path = public; CREATE FUNCTION who() RETURNS text SECURITY DEFINER LANGUAGE sql AS "
        "'SELECT current_user::text';"
        "ALTER FUNCTION who() OWNER TO app",
        "tools",
    )
    folder = dumped(postgresql, tmp_path)
    restores.restore(postgresql.places, folder, Wish("tools", "tools2", False))
    assert postgresql.admin("SELECT public.who()", "tools2") == "tools2_owner"


class TestFiles:
    """Whoever is the system's account postgres lays links where root works."""

    def cluster(self, folder: Path) -> sql.Places:
        class Places(sql.Places):
            data = folder / "15/main"

        return Places(15, home=folder / "etc")

    def test_a_link_in_the_data_shows_nothing(self, postgresql: PostgreSql, tmp_path: Path) -> None:
        secret = tmp_path / "secret"
        secret.write_text("the secret of root\n")
        secret.chmod(0o600)
        places = self.cluster(postgresql.folder / "linked")
        as_postgres("mkdir", "-p", f"{places.data}/global")
        as_postgres("ln", "-s", str(secret), f"{places.data}/PG_VERSION")
        as_postgres("ln", "-s", str(secret), f"{places.data}/global/pg_control")
        for attempt in (lambda: cluster.guard(places), lambda: trial_of(places, tmp_path)):
            with pytest.raises(Exception) as told:
                attempt()
            assert "secret of root" not in str(told.value)

    def test_scratch_folders_leave_root_nothing_to_fall_for(self, postgresql: PostgreSql) -> None:
        with account.work("postgres", "rm-db-work-", Path("/tmp")) as work:
            assert (work.folder.stat().st_uid, work.folder.stat().st_mode & 0o777) == (0, 0o750)
            for name in ("log", "postgresql.conf", "own2"):
                with pytest.raises(Failure):
                    as_postgres("ln", "-s", "/etc/shadow", f"{work.folder}/{name}")
            with pytest.raises(Failure):
                as_postgres("mv", str(work.own), f"{work.folder}/away")
            as_postgres("ln", "-s", "/etc", f"{work.own}/etc")
            as_postgres("mkdir", "-p", f"{work.own}/a/b/c")
        assert not work.folder.exists()
        assert Path("/etc/passwd").exists()


def as_postgres(*words: str) -> None:
    account.run("postgres", *words)


def trial_of(places: Any, tmp_path: Path) -> None:
    places.home.mkdir(exist_ok=True)
    places.configuration.write_text("work_mem = 4MB\n")
    trial.examine(places, {})
