"""What an operator can mend ends a command with one line, never with a traceback."""

import importlib
import pkgutil
from pathlib import Path

import pytest

import services.embedded
from services.access.configured import AuthNotConfigured
from services.adapters.postgres.migrate import MigrationChanged
from services.cannot_run import CannotRun
from services.embedded import StackOptions, running_stack
from services.embedded.postgres_area import find_area
from services.locate import NothingRunning
from services.settings import Settings
from tests.fixtures.command_line import command
from tests.fixtures.whole_stack import daybook

READING = [
    "migrate",
    "encounter list",
    "intake publish f",
    "rebuild invoices",
    "audit verify --deep",
]


def assert_one_line(stderr: str, *parts: str) -> None:
    lines = stderr.strip().splitlines()
    assert len(lines) == 1, stderr
    assert all(part in lines[0] for part in parts), lines[0]


def test_all_that_hinders_a_stack_is_told_in_one_line() -> None:
    modules = [
        importlib.import_module(f"services.embedded.{module.name}")
        for module in pkgutil.iter_modules(services.embedded.__path__)
        if module.name != "leash"
    ]
    raised = [
        found
        for module in modules
        for found in vars(module).values()
        if isinstance(found, type) and issubclass(found, Exception) and "services" in str(found)
    ]
    assert len(raised) > 10
    for kind in (*raised, AuthNotConfigured, MigrationChanged, NothingRunning):
        assert issubclass(kind, CannotRun), kind


@pytest.mark.parametrize("words", READING)
@pytest.mark.parametrize("content", [b"", b"{not json", b"{}", b"\xff\xfe"])
def test_a_damaged_stack_file_is_named(words: str, content: bytes, tmp_path: Path) -> None:
    (tmp_path / "stack.json").write_bytes(content)
    result = command(*words.split(), "--data-dir", str(tmp_path))
    assert result.exit_code == (2 if words.startswith("audit") else 1)
    assert_one_line(result.stderr, f"{tmp_path}/stack.json is damaged", "daybook up")


def test_a_damaged_state_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "state.json").write_text("nonsense")
    ended = daybook("up", "--data-dir", str(tmp_path))
    assert ended.returncode == 1
    assert_one_line(ended.stderr, f"{tmp_path}/state.json is damaged", "backup")


@pytest.mark.parametrize("where", ["/dev/null/below", "/dev/null"])
async def test_where_no_data_can_be_kept_is_named(where: str) -> None:
    with pytest.raises(CannotRun, match=f"{where}.* --data-dir"):
        async with running_stack(StackOptions(data_dir=Path(where))):
            pass


async def test_data_of_another_postgres_is_left_alone(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    area = find_area(tmp_path, ephemeral=True)
    (area.path / "data").mkdir()
    (area.path / "data" / "PG_VERSION").write_text("16\n")
    options = StackOptions(data_dir=tmp_path, temporal=False, usual_ports=False)
    with pytest.raises(CannotRun, match="is of Postgres 16, not 18: run the release that made it"):
        async with running_stack(options):
            pass
    assert [path.name for path in (area.path / "data").iterdir()] == ["PG_VERSION"]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("LOG_LEVEL", "zzz"),
        ("METRICS_PORT", "70000"),
        ("STREAM_REPLICAS", "2"),
        ("API_PORT", "none"),
        ("PREFIX", "a.b"),
        ("LANES", "0"),
        ("LEASE_SECONDS", "-1"),
        ("LEASE_SECONDS", "nan"),
    ],
)
def test_a_setting_that_makes_no_sense_is_named(name: str, value: str) -> None:
    result = command("serve", "relay", env={f"DAYBOOK_{name}": value})
    assert result.exit_code == 1
    assert_one_line(result.stderr, f"DAYBOOK_{name}={value!r}")


def test_settings_are_read_as_what_they_are() -> None:
    given = {"DAYBOOK_LANES": "3", "DAYBOOK_DATA_DIR": "/x", "DAYBOOK_LEASE_SECONDS": "0.5"}
    read = Settings.from_environment(given | {"DAYBOOK_LOG_LEVEL": "debug", "DAYBOOK_AUTH": ""})
    assert read == Settings(lanes=3, data_dir=Path("/x"), lease_seconds=0.5, log_level="debug")
