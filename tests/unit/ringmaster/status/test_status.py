# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the status pages say, that it is valid HTML, and that nothing slips in."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import subprocess
import urllib.parse
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import html5lib
import jinja2
import pytest
import status_samples
from ansible_collections.ringmaster.hosting.plugins.module_utils.services import status
from ringmaster.status import main, markup, model, pages
from ringmaster.status.pages import parts

# What to do about each check and alert; generated.
ROLES = Path(__file__).parents[4] / "roles"
RUNBOOKS = (main.STATIC / "checks.html").read_text()


@pytest.fixture
def platform(tmp_path: Path) -> dict[str, Any]:
    return status_samples.platform(tmp_path)


@pytest.fixture
def site(platform: dict[str, Any]) -> dict[str, tuple[str, Mapping[str, Any]]]:
    return {path: (html, part) for path, html, part in pages.site(platform, status_samples.NOW)}


def vm(platform: dict[str, Any], name: str) -> dict[str, Any]:
    return next(vm for project in platform["projects"] for vm in project["vms"] if vm["name"] == name)


def sentences(part: Mapping[str, Any]) -> dict[str, tuple[str, str]]:
    return {f"{check['component']}/{check['check']}": (check["state"], check["sentence"]) for check in part["checks"]}


def test_every_page_is_valid_html_and_links_only_to_what_is_there(site: dict[str, Any]) -> None:
    for path, (html, _part) in site.items():
        parsed = html5lib.HTMLParser(strict=True, namespaceHTMLElements=False).parse(html)
        ids = [element.get("id") for element in parsed.iter() if element.get("id")]
        assert len(ids) == len(set(ids)), path
        assert "style=" not in html and "<script" not in html, path
        for address in re.findall(r'(?:href|src)="([^"]*)"', html):
            parsed_address = urllib.parse.urlparse(urllib.parse.urljoin(f"/{path}.html", address))
            target = parsed_address.path.lstrip("/")
            if target == "checks.html":
                assert f'id="{parsed_address.fragment or "main"}"' in RUNBOOKS, (path, address)
            elif target.endswith(".json"):
                assert target.removesuffix(".json") in site, (path, address)
            # Pages of graphs are made beside; test_graphs.py follows the links to them.
            elif not target.endswith((".css", ".svg")) and "/graphs/" not in target:
                page = target.removesuffix(".html") if target.endswith(".html") else f"{target}index"
                assert page in site, (path, address)


def test_the_page_of_checks_is_valid_html() -> None:
    html5lib.HTMLParser(strict=True, namespaceHTMLElements=False).parse(RUNBOOKS)
    assert "style=" not in RUNBOOKS and "<script" not in RUNBOOKS


def test_text_from_outside_is_shown_never_run(site: dict[str, Any]) -> None:
    html = site["all/index"][0]
    assert "&lt;script&gt;alert(1)" in html
    # Nor is it a command to the web server, which looks for these in every page.
    assert "<!--# echo" not in html


def test_private_projects_and_their_incidents_stay_out_of_the_open_pages(site: dict[str, Any]) -> None:
    for path in ("index", "projects/myapp/index", "projects/myapp/myapp00"):
        html, part = site[path]
        assert "shop00" not in html and "Only for shop" not in html, path
        assert "shop00" not in json.dumps(part) and "Only for shop" not in json.dumps(part), path
    assert "Only for shop" in site["projects/shop/index"][0]
    # Sentences of the platform's machines are for operators.
    assert "host/disk" not in site["index"][0]


def test_an_incident_of_no_project_is_shown_to_none_and_one_without_the_list_to_all(platform: dict[str, Any]) -> None:
    for concerned, places in ((None, {"index", "projects/myapp/index", "projects/shop/index"}), ([], set())):
        platform["incidents"][0] |= {"projects": concerned, "title": "Of whom"}
        made = pages.site(platform, status_samples.NOW)
        assert {path for path, html, _part in made if "Of whom" in html} == {"all/index", *places}


