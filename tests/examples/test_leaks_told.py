"""A system whose every part tells what it must not: nothing of that is in what a run leaves, or says."""

from __future__ import annotations

import base64
import html
import json
import os
import subprocess
import sys
from pathlib import Path
from urllib.parse import quote

import pytest
from drilling import LONGEST, own_environment
from test_leaks import FIRST, SECOND, people

from rollproof.seal.result import Result, Trust
from rollproof.seal.verifying import verify_bundle

SECRETS = {
    "of the service's environment": "lua-cheia!9931",
    "of its cache": "Senha/Do&Cache 7",
    "short, of the service's environment": "k7!xq",
    "of the smoke tests' command line": "tok-Ação-7741",
    "of the clients' header": "abcDEF0123-hdr",
    "of a setting of the database": "jwt-Segredo-88",
    "of the shell that drills": "concha-Mar-5521",
    "of a role": "papel-Rei-4410",
}
SERVICE, CACHE, SHORT, SMOKE, HEADER, SETTING, SHELL, ROLE = SECRETS.values()

SYSTEM = f"""
[system]
name = "tells"
[database]
app_role = "app"
critical_tables = ["public.people"]
[database.migrations]
path = "migrations"
[database.seed]
after = "001"
sql = "seed.sql"
[service.api]
command = ["{{python}}", "api.py", "{{port}}"]
start_limit = "10s"
[service.api.env]
APP_TOKEN = {json.dumps(SERVICE)}
CACHE_TOKEN = {json.dumps(CACHE)}
PIN_SECRET = "{SHORT}"
[[traffic]]
name = "asks"
kind = "read"
service = "api"
method = "GET"
path = "/people"
headers = {{ Authorization = "Bearer {HEADER}" }}
[smoke]
command = ["{{python}}", "smoke.py", "--token", {json.dumps(SMOKE)}]
"""
TELLING_FIRST = f"""
{FIRST}
COMMENT ON TABLE people IS 'asked for by CPF_0, mail MAIL_0';
CREATE FUNCTION whom() RETURNS text LANGUAGE sql AS $$ SELECT 'MAIL_1, password=''{ROLE}''' $$;
ALTER TABLE numbers ADD CONSTRAINT nobody CHECK (note <> 'CPF_1');
DO $$ BEGIN
    EXECUTE format('ALTER DATABASE %I SET app.jwt_secret = %L', current_database(), '{SETTING}');
END $$;
"""
RAISES = f"""
CREATE OR REPLACE FUNCTION whom() RETURNS text LANGUAGE sql AS $$ SELECT 'MAIL_2' $$;
DO $$ BEGIN RAISE EXCEPTION 'cannot take back: person % has the password % and the token k9Zq77Lw',
    (SELECT cpf FROM people ORDER BY cpf LIMIT 1), '{SERVICE}'; END $$;
"""
LOSES = f"""
DROP TABLE notes; DELETE FROM people WHERE phone <> 'x';
COMMENT ON TABLE people IS 'asked for by CPF_2, mail MAIL_2';
CREATE OR REPLACE FUNCTION whom() RETURNS text LANGUAGE sql AS $$ SELECT 'MAIL_3, password=''{ROLE}x''' $$;
DO $$ BEGIN
    EXECUTE format('ALTER DATABASE %I SET app.jwt_secret = %L', current_database(), '{SETTING}x');
END $$;
DELETE FROM migrations WHERE migration_name = '002_notes.sql';
"""
TOLD = """
import base64, json, os, sys
from pathlib import Path
from urllib.parse import quote
ROWS = [line.split("|") for line in (Path(__file__).parent / "people.txt").read_text().splitlines()]
def told(number, *more):
    cpf, name, email, phone, token = ROWS[number]
    masked = f"{cpf[:3]}.{cpf[3:6]}.{cpf[6:9]}-{cpf[9:]}"
    return " ".join([cpf, masked, email, quote(email), phone, token, f"7,{cpf},x",
        f"+55 ({phone[3:5]}) {phone[5:10]}-{phone[10:]}", f"Key (nome)=({name}) already exists.",
        json.dumps(email).replace("@", "\\\\u0040"), email.replace("@", "\\\\x40"),
        base64.b64encode(f"cpf={masked}".encode()).decode(), f"\\\\x{cpf.encode().hex()}00", *more])
"""
API = f"""
import http.server, os, sys
{TOLD}
secrets = [os.environ[name] for name in ("APP_TOKEN", "CACHE_TOKEN", "PIN_SECRET", "DATABASE_URL")]
secrets += [f"redis://:{{quote(secrets[1], safe='')}}@cache.internal:6379/0"]
print(told(0, *secrets), flush=True)
class Api(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        print(told(1, *secrets, str(self.headers)), flush=True)
        body = json.dumps({{"status": "ok", "who": told(2, *secrets)}}).encode()
        Api.asked = getattr(Api, "asked", 0) + 1
        self.send_response(500 if self.path == "/people" and Api.asked % 3 == 0 else 200)
        self.send_header("Set-Cookie", "sessionid=" + ROWS[3][4])
        self.end_headers()
        self.wfile.write(body)
http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Api).serve_forever()
"""
SMOKING = f"""
import pathlib, psutil, sys
{TOLD}
seen = pathlib.Path(__file__).parent / "processes.txt"
with seen.open("a") as file:
    for one in psutil.process_iter(["cmdline"]):
        if one.pid != psutil.Process().pid and "smoke.py" not in str(one.info["cmdline"]):
            file.write(" ".join(one.info["cmdline"] or []) + "\\n")
print("rejected", sys.argv[2], told(4), os.environ["DATABASE_URL"])
print("-----BEGIN RSA PRIVATE KEY-----")
for _ in range(9):
    print("MIIEpAIBAAKCAQEA75SRu" + "abcdefghijklmnopqrstuvwxyzABCD0123456789+/")
print("-----END RSA PRIVATE KEY-----")
sys.exit(3 if pathlib.Path(__file__).parent.name == "loses" else 0)
"""
STEPS = f"""
import logging
from pathlib import Path
from pytest_bdd import when
{TOLD}

@when("somebody attaches what he saw")
def _(drill):
    drill.recorder.note("observe", {{"found": told(5), "items": [told(6)], "facts": {{"token": ROWS[6][4]}},
        "differences": drill.recorder.journal.attachments.put({{"seen": told(7), ROWS[7][0]: 1}})}})
    logging.warning(told(8))
    print(told(9, os.environ["MY_API_TOKEN"]))
    raise ValueError(told(10, os.environ["MY_API_TOKEN"]))
"""
FEATURE = """
@database
Feature: Steps that tell
  Scenario: What was seen is attached
    When somebody attaches what he saw
"""


