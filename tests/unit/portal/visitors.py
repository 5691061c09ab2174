# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who visits pages in tests: fills in their forms, and signs with a real SSH key. Nothing runs scripts here."""

from __future__ import annotations

import re
import shlex
import subprocess
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import Element

import html5lib
from django.test import Client

HOST = "my.town.example"
ORIGIN = f"https://{HOST}"
OWN = {"origin": ORIGIN, "sec-fetch-site": "same-origin"}
"""What a browser says of a form of ours."""


def make_key(folder: Path, name: str) -> Path:
    """Make an SSH key; return the path of its private half."""
    path = folder / name
    argv = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", f"{name}@test", "-f", str(path)]
    subprocess.run(argv, check=True)
    return path


def run(command: str, key: Path, used: str = "~/.ssh/id_ed25519") -> str:
    """Run the command that a page shows, in a shell, with the path of a key; return what it printed."""
    assert used in command, command
    shown = command.replace(used, shlex.quote(str(key)))
    return subprocess.run(["sh", "-c", shown], capture_output=True, text=True, check=True).stdout


class Page:
    """A page that was answered: valid HTML, or an assertion."""

    def __init__(self, answer: Any) -> None:
        self.answer, self.status = answer, answer.status_code
        self.text = answer.content.decode()
        parser = html5lib.HTMLParser(strict=False, namespaceHTMLElements=False)
        self.root: Element = parser.parse(self.text)
        wrong = [code for _at, code, _more in parser.errors]
        assert not wrong or not self.text, (wrong, self.text[:3000])
        self.address = answer.request["PATH_INFO"]

    def all(self, tag: str, **attributes: str) -> list[Element]:
        """Return elements by tag and attributes."""
        found = self.root.iter(tag)
        return [one for one in found if all(one.get(name.rstrip("_")) == value for name, value in attributes.items())]

    @property
    def words(self) -> str:
        """All that is read on the page, with single blanks."""
        return " ".join(" ".join(self.root.itertext()).split())

    @property
    def title(self) -> str:
        return " ".join("".join(self.all("h1")[0].itertext()).split())

    @property
    def commands(self) -> list[str]:
        """The commands that are to be copied."""
        return [one.get("data-copy", "") for one in self.all("button") if one.get("data-copy")]

    @property
    def links(self) -> list[str]:
        return [one.get("href", "") for one in self.all("a")]

    def form(self, button: str) -> Element:
        """Return the form with a button of these words, or of words that begin so."""
        for form in self.all("form"):
            for one in form.iter("button"):
                if " ".join("".join(one.itertext()).split()).startswith(button):
                    return form
        raise AssertionError(f"no button {button!r} on {self.title!r}: {self.words[:1500]}")


def fields(form: Element) -> dict[str, str]:
    """Return what a form would send if nobody filled in more."""
    found: dict[str, str] = {}
    for one in form.iter():
        name = one.get("name")
        if not name:
            continue
        if one.tag == "input" and one.get("type") in ("checkbox", "radio"):
            if one.get("checked") is not None:
                found[name] = one.get("value", "on")
        elif one.tag == "input":
            found[name] = one.get("value", "")
        elif one.tag == "textarea":
            found[name] = "".join(one.itertext())
        elif one.tag == "select":
            options = list(one.iter("option"))
            chosen = next((each for each in options if each.get("selected") is not None), options[0])
            found[name] = chosen.get("value", "".join(chosen.itertext()))
    return found


class Visitor:
    """Somebody with a browser without scripts, and an SSH key."""

    def __init__(self, person: str = "", key: Path | None = None) -> None:
        self.person, self.key = person, key
        self.client = Client(SERVER_NAME=HOST, enforce_csrf_checks=True, headers={"user-agent": "Firefox on Linux"})
        self.page: Page

    def open(self, address: str, **headers: str) -> Page:
        """Open a page, through redirects."""
        return self._taken(self.client.get(address, headers=headers, secure=True))

    def press(self, button: str, **filled: str) -> Page:
        """Fill in the form of a button, and press it; names have ``__`` where the form has dots."""
        form = self.page.form(button)
        sent = fields(form)
        for name, value in filled.items():
            known = name.replace("__", ".")
            known = known if known in _names(form) else known.replace("_", "-")
            assert known in _names(form), (name, sorted(_names(form)))
            sent[known] = value
        address = form.get("action", self.page.address)
        if form.get("method") != "post":
            return self._taken(self.client.get(address, sent, secure=True))
        return self._taken(self.client.post(address, sent, headers=OWN, secure=True))

    def _taken(self, answer: Any) -> Page:
        for _time in range(5):
            if answer.status_code not in (301, 302):
                break
            answer = self.client.get(answer["Location"], secure=True)
        self.page = Page(answer)
        return self.page

    def sign(self, number: int = 0, key: Path | None = None, used: str = "~/.ssh/id_ed25519") -> str:
        """Return the signature that a command of the page gives: the first one, unless another is meant."""
        found = key or self.key
        assert found
        unix = [one for one in self.page.commands if one.startswith("printf")]
        return run(unix[number], found, used)

    def sign_in(self, address: str = "/") -> Page:
        """Sign in, from a page that asks for it."""
        self.open(address)
        self.press("Continue", person=self.person)
        return self.press("Sign in", session_signature=self.sign())


def _names(form: Element) -> set[str]:
    return {str(one.get("name")) for one in form.iter() if one.get("name")}


def number_of(page: Page) -> str:
    """Return the id of the request that a page shows."""
    found = re.search(r"/requests/([0-9A-Z]{26})", page.address)
    assert found, (page.address, page.words[:800])
    return found[1]