def test_states(platform: dict[str, Any]) -> None:
    assert [(p["name"], p["state"]) for p in platform["projects"]] == [("myapp", "CRITICAL"), ("shop", "CRITICAL")]
    assert vm(platform, "myapp00")["state"] == "WARNING"
    found = sentences(vm(platform, "myapp00"))
    assert found["host/reachable"] == ("OK", "It answers by IPv4 on srv, IPv6 on fe, SSH.")
    assert found["redis/memory"][0] == "WARNING"
    # An alert that no check stands for; one that is only pending says nothing yet.
    assert found["redis/RedisRefusesConnections"][0] == "WARNING"
    assert "alert/Soon" not in found
    assert vm(platform, "myapp01")["state"] == "CRITICAL"
    assert sentences(vm(platform, "myapp01"))["host/reachable"] == ("WARNING", "No answer by IPv6 on fe.")
    assert sentences(vm(platform, "shop00")) == {
        "host/reachable": ("CRITICAL", "It does not answer in any way (IPv4 on srv, IPv6 on fe, SSH)."),
        "monitoring_agent/results": ("UNKNOWN", "The machine does not hand out its results: timed out."),
    }
    assert vm(platform, "myapp02")["state"] == "OK" and vm(platform, "myapp02")["checks"] == []


def test_old_results_are_unknown(tmp_path: Path) -> None:
    figures = status_samples.figures()
    figures.results["myapp00"] = status_samples.results(*status_samples.HOST, age=400)
    found = sentences(
        vm(
            model.build(status_samples.described(), figures, status_samples.history(tmp_path), status_samples.NOW),
            "myapp00",
        )
    )
    assert found["host/disk"][0] == "UNKNOWN"
    assert found["monitoring_agent/results"] == (
        "CRITICAL",
        "No check has run for 7 minutes; what is shown is from then.",
    )


@pytest.mark.parametrize("answer", [{}, {"time": "x", "checks": []}, {"time": 1, "checks": [{"status": 9}]}, "refused"])
def test_odd_results_are_unknown_and_break_nothing(tmp_path: Path, answer: Any) -> None:
    figures = status_samples.figures()
    figures.results["myapp00"] = answer
    found = sentences(
        vm(
            model.build(status_samples.described(), figures, status_samples.history(tmp_path), status_samples.NOW),
            "myapp00",
        )
    )
    assert found["monitoring_agent/results"][0] == "UNKNOWN"


def test_maintenance_hides_trouble_that_the_work_makes(tmp_path: Path) -> None:
    figures = status_samples.figures()
    figures.maintenance = {"myapp01"}
    found = vm(
        model.build(status_samples.described(), figures, status_samples.history(tmp_path), status_samples.NOW),
        "myapp01",
    )
    assert (found["state"], found["maintained"]) == ("OK", True)


def test_without_prometheus_the_pages_say_so_and_show_what_machines_say(tmp_path: Path) -> None:
    figures = status_samples.figures()
    figures.probes, figures.alerts, figures.trouble = [], [], "Prometheus does not answer: refused"
    built = model.build(status_samples.described(), figures, status_samples.history(tmp_path), status_samples.NOW)
    html = {path: html for path, html, _part in pages.site(built, status_samples.NOW)}["projects/myapp/myapp01"]
    assert "Some figures are missing: Prometheus does not answer" in html
    assert "No login: connection refused." in html


def test_the_web_server_tells_old_pages_by_the_minute(site: dict[str, Any]) -> None:
    html = site["index"][0]
    (expression,) = re.findall(r"date_gmt = /(.*?)/", html)
    for seconds, fresh in [(0, True), (60, True), (179, True), (260, False), (3600, False), (-3600, False)]:
        minute = markup.datetime.datetime.fromtimestamp(status_samples.NOW + seconds, markup.datetime.timezone.utc)
        assert bool(re.match(expression, minute.strftime("%Y%m%d%H%M"))) is fresh, seconds
    # nginx takes a dollar for a variable, and reads 256 characters.
    assert "$" not in expression and len(expression) < 200


def test_a_site_replaces_the_last_at_once_and_old_ones_go(tmp_path: Path, platform: dict[str, Any]) -> None:
    static = tmp_path / "static"
    static.mkdir()
    (static / "checks.html").write_text("")
    (static / "ok.svg").write_text("of an older version, not withdrawn yet")
    for _number in range(4):
        main.write(tmp_path, static, platform, status_samples.NOW)
    assert (tmp_path / "site/projects/myapp/myapp00.json").is_file()
    assert len(list(tmp_path.glob("site-*"))) == 2
    assert (tmp_path / "site/ok.svg").read_text().startswith("<svg")
    with pytest.raises(FileNotFoundError):
        main.write(tmp_path, tmp_path / "missing", platform, status_samples.NOW)
    assert (tmp_path / "site/index.html").is_file()
    assert len(list(tmp_path.glob("site-*"))) == 2


