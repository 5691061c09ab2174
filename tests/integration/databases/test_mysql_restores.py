# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is in a dump of MariaDB has rights on its own database, whatever it says; and comes back as it was."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Iterator
from contextlib import nullcontext, suppress
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from conftest import place
from ringmaster.core import account
from ringmaster.core.component import Wish
from ringmaster.core.report import Failure
from ringmaster.mysql import accounts, dumps, keeper, objects, programs, restores, scratch
from ringmaster.mysql.client import Client, Login, MariaDbError, identifier, root

WISH = Wish("app", replace=True)


@dataclass(frozen=True)
class Site:
    """A server with two projects that do not know each other, and a dump of all."""

    client: Client
    login: Login
    folder: Path
    public: Path

    def app(self, script: str, user: str = "app") -> subprocess.CompletedProcess[str]:
        words = ["mariadb", "--no-defaults", f"--socket={self.login.socket}", f"--user={user}", "--password=word"]
        words += ["--batch", "--skip-column-names", "--binary-mode", user]
        return subprocess.run(words, input=script, capture_output=True, text=True, check=False)

    def as_before(self, script: str) -> None:
        """Run a script as restores did: as root."""
        words = ["mariadb", "--no-defaults", f"--socket={self.login.socket}", "--user=root", "--local-infile", "app"]
        subprocess.run(words, input=script, capture_output=True, text=True, check=False)

    def dump(self) -> Path:
        self.folder.mkdir(mode=0o700)
        dumps.dump(self.folder, self.login.socket)
        return self.folder

    def smuggle(self, script: str, database: str = "app", *, old: bool = True) -> None:
        """Put statements into a dump; ``old`` takes away what dumps of the release before did not have."""
        path = self.folder / f"{database}.sql.zst"
        text = subprocess.run(["zstd", "-dcq", str(path)], capture_output=True, check=True).stdout
        new = text.replace(b"-- Dump completed", script.encode() + b"\n-- Dump completed")
        subprocess.run(["zstd", "-qf", "-o", str(path)], input=new, check=True)
        if old:
            self.age()

    def age(self) -> None:
        path = self.folder / dumps.MANIFEST
        content = json.loads(path.read_text())
        for one in content["databases"].values():
            one.pop("programs", None)
        path.write_text(json.dumps(content))

    def restore(self, wish: Wish = WISH) -> str:
        return restores.restore(self.folder, wish, self.login)

    def definers(self, database: str) -> dict[str, str]:
        return {one.name: "@".join(one.definer) for one in programs.read(self.client, database)}