def forms(value: str) -> set[str]:
    """A text as it is, and as JSON, HTML, addresses, Base64 and hexadecimal write it."""
    encoded = base64.b64encode(value.encode()).decode().rstrip("=")
    found = {value, json.dumps(value)[1:-1], html.escape(value), quote(value), quote(value, safe="")}
    return found | ({encoded[:-1], value.encode().hex()} if len(value) > 8 else set())


def needles() -> set[str]:
    found = {form for secret in SECRETS.values() for form in forms(secret)}
    for cpf, name, email, phone, token in people():
        masked = f"{cpf[:3]}.{cpf[3:6]}.{cpf[6:9]}-{cpf[9:]}"
        spelt = (
            email.replace("@", "\\u0040"),
            email.replace("@", "\\x40"),
            phone[1:],
            f"{phone[5:10]}-{phone[10:]}",
        )
        found |= {form for one in (cpf, masked, email, phone, token, name) for form in forms(one)} | {*spelt}
    return found | {"MIIEpAIBAAKCAQEA75SRu", "abcdefghijklmnopqrstuvwxyzABCD0123456789", "k9Zq77Lw"}


def filled(text: str) -> str:
    for number, (cpf, _, email, *_) in enumerate(people()[:4]):
        text = text.replace(f"CPF_{number}", cpf).replace(f"MAIL_{number}", email)
    return text


def write_project(home: Path) -> None:
    rows = people()
    seed = "".join(
        f"INSERT INTO people VALUES ('{cpf}', '{name}', '{email}', '{phone}', '{token}');\n"
        for cpf, name, email, phone, token in rows
    )
    for name, rollback in (("loses", LOSES), ("raises", RAISES)):
        folder = home / name
        (folder / "migrations").mkdir(parents=True)
        files = {
            "system.toml": SYSTEM.replace('"tells"', f'"{name}"'),
            "seed.sql": seed,
            "migrations/001_people.sql": filled(TELLING_FIRST),
            "migrations/002_notes.sql": SECOND,
            "migrations/003_rollback_002.sql": filled(rollback),
            "api.py": API,
            "smoke.py": SMOKING,
            "people.txt": "\n".join("|".join(row) for row in rows),
        }
        for file, text in files.items():
            (folder / file).write_text(text)
    (home / "people.txt").write_text("\n".join("|".join(row) for row in rows))
    (home / "pytest.ini").write_text("[pytest]\n")
    (home / "conftest.py").write_text(STEPS)
    (home / "features").mkdir()
    (home / "features" / "telling.feature").write_text(FEATURE)