@pytest.mark.skipif(shutil.which("rsync") is None, reason="rsync is not installed")
def test_a_copy_elsewhere_holds_the_open_pages_and_no_other(tmp_path: Path, platform: dict[str, Any]) -> None:
    main.write(tmp_path, main.STATIC, platform, status_samples.NOW)
    environment = jinja2.Environment()
    environment.filters["comment"] = lambda text: f"# {text}"
    target = str(tmp_path / "copy")
    names = {"__status_description": status_samples.described(), "status_copy_to": target, "ansible_managed": ""}
    unit = environment.from_string((ROLES / "status/templates/copy.conf.j2").read_text()).render(names)
    (line,) = [line for line in unit.splitlines() if line.startswith("ExecStartPost=-+")]
    words = shlex.split(line.removeprefix("ExecStartPost=-+"))
    # Root's rsync, and what the unit names as the site; the target is a folder here.
    words = [word.replace("/var/lib/ringmaster-status", str(tmp_path)) for word in words if "--rsh=" not in word]
    (tmp_path / "copy/projects/shop").mkdir(parents=True)
    (tmp_path / "copy/projects/shop/index.html").write_text("private, from before the project closed its pages")
    subprocess.run(words, check=True)
    found = {str(path.relative_to(tmp_path / "copy")) for path in (tmp_path / "copy").rglob("*") if path.is_file()}
    assert {
        "index.html",
        "index.json",
        "checks.html",
        "ringmaster.css",
        "critical.svg",
        "projects/myapp/myapp00.html",
    } <= found
    assert not [path for path in found if path.startswith(("all/", "projects/shop"))]


def test_a_curve_lies_where_its_figures_are_and_within_its_edges() -> None:
    figures = {str(900 * number): value for number, value in enumerate((0.0, 0.25, 0.5, 1.0, 2.0, -1.0))}
    drawn = re.search(r'points="([^"]*)"', markup.sparkline("CPU", figures, 1.0, "%"))
    assert drawn is not None
    assert drawn[1] == "227.5,39.0 230.0,29.5 232.5,20.0 235.0,1.0 237.5,1.0 240.0,39.0"
    turned = dict(reversed(figures.items()))
    assert markup.sparkline("CPU", turned, 1.0, "%") == markup.sparkline("CPU", figures, 1.0, "%")
    long = {"0": 1.0, **{str(86400 + 900 * number): 0.5 for number in range(3)}}
    assert drawn[1].count(",") == 6 and markup.sparkline("CPU", long, 1.0, "%").count(",20.0") == 3
    assert ",1.0" not in markup.sparkline("CPU", long, 1.0, "%"), "that was more than a day ago"


def test_curves_stand_in_the_data_of_each_vm_only(site: dict[str, Any]) -> None:
    (project,) = (part for path, (_html, part) in site.items() if path == "projects/myapp/index")
    assert all("curves" not in vm for vm in project["vms"])
    assert site["projects/myapp/myapp00"][1]["curves"]["cpu"]


def test_availability_is_never_rounded_up_to_a_hundred() -> None:
    assert parts.percent(0.999999) == "99.99 %"
    assert parts.percent(1.0) == "100 %"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-11-25T09:40:00Z", "2026-11-25T09:40:00Z"),
        ("2026-11-25T09:40:00.123456789Z", "2026-11-25T09:40:00Z"),
        ("2026-11-25T10:40:00.5+01:00", "2026-11-25T09:40:00Z"),
        ("2026-11-25 10:40+01:00", "2026-11-25T09:40:00Z"),
    ],
)
def test_moments(text: str, expected: str) -> None:
    assert model.iso(model.moment(text)) == expected


def test_a_page_shows_further_addresses_after_the_first_ones() -> None:
    machine = {
        "inventory_hostname": "myapp00",
        "ringmaster_project": "myapp",
        "ringmaster_memory_mib": 1024,
        "ringmaster_cores": 1,
        "ringmaster_disk_gib": 10,
        "ringmaster_srv_ipv4": "172.20.1.1",
        "ringmaster_fe_ipv4": "198.51.100.2",
        "ringmaster_fe_extra_ipv4": ["198.51.100.3", "198.51.100.4"],
        "ringmaster_srv_public_ipv4": ["192.0.2.9"],
    }
    found = status.description([machine], {}, {"domain": "x.example", "timezone": "Etc/UTC"})
    assert [(one["network"], one["address"]) for one in found["projects"][0]["vms"][0]["addresses"]] == [
        ("srv", "172.20.1.1"),
        ("fe", "198.51.100.2"),
        ("srv", "192.0.2.9"),
        ("fe", "198.51.100.3"),
        ("fe", "198.51.100.4"),
    ]


