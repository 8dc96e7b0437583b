"""deploy/compose.yaml: it is a compose file, and whatever it names is there."""

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml

from services.embedded.programs import postgres_programs, program
from services.processes import SERVE
from services.settings import Settings
from tests.architecture.tree import ROOT
from tests.fixtures.command_words import wrong_with
from tests.fixtures.deployed_postgres import LOGINS

DEPLOY = ROOT / "deploy"
TEXT = (DEPLOY / "compose.yaml").read_text()
COMPOSE: dict[str, Any] = yaml.safe_load(TEXT)
SERVICES: dict[str, Any] = COMPOSE["services"]
OURS = {name: service for name, service in SERVICES.items() if service["image"] == "daybook"}


def test_it_is_a_compose_file() -> None:
    check = Path(sys.executable).with_name("check-jsonschema")
    ran = subprocess.run(
        [check, "--builtin-schema", "vendor.compose-spec", DEPLOY / "compose.yaml"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr


def test_every_process_has_a_service() -> None:
    serving = {tuple(service["command"]) for service in OURS.values()}
    assert {("serve", name) for name in SERVE} <= serving


@pytest.mark.parametrize("name", sorted(OURS))
def test_a_service_of_ours_runs_a_command_that_there_is(name: str) -> None:
    assert wrong_with(OURS[name]["command"]) is None


def test_a_command_that_is_not_there_would_be_found() -> None:
    assert wrong_with(["serve", "ledger"]) is not None
    assert wrong_with(["bills"]) is not None
    assert wrong_with(["audit", "verify", "--fast"]) is not None


@pytest.mark.parametrize("name", sorted(OURS))
def test_a_service_of_ours_sets_what_there_is_to_set(name: str) -> None:
    settings = {f"DAYBOOK_{field.name.upper()}" for field in msgspec.structs.fields(Settings)}
    environment = OURS[name]["environment"]
    assert environment.keys() <= settings | {"PGPASSWORD"}
    values = {key: re.sub(r"\$\{\w+:\?\}", "x1", value) for key, value in environment.items()}
    Settings.from_environment(values)


@pytest.mark.parametrize("name", sorted(OURS))
def test_a_service_of_ours_has_the_login_of_its_process(name: str) -> None:
    environment = OURS[name]["environment"]
    url = re.fullmatch(r"postgresql://(\w+)@postgres/daybook", environment["DAYBOOK_POSTGRES_URL"])
    assert url
    login = url[1]
    expected = {"migrate": "daybook_owner", "operator": "daybook_operator"}
    assert login == expected.get(name, f"daybook_serve_{name}")
    assert environment["PGPASSWORD"] == f"${{{login.upper()}_PASSWORD:?}}"
    assert login in LOGINS


def test_postgres_is_given_a_password_for_every_login() -> None:
    given = SERVICES["postgres"]["environment"]
    for login in LOGINS:
        assert f"{login.upper()}_PASSWORD" in given
    scripts = "".join((DEPLOY / path).read_text() for path in _mounted("postgres", ".sql"))
    asked = set(re.findall(r"\\getenv \w+ (\w+)", scripts))
    assert asked == {name for name in given if name.endswith("_PASSWORD")} - {"POSTGRES_PASSWORD"}


def test_nats_is_given_what_its_configuration_asks_for() -> None:
    given = SERVICES["nats"]["environment"]
    names = ("single.conf", "limits.conf", "accounts.conf")
    text = "".join((DEPLOY / "nats" / name).read_text() for name in names)
    assert set(re.findall(r"\$(\w+)", text)) == given.keys()


def test_every_variable_is_in_the_example_and_the_example_sets_no_other() -> None:
    wanted = set(re.findall(r"\$\{(\w+)[:}]", TEXT))
    example = (DEPLOY / "example.env").read_text()
    assert set(re.findall(r"^#?(\w+)=", example, re.MULTILINE)) == wanted


@pytest.mark.parametrize("name", ["example.api.env", "example.daybook.env"])
def test_an_example_of_settings_sets_what_there_is_to_set(name: str) -> None:
    settings = {f"DAYBOOK_{field.name.upper()}" for field in msgspec.structs.fields(Settings)}
    text = (DEPLOY / name).read_text()
    values = dict(re.findall(r"^#?(\w+)=(.*)$", text, re.MULTILINE))
    others = {key for key in values if not key.startswith("DAYBOOK_")}
    assert others <= {name for name in values if name.startswith(("AWS_", "OTEL_", "SENTRY_"))}
    assert values.keys() - others <= settings
    Settings.from_environment(values)


def test_every_setting_of_other_systems_is_in_an_example() -> None:
    examples = "".join((DEPLOY / f"example.{name}.env").read_text() for name in ("api", "daybook"))
    ports = (ROOT / "docs" / "ports.md").read_text()
    named = set(re.findall(r"DAYBOOK_[A-Z_]+", ports))
    of_one_machine = {"DAYBOOK_STRIPE_URL", "DAYBOOK_LICENCE_FILE"}
    assert named - of_one_machine <= set(re.findall(r"DAYBOOK_[A-Z_]+", examples))


def test_files_lie_where_every_process_finds_them() -> None:
    image = (DEPLOY / "Dockerfile").read_text()
    folder = re.search(r"DAYBOOK_DATA_DIR=(\S+)", image)
    assert folder
    assert f"--mode=0700 {folder[1]}" in image
    assert "--mode=0700 /data" in image
    shared = str([f"files:{folder[1]}", "workflows:/data"])
    assert {str(service["volumes"]) for service in OURS.values()} == {shared}


def test_no_password_is_written_down() -> None:
    example = (DEPLOY / "example.env").read_text()
    assert re.findall(r"PASSWORD=\S", example) == []
    for name, service in SERVICES.items():
        for key, value in service.get("environment", {}).items():
            if "PASSWORD" in key or key.endswith("_PWD"):
                assert re.fullmatch(r"\$\{\w+:\?\}", value), f"{name}: {key}"


def test_every_file_that_is_mounted_is_there() -> None:
    mounted = [path for name in SERVICES for path in _mounted(name, "")]
    assert mounted
    assert [path for path in mounted if not (DEPLOY / path).exists()] == []


def _mounted(name: str, ending: str) -> list[str]:
    volumes = [volume.split(":")[0] for volume in SERVICES[name].get("volumes", [])]
    return [path for path in volumes if path.startswith("./") and path.endswith(ending)]


def test_what_is_waited_for_and_shared_is_declared() -> None:
    for name, service in SERVICES.items():
        for waited, how in service.get("depends_on", {}).items():
            assert waited in SERVICES, name
            if how["condition"] == "service_healthy":
                assert "healthcheck" in SERVICES[waited], f"{name} waits for {waited}"
        assert set(service["networks"]) <= COMPOSE["networks"].keys()
        named = [volume.split(":")[0] for volume in service.get("volumes", [])]
        assert {path for path in named if "/" not in path} <= COMPOSE["volumes"].keys()


def test_servers_have_the_versions_that_the_tests_run_on() -> None:
    postgres = _said([str(postgres_programs(None) / "postgres"), "--version"], r"([\d.]+)$")
    nats = _said([str(program("nats-server")), "--version"], r"v([\d.]+)$")
    temporal = _said([str(program("temporal")), "--version"], r"Server ([\d.]+)")
    assert SERVICES["postgres"]["image"] == f"postgres:{postgres}"
    assert SERVICES["nats"]["image"] == f"nats:{nats}-alpine"
    assert SERVICES["temporal"]["image"] == f"temporalio/server:{temporal}"
    assert SERVICES["temporal-schema"]["image"] == f"temporalio/admin-tools:{temporal}"
    assert SERVICES["temporal-namespace"]["image"] == f"temporalio/admin-tools:{temporal}"


def _said(argv: list[str], version: str) -> str:
    said = subprocess.run(argv, stdout=subprocess.PIPE, text=True, check=True).stdout
    found = re.search(version, said.strip())
    assert found, said
    return found[1]


def test_nothing_listens_beyond_this_machine_unless_somebody_says_so() -> None:
    published = [port for service in SERVICES.values() for port in service.get("ports", [])]
    assert published
    for port in published:
        assert re.match(r"127\.0\.0\.1:|\$\{DAYBOOK_\w+_LISTEN:-127\.0\.0\.1:", port), port


def test_our_containers_can_change_nothing_of_themselves() -> None:
    for name, service in OURS.items():
        assert service["read_only"], name
        assert service["cap_drop"] == ["ALL"], name
        assert service["security_opt"] == ["no-new-privileges:true"], name


def test_scripts_that_are_mounted_are_shell() -> None:
    scripts = [path for name in SERVICES for path in _mounted(name, ".sh")]
    assert scripts
    for script in scripts:
        subprocess.run(["sh", "-n", DEPLOY / script], check=True)