@pytest.fixture
def site(mariadb: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    monkeypatch.setattr(restores, "REPLACED", tmp_path / "replaced")
    client = root(mariadb)
    known = client.one("SELECT VERSION()")
    rights = objects.RIGHTS["owner"] - ({"SHOW CREATE ROUTINE"} if known.startswith("10.") else set())
    for name in ("app", "a_b"):
        client.run(
            [
                f"CREATE DATABASE {name}",
                f"CREATE USER '{name}'@'localhost' IDENTIFIED BY 'word'",
                f"GRANT {', '.join(sorted(rights))} ON {identifier(objects.pattern(name))}.* TO '{name}'@'localhost'",
                f"CREATE TABLE {name}.t (i int PRIMARY KEY, note text)",
                f"INSERT INTO {name}.t VALUES (1, 'of {name}')",
            ]
        )
    with place("mysql") as public:
        yield Site(client, Login(mariadb), tmp_path / "dump", public)
    keeper.drop(client)
    client.run([f"DROP DATABASE IF EXISTS {name}" for name in ("app", "a_b", "again", "shop")])
    left = client.run(["SELECT user, host FROM mysql.global_priv WHERE user NOT IN ('root', 'mariadb.sys')"])
    for name, host in left:
        client.run([f"DROP USER '{name}'@'{host}'" if host else f"DROP ROLE {name}"])
    client.run(["SET GLOBAL wait_timeout = DEFAULT"])


@pytest.fixture(scope="module")
def _scratch() -> Iterator[Login]:
    with scratch.server(0) as keeper:
        yield keeper


@pytest.fixture
def one_scratch(_scratch: Login, monkeypatch: pytest.MonkeyPatch) -> None:
    """Give all restores and proofs the same scratch server, since it takes seconds to make one."""
    monkeypatch.setattr(scratch, "server", lambda _size: nullcontext(_scratch))


def ask(statement: str) -> Callable[[Site], bool]:
    return lambda site: site.client.one(statement) not in ("", "0")


RIGHTS = ask(
    "SELECT COUNT(*) FROM information_schema.user_privileges WHERE grantee = '''app''@''localhost'''"
    " AND privilege_type <> 'USAGE'"
)
TIMEOUT = ask("SELECT @@GLOBAL.wait_timeout = 77")
NO_RIGHTS = "REVOKE ALL PRIVILEGES ON *.* FROM app@localhost"
GRANT = "GRANT SELECT ON *.* TO app@localhost"
NO_TIMEOUT = "SET GLOBAL wait_timeout = DEFAULT"
# What is smuggled in, what it would do, and what takes that back.
ATTACKS = {
    "a setting of the server": ("SET GLOBAL wait_timeout = 77;", TIMEOUT, NO_TIMEOUT),
    "rights": (f"{GRANT};", RIGHTS, NO_RIGHTS),
    "text that becomes a statement": (f"EXECUTE IMMEDIATE CONCAT('GRA', '{GRANT[3:]}');", RIGHTS, NO_RIGHTS),
    "an account": (
        "CREATE USER evil@localhost;",
        ask("SELECT COUNT(*) FROM mysql.global_priv WHERE user = 'evil'"),
        "DROP USER evil@localhost",
    ),
    "a password of root": (
        "SET PASSWORD FOR root@localhost = PASSWORD('x');",
        ask("SELECT COUNT(*) FROM mysql.global_priv WHERE user = 'root' AND priv NOT LIKE '%invalid%'"),
        "ALTER USER root@localhost IDENTIFIED VIA mysql_native_password USING 'invalid' OR unix_socket",
    ),
    "a plugin": (
        "INSTALL SONAME 'auth_ed25519';",
        ask("SELECT COUNT(*) FROM information_schema.plugins WHERE plugin_name = 'ed25519'"),
        "UNINSTALL SONAME 'auth_ed25519'",
    ),
    "a file of root's that the client reads": (
        "LOAD DATA LOCAL INFILE '{secret}' INTO TABLE t LINES STARTING BY '' (note) SET i = 7;",
        ask("SELECT COUNT(*) FROM app.t WHERE note = 'of root'"),
        "DELETE FROM app.t WHERE i = 7",
    ),
    "a file that the server reads": (
        "LOAD DATA INFILE '{public}/known' INTO TABLE t (note) SET i = 7;",
        ask("SELECT COUNT(*) FROM app.t WHERE note = 'of mysql'"),
        "DELETE FROM app.t WHERE i = 7",
    ),
    "a file that the server writes": (
        "SELECT 1 INTO OUTFILE '{public}/written';",
        lambda site: (site.public / "written").exists(),
        "",
    ),
    "rows of others": (
        "INSERT INTO t SELECT 7, note FROM a_b.t;",
        ask("SELECT COUNT(*) FROM app.t WHERE note = 'of a_b'"),
        "DELETE FROM app.t WHERE i = 7",
    ),
    "rows for others": (
        "INSERT INTO a_b.t VALUES (7, 'of app');",
        ask("SELECT COUNT(*) FROM a_b.t WHERE note = 'of app'"),
        "DELETE FROM a_b.t WHERE i = 7",
    ),
    "another database": (
        "USE a_b;\nCREATE TABLE made (i int);",
        ask("SELECT COUNT(*) FROM information_schema.tables WHERE table_schema = 'a_b' AND table_name = 'made'"),
        "DROP TABLE a_b.made",
    ),
    "a trigger that an INSERT fires": (
        "CREATE TRIGGER g BEFORE INSERT ON t FOR EACH ROW SET GLOBAL wait_timeout = 77;\nINSERT INTO t VALUES (7, '');",
        TIMEOUT,
        f"{NO_TIMEOUT};DROP TRIGGER app.g;DELETE FROM app.t WHERE i = 7",
    ),
    "a trigger in root's name": (
        "CREATE DEFINER=root@localhost TRIGGER g BEFORE INSERT ON t FOR EACH ROW SET GLOBAL wait_timeout = 77;\n"
        "INSERT INTO t VALUES (7, '');",
        TIMEOUT,
        f"{NO_TIMEOUT};DROP TRIGGER app.g;DELETE FROM app.t WHERE i = 7",
    ),
    "a procedure in root's name": (
        f"CREATE DEFINER=root@localhost PROCEDURE p() {GRANT};\nCALL p();",
        RIGHTS,
        f"{NO_RIGHTS};DROP PROCEDURE app.p",
    ),
    "a function in a view": (
        "CREATE FUNCTION f() RETURNS int BEGIN SET GLOBAL wait_timeout = 77; RETURN 1; END//\n"
        "CREATE VIEW v AS SELECT f()//\nINSERT INTO t SELECT 7, f() FROM v//",
        TIMEOUT,
        f"{NO_TIMEOUT};DROP VIEW app.v;DROP FUNCTION app.f;DELETE FROM app.t WHERE i = 7",
    ),
}


@pytest.mark.parametrize("old", [True, False], ids=["old dump", "dump"])
@pytest.mark.parametrize("attack", ATTACKS)
@pytest.mark.usefixtures("one_scratch")
def test_what_a_dump_says_has_rights_on_its_own_database_only(
    site: Site, tmp_path: Path, attack: str, *, old: bool
) -> None:
    script, harm, undo = ATTACKS[attack]
    secret = tmp_path / "secret"
    secret.write_text("of root\n")
    secret.chmod(0o600)
    (site.public / "known").write_text("of mysql\n")
    (site.public / "known").chmod(0o644)
    script = script.replace("{secret}", str(secret)).replace("{public}", str(site.public))
    if "//" in script:
        script = f"DELIMITER //\n{script}\nDELIMITER ;"
    site.dump()
    site.as_before(script)
    assert harm(site), "as root it would do harm"
    site.client.run([one for one in undo.split(";") if one])
    (site.public / "written").unlink(missing_ok=True)
    assert not harm(site)

    site.smuggle(script, old=old)
    # Of an old dump, a restore asks a scratch server, too.
    for bring_back in (site.restore, *([] if old else [lambda: restores.prove(site.folder)])):
        with suppress(Failure):  # most of them end it
            bring_back()
        assert not harm(site)
    assert site.client.run([keeper.LEFT]) == []


KINDS = [
    "VIEW taken AS SELECT note FROM a_b.t",
    "PROCEDURE taken() SELECT note FROM a_b.t",
    "FUNCTION taken() RETURNS text READS SQL DATA RETURN (SELECT note FROM a_b.t)",
]


@pytest.mark.parametrize("definer", ["root@localhost", "a_b@localhost", "'mariadb.sys'@localhost", "nobody@localhost"])
@pytest.mark.parametrize("what", KINDS)
@pytest.mark.usefixtures("one_scratch")
def test_a_dump_names_nobody_else(site: Site, what: str, definer: str) -> None:
    """A dump of before what is recorded: its statements say in whose name something acts."""
    site.dump()
    site.smuggle(f"CREATE DEFINER={definer} {what};")
    path = site.folder / dumps.MANIFEST
    content = json.loads(path.read_text())
    content["databases"]["app"]["views" if what.startswith("VIEW") else "routines"] = 1
    path.write_text(json.dumps(content))
    said = site.restore()
    assert site.definers("app") == {"taken": "app@localhost"}
    assert f"taken acts as app@localhost, and not as {definer.replace(chr(39), '')}" in said
    uses = {"VIEW": "SELECT * FROM taken", "PROCEDURE": "CALL taken()", "FUNCTION": "SELECT taken()"}
    done = site.app(uses[what.partition(" ")[0]])
    assert "of a_b" not in done.stdout
    assert done.returncode


def test_the_record_says_who_made_it_and_not_the_statements(site: Site) -> None:
    """Two owners of one database do not become each other by what one of them put into a dump."""
    site.client.run(["GRANT ALL PRIVILEGES ON app.* TO a_b@localhost"])
    assert not site.app("CREATE PROCEDURE p() SELECT 1").returncode
    site.dump()
    site.smuggle(
        "DROP PROCEDURE IF EXISTS p; CREATE DEFINER=a_b@localhost PROCEDURE p() SELECT note FROM a_b.t;", old=False
    )
    site.restore()
    assert site.definers("app") == {"p": "app@localhost"}
    assert "of a_b" not in site.app("CALL p()").stdout


# As people make them: quotes and words of other modes, what needs another one that comes later in the alphabet,
# and two triggers for one event.
PROGRAMS = """
DELIMITER //
CREATE SEQUENCE numbers//
SELECT NEXTVAL(numbers)//
CREATE FUNCTION f() RETURNS text CHARACTER SET utf8mb4 DETERMINISTIC RETURN 'ä;\\n//'//
CREATE AGGREGATE FUNCTION total(x int) RETURNS int
BEGIN DECLARE s int DEFAULT 0; DECLARE CONTINUE HANDLER FOR NOT FOUND RETURN s;
LOOP FETCH GROUP NEXT ROW; SET s = s + x; END LOOP; END//
CREATE PROCEDURE p(IN x int) SQL SECURITY INVOKER COMMENT 'it''s' BEGIN SELECT x; SELECT 2; END//
CREATE VIEW z AS SELECT * FROM t WHERE i > 0 WITH CHECK OPTION//
CREATE ALGORITHM=MERGE SQL SECURITY INVOKER VIEW a AS SELECT i, note FROM z//
CREATE VIEW b AS SELECT f() AS `we;ird ``name`//
CREATE TRIGGER second BEFORE INSERT ON t FOR EACH ROW SET NEW.note = CONCAT(NEW.note, '2')//
CREATE TRIGGER first BEFORE INSERT ON t FOR EACH ROW PRECEDES second SET NEW.note = CONCAT(NEW.note, '1')//
CREATE EVENT e ON SCHEDULE EVERY 1 DAY STARTS '2030-01-01 00:00:00' ON COMPLETION PRESERVE DISABLE
COMMENT 'x' DO DELETE FROM t WHERE i = 99//
SET sql_mode = 'ANSI_QUOTES,NO_BACKSLASH_ESCAPES'//
CREATE PROCEDURE "we""ird `name"() SELECT "note", '\\' FROM "t"//
CREATE EVENT "an event" ON SCHEDULE EVERY 1 DAY STARTS '2030-01-01 00:00:00' DO DELETE FROM "t" WHERE "i" = 99//
CREATE TRIGGER "a trigger" AFTER DELETE ON "t" FOR EACH ROW SET @gone = OLD."i"//
SET sql_mode = 'ORACLE'//
CREATE PACKAGE pk AS PROCEDURE x; END//
CREATE PACKAGE BODY pk AS PROCEDURE x AS BEGIN SELECT 5; END; END//
CREATE PROCEDURE bare AS BEGIN NULL; END//
"""


@pytest.mark.parametrize("old", [True, False], ids=["old dump", "dump"])
def test_everything_comes_back_as_it_was(site: Site, *, old: bool) -> None:
    site.client.run(["GRANT SELECT ON `a\\_b`.* TO app@localhost", "CREATE DATABASE shop"])
    done = site.app(PROGRAMS)
    assert not done.returncode, done.stderr
    assert not site.app("CREATE VIEW theirs AS SELECT note FROM a_b.t;").returncode
    assert not site.app("SET NAMES latin1; CREATE PROCEDURE l() SELECT 'x';").returncode
    site.client.run(["ALTER DATABASE app COLLATE utf8mb4_bin"])  # made before that, and so remembered
    before = {name: programs.read(site.client, name) for name in ("app", "a_b")}
    assert len(before["app"]) == 17
    site.dump()
    if old:
        site.age()
    assert "came back, all counted and checked" in restores.prove(site.folder)
    assert "Otherwise" not in site.restore()
    assert programs.read(site.client, "app") == before["app"]
    # Under another name, what needs rights of its definer waits for them.
    assert "the view b is left out: execute command denied" in site.restore(Wish("app", "again"))
    site.client.run(["GRANT ALL PRIVILEGES ON again.* TO app@localhost"])
    assert "Otherwise" not in site.restore(Wish("app", "again", replace=True))
    assert programs.read(site.client, "again") == before["app"]
    assert site.app(
        "SELECT total(i) FROM t; SELECT * FROM theirs; SELECT note FROM a; SET sql_mode = 'ORACLE'; CALL pk.x();"
    ).stdout.split() == ["1", "of", "a_b", "of", "app", "5"]
    where = "FROM information_schema.schemata WHERE schema_name = 'app'"
    assert site.client.one(f"SELECT default_collation_name {where}") == "utf8mb4_bin"


@pytest.mark.parametrize("old", [True, False], ids=["old dump", "dump"])
def test_what_root_made_acts_as_the_owner(site: Site, *, old: bool) -> None:
    site.client.run(["CREATE DEFINER=root@localhost PROCEDURE app.p() SELECT USER(), CURRENT_USER()"])
    site.client.run(["CREATE VIEW app.v AS SELECT 1", "CREATE EVENT app.e ON SCHEDULE EVERY 1 DAY DO SELECT 1"])
    site.dump()
    if old:
        site.age()
    said = site.restore()
    assert site.definers("app") == dict.fromkeys("epv", "app@localhost")
    assert "the procedure p acts as app@localhost, and not as root@localhost" in said


def test_without_an_owner_there_is_one_who_cannot_log_in(site: Site) -> None:
    """As where an administrator made everything by hand."""
    assert not site.app("CREATE VIEW v AS SELECT note FROM t; CREATE PROCEDURE p() SELECT note FROM a_b.t;").returncode
    site.dump()
    site.client.run(["DROP USER app@localhost"])
    said = site.restore(Wish("app", "again"))
    assert "the view v acts as again_owner@localhost, and not as app@localhost" in said
    assert site.definers("again") == dict.fromkeys("pv", "again_owner@localhost")
    assert site.client.one("SELECT note FROM again.v") == "of app"
    with pytest.raises(MariaDbError, match="denied to user 'again_owner'"):
        site.client.run(["CALL again.p()"])
    for password in ("", "invalid"):
        with pytest.raises(MariaDbError):
            Login(site.login.socket, "again_owner", password).client().one("SELECT 1")
    assert site.restore(Wish("app", "again", replace=True)).count("acts as again_owner") == 2


def test_an_account_of_that_name_gets_nothing(site: Site) -> None:
    assert not site.app("CREATE VIEW v AS SELECT 1").returncode
    site.dump()
    site.client.run(["DROP USER app@localhost", "CREATE USER app_owner@localhost IDENTIFIED BY 'word'"])
    assert "the view v is left out: app has no owner" in site.restore()
    assert site.definers("app") == {}
    assert site.client.run(["SHOW GRANTS FOR app_owner@localhost"])[1:] == []


def test_whoever_has_rights_over_the_server_is_no_databases_own(site: Site) -> None:
    site.client.run(["CREATE USER admin@localhost", "GRANT ALL PRIVILEGES ON *.* TO admin@localhost"])
    site.client.run(["GRANT ALL PRIVILEGES ON app.* TO admin@localhost"])
    site.client.run(["CREATE DEFINER=admin@localhost PROCEDURE app.p() SELECT 1"])
    site.dump()
    site.restore()
    assert site.definers("app") == {"p": "app@localhost"}


def test_the_login_is_gone_after_a_restore_that_was_killed(site: Site) -> None:
    left = keeper.login(site.client, site.login.socket, "app")
    login = left.__enter__()  # and nobody ends it
    words = [*login.words, "--batch", "-e", "CREATE PROCEDURE app.late() SELECT note FROM a_b.t; SELECT SLEEP(60)"]
    works = subprocess.Popen(["mariadb", *words], env=login.environment, stderr=subprocess.PIPE)
    while not site.client.run(["SELECT 1 FROM information_schema.processlist WHERE info LIKE 'SELECT SLEEP%'"]):
        assert works.poll() is None
    with keeper.login(site.client, site.login.socket, "a_b") as other:
        assert other.user != login.user
        assert [row[0] for row in site.client.run([keeper.LEFT])] == [other.user]
        assert works.wait(20)
        with pytest.raises(MariaDbError):
            login.client().one("SELECT 1")
        # What was made in its name does not become the next one's.
        assert "of a_b" not in site.app("CALL late()").stdout
        assert other.client().one("SELECT note FROM a_b.t") == "of a_b"
    assert site.client.run([keeper.LEFT]) == []


def test_the_password_of_the_login_is_in_no_command_line(site: Site) -> None:
    with keeper.login(site.client, site.login.socket, "app") as login:
        assert not [word for word in login.words if login.password in word]
        with pytest.raises(MariaDbError):
            replace(login, password="").client().one("SELECT 1")


def test_a_scratch_server_has_nobody_whose_name_is_known(site: Site) -> None:
    site.dump()
    with scratch.server(0) as administrator:
        names = administrator.client().run(["SELECT user FROM mysql.global_priv WHERE host <> ''"])
        assert names == [[administrator.user]]
        assert administrator.user not in ("root", "mysql")
        with pytest.raises(MariaDbError):
            root(administrator.socket).one("SELECT 1")
    with scratch.server(0) as other:
        assert other.user != administrator.user


def test_a_proof_that_was_killed_is_cleaned_up_by_the_next_one(site: Site) -> None:
    with account.work(scratch.ACCOUNT, scratch.PREFIX, scratch.SCRATCH) as left:
        works = left.start(["sh", "-c", "sleep 60", f"--datadir={left.own}/data"])
        with scratch.server(0):
            assert not left.folder.exists()
            assert works.wait(10) < 0
        assert not list(scratch.SCRATCH.glob(f"{scratch.PREFIX}*"))


BY_HAND = """
CREATE USER hand@localhost IDENTIFIED BY 'word' WITH MAX_USER_CONNECTIONS 3; CREATE ROLE readers;
GRANT SELECT ON app.* TO readers; GRANT readers TO hand@localhost; SET DEFAULT ROLE readers FOR hand@localhost;
GRANT SELECT (note), UPDATE (note) ON a_b.t TO hand@localhost; GRANT INSERT ON app.* TO hand@localhost;
GRANT RELOAD, FILE ON *.* TO hand@localhost; GRANT SELECT ON mysql.* TO hand@localhost;
GRANT SELECT ON `%`.* TO hand@localhost; GRANT PROXY ON app@localhost TO hand@localhost
"""


def test_accounts_come_back_without_power_over_the_server(site: Site) -> None:
    site.client.run([" ".join(one.split()) for one in BY_HAND.split(";")])
    site.dump()
    users = site.folder / dumps.USERS
    more = [
        "CREATE USER IF NOT EXISTS `evil`@`localhost`; GRANT ALL PRIVILEGES ON *.* TO `evil`@`localhost`;",
        "GRANT ALL PRIVILEGES ON *.* TO `hand`@`localhost`;",
        "GRANT SELECT ON `mysq_`.* TO `hand`@`localhost`;",
        "SET GLOBAL wait_timeout = 77;",
        "CREATE USER IF NOT EXISTS `x`@`localhost` IDENTIFIED BY PASSWORD '*1\\'; SET GLOBAL wait_timeout = 77; -- ';",
    ]
    users.write_text("\n".join([users.read_text(), *more, ""]))
    site.client.run(["DROP USER hand@localhost", "DROP ROLE readers", "DROP DATABASE app", "DROP DATABASE a_b"])
    before = site.client.run(["SHOW GRANTS FOR app@localhost"])
    site.restore(Wish())
    found = " ".join(row[0] for row in site.client.run(["SHOW GRANTS FOR hand@localhost"]))
    assert "GRANT USAGE ON *.*" in found
    assert "GRANT INSERT ON `app`.*" in found
    assert "GRANT SELECT (`note`), UPDATE (`note`) ON `a_b`.`t`" in found
    assert "GRANT `readers`" in found
    assert "WITH MAX_USER_CONNECTIONS 3" in found
    assert not [one for one in ("mysql`", "`%`", "FILE", "PROXY", "mysq_") if one in found]
    assert site.app("SELECT note FROM t", "hand").returncode  # no database of its name
    words = ["mariadb", "--no-defaults", f"--socket={site.login.socket}", "--user=hand", "--password=word", "-N"]
    said = subprocess.run([*words, "-e", "SELECT note FROM app.t"], capture_output=True, text=True, check=True).stdout
    assert said == "of app\n"
    assert not TIMEOUT(site)
    assert site.client.run(["SELECT 1 FROM mysql.global_priv WHERE user IN ('evil', 'x')"]) == []
    assert site.client.run(["SHOW GRANTS FOR app@localhost"]) == before
    assert accounts.missing(users, accounts.present(site.client)) == []