def test_limits_that_are_set_for_a_machine_are_told_for_its_graphs() -> None:
    machine = {
        "monitoring_agent_disk_warning": 70,
        "monitoring_agent_swap_critical_mib": 4096,
        "monitoring_agent_memory_pressure_warning": "many",
        "monitoring_agent_listen": [],
        "redis_memory_warning": 60,
    }
    assert status.limits(machine) == {"monitoring_agent_disk_warning": 70, "monitoring_agent_swap_critical_mib": 4096}


def test_secrets_among_settings_are_hidden() -> None:
    machine = {
        "redis_users": [{"name": "app", "password": "s3cret"}],
        "redis_admin_password": "s3cret",
        "redis_tls_private_key": "s3cret",
        "redis_maxmemory_policy": "allkeys-lru",
        "redis_keys": ["a*"],
        "other": 1,
    }
    found = status.settings(machine, "redis")
    assert "s3cret" not in json.dumps(found)
    assert found["maxmemory_policy"] == "allkeys-lru"
    assert found["keys"] == ["a*"]
    assert "other" not in found


def test_a_vm_is_behind_while_its_digest_is_another(platform: dict[str, Any], site: dict[str, Any]) -> None:
    found = {name: vm(platform, name)["convergence"] for name in ("myapp00", "myapp01", "myapp02", "shop00")}
    assert {name: one["behind"] for name, one in found.items()} == {
        "myapp00": False,
        "myapp01": True,
        "myapp02": None,  # shall not run
        "shop00": None,  # does not answer
    }
    assert "as described: the last complete run was" in site["projects/myapp/myapp00"][0]
    assert ">24 h ago</time>, commit 3f2c1d0a9b8e" in site["projects/myapp/myapp00"][0]
    assert "not all of it: the last complete run was" in site["projects/myapp/myapp01"][0]
    text = main.metrics(platform)
    assert 'ringmaster_behind{machine="myapp00"} 0\n' in text and 'ringmaster_behind{machine="myapp01"} 1\n' in text
    assert "myapp02" not in text and "shop00" not in text


def test_a_machine_that_no_run_has_converged_is_behind() -> None:
    answer = status_samples.results(*status_samples.HOST)
    found = model.convergence({"digest": status_samples.DIGEST}, answer)
    assert found == {"behind": True, "commit": "", "at": None}
    # A description of before there were digests says nothing.
    assert model.convergence({}, answer)["behind"] is None


def made_of(figures: model.Figures, folder: Path, now: float = status_samples.NOW) -> dict[str, Any]:
    return model.build(status_samples.described(), figures, status_samples.history(folder), now)


def test_a_services_state_comes_from_its_own_checks(tmp_path: Path) -> None:
    figures = status_samples.figures()
    figures.results["svc0"] = status_samples.results(
        *status_samples.HOST,
        status_samples.check("dns", "recursion", 2, "No answer for example.org.", 5),
        status_samples.check("certificates", "age", 1, "The certificate ends in 3 days.", 5),
    )
    figures.results["hv0"] = status_samples.results(status_samples.check("host", "memory", 2, "There is none.", 5))
    built = made_of(figures, tmp_path)
    assert {one["name"]: one["state"] for one in built["services"]} == {
        "gateway": "OK",
        "virtual machines": "OK",
        "dns": "CRITICAL",
        "monitoring": "OK",
        "status": "WARNING",
    }
    html = {path: html for path, html, _part in pages.site(built, status_samples.NOW)}["index"]
    first = html.index('id="wrong"')
    assert first < html.index('id="platform"') and "<b>dns</b>: No answer for example.org. <small><time" in html
    # A machine of which nothing is known speaks for none of its services.
    figures.results["svc0"] = "timed out"
    built = made_of(figures, tmp_path)
    assert {one["state"] for one in built["services"] if one["name"] in ("dns", "monitoring", "status")} == {"UNKNOWN"}


def test_a_service_on_two_machines_stands_once_with_what_is_true_of_each(tmp_path: Path) -> None:
    described, figures = status_samples.described(), status_samples.figures()
    described["machines"].append({**described["machines"][0], "name": "hv1"})
    figures.probes += status_samples.probes("hv1", "platform")
    figures.results["hv1"] = status_samples.results(status_samples.check("hypervisor", "pool", 1, "83 % are used.", 5))
    built = model.build(described, figures, status_samples.history(tmp_path), status_samples.NOW)
    (service,) = [one for one in built["services"] if one["name"] == "virtual machines"]
    assert service["state"] == "WARNING"
    assert {one["name"]: one["state"] for one in service["machines"]} == {"hv0": "OK", "hv1": "WARNING"}
    html = {path: html for path, html, _part in pages.site(built, status_samples.NOW)}["index"]
    each = '<b>virtual machines</b> <span class="state warning">hv1</span> <span class="state ok">hv0</span>'
    assert html.count(each) == 1
    assert "<b>virtual machines</b> (hv1): 83 % are used." in html


