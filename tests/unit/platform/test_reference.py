# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import json
import re
from pathlib import Path

import jsonschema
import pytest
import yaml
from ansible_collections.ringmaster.hosting.plugins.module_utils.platform import reference, schema

ROOT = Path(__file__).parents[3]
REFERENCE = ROOT / "docs" / "reference"
EXAMPLE = ROOT / "example" / "platform"
EXAMPLES = {
    "platform.yml": "platform",
    "users/alice.yml": "user",
    "users/bob.yml": "user",
    "projects/myapp.yml": "project",
}


@pytest.mark.parametrize("name", reference.files())
def test_generated_files_are_current(name: str) -> None:
    assert (REFERENCE / name).read_text() == reference.files()[name], "run make generate"


@pytest.mark.parametrize("file", EXAMPLES)
def test_the_json_schema_accepts_the_example_and_the_example_names_it(file: str) -> None:
    path = EXAMPLE / file
    schema_path = REFERENCE / "schema" / f"{EXAMPLES[file]}.json"
    schema = json.loads(schema_path.read_text())
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.validate(yaml.safe_load(path.read_text()), schema)
    (modeline,) = [line for line in path.read_text().splitlines() if "yaml-language-server" in line]
    assert (path.parent / modeline.partition("$schema=")[2]).resolve() == schema_path


@pytest.mark.parametrize(
    ("key", "value"), [("memory", "1GB"), ("memroy", "1GiB"), ("cores", "2"), ("components", {"radis": {}})]
)
def test_the_json_schema_refuses_mistakes(key: str, value: object) -> None:
    schema = json.loads((REFERENCE / "schema" / "project.json").read_text())
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({"vms": {"myapp00": {key: value}}}, schema)


def test_every_key_is_on_the_page() -> None:
    page = reference.page()
    for record in schema.FILES.values():
        for key in record.keys:
            assert f"| `{key.name}` |" in page


@pytest.mark.parametrize("page", ["networking.md", "virtual-machines/faults.md"])
def test_the_tests_that_a_page_names_are_there(page: str) -> None:
    path = ROOT / "docs" / page
    named = re.findall(r"\[`(test_[a-z0-9_]+)`\]\(([^)#]+)\)", path.read_text())
    assert named
    assert not [name for name, file in named if f"def {name}(" not in (path.parent / file).read_text()]