pytestmark = pytest.mark.slow
"""Half a minute: services that come up, smoke tests that never pass, every option that shows more."""


@pytest.fixture(scope="module")
def drilled(tmp_path_factory):
    """The project, drilled with every option that shows more; and what was said meanwhile."""
    home = tmp_path_factory.mktemp("telling")
    write_project(home)
    (home / "tmp").mkdir()
    feature = Path(__file__).parents[2] / "features" / "migration.feature"
    done = subprocess.run(
        [
            *(
                sys.executable,
                "-m",
                "pytest",
                "-p",
                "no:cacheprovider",
                "-rA",
                "-vv",
                "--showlocals",
                "--tb=long",
            ),
            *(
                "--junitxml=junit.xml",
                "--alluredir=allure",
                "--log-level=INFO",
                "-c",
                str(home / "pytest.ini"),
            ),
            *("--system=loses/system.toml", "--system=raises/system.toml", f"--reports={home / 'reports'}"),
            *("-k", "additive and its_script or telling", "features/telling.feature", str(feature)),
        ],
        cwd=home,
        env=own_environment()
        | {"MY_API_TOKEN": SHELL, "PYTHONPATH": os.pathsep.join(sys.path), "TMPDIR": str(home / "tmp")},
        capture_output=True,
        text=True,
        timeout=LONGEST,
        check=False,
    )
    return home, done.stdout + done.stderr


def test_the_drills_came_to_their_verdicts(drilled):
    _, said = drilled
    assert "P0001 raise exception" in said, said
    assert "the smoke tests ended with 3" in said
    assert "every row from before that migration is unchanged" in said
    assert "app.jwt_secret" in said, "a setting that a rollback changes is a difference all the same"
    assert "ValueError" in said


def test_nothing_of_it_is_in_any_file_or_line_of_output(drilled):
    home, said = drilled
    kept = [home / "reports", home / "allure", home / "tmp", home / "junit.xml"]
    places = [path for place in kept for path in (place, *place.rglob("*")) if path.is_file()]
    texts = {str(path.relative_to(home)): path.read_bytes() for path in places}
    assert len(texts) > 15
    texts["the terminal"] = said.encode()
    texts["the list of processes"] = b"".join(path.read_bytes() for path in home.rglob("processes.txt"))
    found = {
        (place, needle) for place, text in texts.items() for needle in needles() if needle.encode() in text
    }
    assert not found


@pytest.mark.parametrize(
    "command",
    [
        *("status", "trend", "badge", "heal", "findings list", "findings export --as=github --output={to}"),
        *("metrics {run}", "trace {run} --file={to}/spans.json", "judge {run}", "verify {run}"),
        *("report {run} --output={to}", "report {run} --output={to} --as=html --language=pt-BR"),
    ],
)
def test_no_command_tells_anything_of_it_afterwards(drilled, command, tmp_path):
    home, _ = drilled
    run = (home / "reports" / "latest").resolve()
    words = command.format(run=run, to=tmp_path).split()
    done = subprocess.run(
        [sys.executable, "-m", "rollproof", *words],
        cwd=home,
        env=own_environment() | {"MY_API_TOKEN": SHELL, "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        timeout=LONGEST,
        check=False,
    )
    said = done.stdout + done.stderr
    assert "Traceback" not in said
    files = [path for folder in (tmp_path, home / "reports") for path in folder.rglob("*") if path.is_file()]
    texts = {"the terminal": said.encode()} | {str(path): path.read_bytes() for path in files}
    found = {
        (place, needle) for place, text in texts.items() for needle in needles() if needle.encode() in text
    }
    assert not found


def test_the_run_is_sealed_and_intact(drilled):
    home, said = drilled
    found = verify_bundle((home / "reports" / "latest").resolve(), Trust())
    assert (found.result, found.findings) == (Result.UNSIGNED, []), said