def test_a_machine_that_is_slow_once_shows_its_last_results_with_their_age(tmp_path: Path) -> None:
    figures = status_samples.figures()
    begun = model.remember({}, figures.results, status_samples.NOW - 3600)
    later = dict.fromkeys(figures.results, "timed out")
    figures.known, figures.results = model.remember(begun, later, status_samples.NOW + 100), later
    found = vm(made_of(figures, tmp_path, status_samples.NOW + 100), "myapp00")
    told = sentences(found)
    assert told["redis/memory"][0] == "WARNING" and found["state"] == "WARNING"
    assert told["monitoring_agent/results"] == (
        "OK",
        "It did not answer just now (timed out); what is shown is 120 s old.",
    )
    found = vm(made_of(figures, tmp_path, status_samples.NOW + 600), "myapp00")
    assert "redis/memory" not in sentences(found)
    assert sentences(found)["monitoring_agent/results"] == (
        "UNKNOWN",
        "The machine does not hand out its results: timed out.",
    )


def test_what_has_failed_once_does_not_count_yet(tmp_path: Path) -> None:
    figures = status_samples.figures()
    for attempt, state in ((1, "OK"), (2, "CRITICAL"), (None, "CRITICAL")):
        check = status_samples.check("redis", "login", 2, "No answer within 3 s.", 0.5)
        figures.results["myapp00"] = status_samples.results(
            *status_samples.HOST, {**check, **({"attempt": attempt} if attempt is not None else {})}
        )
        told = sentences(vm(made_of(figures, tmp_path), "myapp00"))["redis/login"]
        assert told[0] == state and told[1].endswith("No answer within 3 s.")
        assert told[1].startswith("It has failed once, and is asked again: ") is (attempt == 1)


def test_what_is_new_need_not_answer_yet(tmp_path: Path) -> None:
    figures = model.Figures(results={"myapp00": "connection refused"})
    figures.known = model.remember({}, figures.results, status_samples.NOW)
    built = made_of(figures, tmp_path, status_samples.NOW + 60)
    assert vm(built, "myapp00")["state"] == "OK"
    assert sentences(vm(built, "myapp00"))["host/reachable"] == ("OK", "It has not been tried yet.")
    assert vm(made_of(figures, tmp_path, status_samples.NOW + 700), "myapp00")["state"] == "UNKNOWN"


@pytest.mark.parametrize(
    "text", ["", "[]", "3", '{"myapp00": 3}', '{"myapp00": {"first": "x", "answer": []}}', "[" * 99999]
)
def test_what_was_kept_and_cannot_be_read_is_nothing(tmp_path: Path, text: str) -> None:
    path = tmp_path / "known.json"
    path.write_text(text)
    found = main.known(path, {"myapp00": "timed out"}, 5.0)
    assert found == {"myapp00": {"first": 5.0, "answer": None}} == json.loads(path.read_text())


def test_a_project_without_vms_is_listed(tmp_path: Path) -> None:
    described = status_samples.described()
    described["projects"].append({**described["projects"][0], "name": "empty", "urls": [], "vms": []})
    built = model.build(described, status_samples.figures(), status_samples.history(tmp_path), status_samples.NOW)
    found = {path: html for path, html, _part in pages.site(built, status_samples.NOW)}
    assert 'href="projects/empty/"' in found["index"]
    assert "The project has no VMs." in found["projects/empty/index"]
    variables = {"ringmaster_project": "empty", "ringmaster_status_page": "public"}
    platform = {"domain": "example.org", "timezone": "Etc/UTC"}
    (project,) = status.description([], {}, platform, [variables])["projects"]
    assert (project["name"], project["public"], project["vms"]) == ("empty", True, [])


def test_each_page_says_first_what_is_wrong(site: dict[str, Any]) -> None:
    for path, (html, _part) in site.items():
        boxes = re.findall(r'<section class="box[^"]*" id="([^"]+)"', html)
        assert boxes[0] == "wrong", path
    assert '2 of 3 VMs are not well: <a href="projects/myapp/myapp00.html">myapp00</a>, <a' in site["index"][0]
    assert "Nothing: the VM shall not run." in site["projects/myapp/myapp02"][0]
    assert "No login: connection refused." in site["projects/myapp/index"][0].partition('id="vms"')[0]
