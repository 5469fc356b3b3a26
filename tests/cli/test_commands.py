"""The command line as people use it: a town is built, asked in every way, and nothing is left running."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any

import pytest

from ariane.cli import main
from ariane.workspace import NAMES, Workspace

ARIANE = [sys.executable, "-c", "from ariane.cli import main; main()"]
N_PERSONS = 120


class Ran:
    """What a command said, run in this process as `main` runs it; a process of its own costs two seconds of imports."""

    def __init__(self, *words: str, workspace: Path | None = None) -> None:
        out, err = io.StringIO(), io.StringIO()
        asked = shell(workspace)
        with asked, redirect_stdout(out), redirect_stderr(err):
            before, sys.argv = sys.argv, ["ariane", *words]
            try:
                main()
                self.code = 0
            except SystemExit as leaving:
                self.code = int(leaving.code or 0)
            finally:
                sys.argv = before
        self.out, self.err = out.getvalue(), err.getvalue()

    @property
    def document(self) -> Any:
        assert self.code == 0, self.err
        return json.loads(self.out)


@contextmanager
def shell(workspace: Path | None) -> Iterator[None]:
    """The variable a shell would have set."""
    with pytest.MonkeyPatch.context() as patched:
        if workspace is not None:
            patched.setenv("ARIANE_WORKSPACE", str(workspace))
        yield


def test_it_runs_as_a_process() -> None:
    done = subprocess.run([*ARIANE, "--help"], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0 and "Start with 'ariane demo'" in done.stdout


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("cli") / "town"
    told = Ran("demo", "--dir", str(folder), "--persons", str(N_PERSONS), "--no-serve", "--json").document
    assert told["n_sent"] > 40 * N_PERSONS and told["n_persons"] > N_PERSONS / 2
    assert told["address"] is None
    assert (folder / "truth" / "identifiers.parquet").exists()
    return folder


def test_the_same_town_is_not_built_twice(town: Path) -> None:
    told = Ran("demo", "--dir", str(town), "--persons", str(N_PERSONS), "--no-serve", "--json").document
    assert told["n_sent"] == 0
    other = Ran("demo", "--dir", str(town), "--persons", "7", "--no-serve")
    assert other.code == 1 and "--fresh" in other.err


def test_a_folder_with_other_things_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("years of work")
    refused = Ran("demo", "--dir", str(tmp_path), "--no-serve", "--fresh")
    assert refused.code == 1 and "not a town" in refused.err
    assert (tmp_path / "thesis.txt").read_text() == "years of work"


@pytest.mark.parametrize(
    "words",
    [
        ("journey",), ("funnel", "sees_campaign", "pays"), ("paths",), ("friction",), ("voice",), ("attribute",),
        ("segment",), ("segment", "channel:store,orders>=1", "--list"), ("score",), ("keys",), ("doctor",),
        ("sql", "SELECT channel, count(*) AS n FROM events GROUP BY channel ORDER BY n DESC"),
    ],
    ids=lambda words: " ".join(words)[:30],
)  # fmt: skip
def test_every_command_answers_for_people_and_for_machines(town: Path, words: tuple[str, ...]) -> None:
    told = Ran(*words, "--json", workspace=town).document
    assert told or words == ("friction",), "so small a town may have no friction that chance could not explain"
    shown = Ran(*words, workspace=town)
    assert shown.code == 0 and shown.out.strip(), shown.err
    assert "Traceback" not in shown.err


@pytest.mark.parametrize(
    "name",
    [
        "events", "persons", "identifiers", "edges", "touchpoints", "sessions", "answers", "orders", "consents",
        "decisions", "cases",
    ],
)  # fmt: skip
def test_every_relation_can_be_asked(town: Path, name: str) -> None:
    rows = Ran("sql", f"SELECT count(*) AS n FROM {name}", "--json", workspace=town).document
    assert rows[0]["n"] > 0 or name in ("decisions", "cases")


def test_one_person_is_shown_explained_and_decided_for(town: Path) -> None:
    asked = "SELECT person_id, value FROM identifiers WHERE kind = '{}' ORDER BY value LIMIT 1"
    email = Ran("sql", asked.format("email"), "--purpose", "service", "--json", workspace=town).document[0]
    told = Ran("person", f"email:{email['value']}", "--json", workspace=town).document
    assert told["person"]["person_id"] == email["person_id"]
    assert told["person"]["identifiers"] and told["events"]
    assert Ran("person", email["person_id"], workspace=town).code == 0
    decision = Ran("decide", email["person_id"], "--json", workspace=town).document
    assert decision["person_id"] == email["person_id"] and decision["why"]


def test_who_refuses_to_be_measured_is_counted_and_in_no_row(town: Path) -> None:
    refused = Ran(
        "sql", "SELECT DISTINCT person_id FROM consents WHERE purpose = 'measurement' AND NOT granted",
        "--purpose", "service", "--json", workspace=town,
    ).document  # fmt: skip
    assert refused
    listed = ", ".join(f"'{row['person_id']}'" for row in refused)
    for name in ("events", "touchpoints", "sessions", "identifiers"):
        rows = Ran("sql", f"SELECT count(*) AS n FROM {name} WHERE person_id IN ({listed})", "--json", workspace=town)
        assert rows.document == [{"n": 0}], name
    assert Ran("journey", "--json", workspace=town).document["n_held_back"] > 0


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("jurney",), 2, "Did you mean 'journey'"),
        (("sql",), 2, "Missing argument"),
        (("sql", "SELECT * FROM nowhere"), 1, "nowhere"),
        (("sql", "SELECT 1", "--purpose", "curiosity"), 2, "curiosity"),
        (("person", "email:nobody@example.org"), 1, "nobody@example.org"),
        (("segment", "ordrs>=2"), 1, "orders"),
        (("attribute", "--model", "lats"), 1, "last"),
        (("funnel", "pais"), 1, "pays"),
        (("import", "starbuks", "."), 1, "starbucks"),
        (("import", "csv"), 2, "What is to be read"),
        (("bridge", "mqtt", "nowhere:0", "--topic", "a/#"), 1, "no address"),
        (("journey", "--since", "yesterday"), 1, "ISO 8601"),
    ],
    ids=lambda value: " ".join(value)[:24] if isinstance(value, tuple) else None,
)
def test_what_is_wrong_is_said(town: Path, words: tuple[str, ...], code: int, said: str) -> None:
    ran = Ran(*words, workspace=town)
    assert ran.code == code, ran.err
    assert said in ran.err and "Traceback" not in ran.err


def test_every_kind_of_import_is_listed_and_rehearsed(tmp_path: Path) -> None:
    listed = Ran("import", "--json").document
    assert {"csv", "xes", "access-log", "google-store"} <= {one["kind"] for one in listed}
    assert "Process" in Ran("import").out or "process log" in Ran("import").out
    log = '192.0.2.1 - - [01/Mar/2026:10:00:00 +0000] "GET /shop HTTP/1.1" 200 5 "-" "Firefox/140.0"'
    (tmp_path / "access.log").write_text(log)
    said = Ran("import", "access-log", str(tmp_path / "access.log"), "--dry-run").out
    assert "page /shop" in said and "cookie:" in said and "Nothing was written." in said and "192.0.2.1" not in said


def test_a_failure_is_a_document_too(town: Path) -> None:
    ran = Ran("person", "email:nobody@example.org", "--json", workspace=town)
    assert ran.code == 1 and json.loads(ran.out)["error"]["code"] == "not_found"


def test_no_workspace_says_what_to_do(tmp_path: Path) -> None:
    ran = Ran("journey", "-w", str(tmp_path))
    assert ran.code == 1 and "ariane init" in ran.err
    doctor = Ran("doctor", "-w", str(tmp_path), "--json").document
    assert any("ariane demo" in check["next_step"] for check in doctor["checks"])


def test_an_empty_workspace_answers_everything(tmp_path: Path) -> None:
    folder = tmp_path / "shop"
    made = Ran("init", str(folder), "--json").document
    assert made["write_key"].startswith("wk_")
    for words in (("journey",), ("friction",), ("paths",), ("voice",), ("attribute",), ("segment",), ("score",)):
        ran = Ran(*words, "--json", workspace=folder)
        assert ran.code == 0, (words, ran.err)
    assert Ran("init", str(folder)).code == 1
    assert (
        Ran("keys", "--add", "till", "--channel", "store", "--json", workspace=folder).document[1]["channel"] == "store"
    )


def test_a_rebuild_keeps_what_is_said(town: Path) -> None:
    before = Ran("journey", "--json", workspace=town).document
    assert Ran("rebuild", "--json", workspace=town).document["n_events"] > 0
    after = Ran("journey", "--json", workspace=town).document
    assert [step["n_persons"] for step in after["steps"]] == [step["n_persons"] for step in before["steps"]]


def test_the_documented_columns_are_the_columns(town: Path) -> None:
    documented: dict[str, list[str]] = {}
    for line in (Path(__file__).parents[2] / "docs" / "sql.md").read_text(encoding="utf-8").splitlines():
        if line.startswith("## "):
            documented[line[3:]] = []
        elif line.startswith("| ") and not line.startswith("| column"):
            documented[next(reversed(documented))].append(line.split("|")[1].strip())
    with Workspace(town) as opened:
        assert {name: list(opened.relation(name).columns) for name in NAMES} == documented
