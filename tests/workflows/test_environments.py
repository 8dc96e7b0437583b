"""A config project's packages: one environment per lock, of pinned wheels alone."""

import zipfile
from pathlib import Path
from typing import Final

import pytest

from services.workflows.environments import DependenciesUnusable, environment_of
from services.workflows.isolation import OWN
from services.workflows.scripts import Job, Succeeded, run_script
from tests.workflows.test_scripts import RUNNING, answer

_METADATA: Final = "Metadata-Version: 2.1\nName: rates\nVersion: {version}\n"


def wheel(folder: Path, version: str) -> None:
    """A package `rates` that says its version."""
    named = f"rates-{version}.dist-info"
    with zipfile.ZipFile(folder / f"rates-{version}-py3-none-any.whl", "w") as archive:
        archive.writestr("rates.py", f"VERSION = {version!r}\n")
        archive.writestr(f"{named}/METADATA", _METADATA.format(version=version))
        archive.writestr(
            f"{named}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        archive.writestr(f"{named}/RECORD", "rates.py,,\n")


@pytest.fixture
def wheels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The only place that pip looks at."""
    folder = tmp_path / "wheels"
    folder.mkdir()
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    return folder


def project(tmp_path: Path, name: str, lock: str | None) -> Path:
    folder = tmp_path / name
    (folder / "activities").mkdir(parents=True)
    (folder / "activities/a.py").write_text(
        "import rates\ndef main(params):\n    return rates.VERSION\n"
    )
    if lock is not None:
        (folder / "requirements.txt").write_text(lock)
    return folder


async def test_a_script_has_the_packages_of_its_lock_and_none_of_daybooks(
    tmp_path: Path, wheels: Path
) -> None:
    wheel(wheels, "1.5")
    made = project(tmp_path, "one", "# rates of the clinic\nrates==1.5  # pinned\n")
    interpreter = environment_of(made, tmp_path / "environments")
    job = Job(
        interpreter=interpreter,
        script=made / "activities/a.py",
        project=made,
        params={},
        running=RUNNING,
        timeout_seconds=20,
    )
    assert await run_script(job, answer) == Succeeded(output="1.5")
    # Another checkout with the same lock shares it; pip is not asked again.
    (wheels / "rates-1.5-py3-none-any.whl").unlink()
    other = project(tmp_path, "two", "rates==1.5\n")
    assert environment_of(other, tmp_path / "environments") == interpreter
    with pytest.raises(DependenciesUnusable, match=r"rates==1\.6"):
        environment_of(project(tmp_path, "three", "rates==1.6\n"), tmp_path / "environments")


@pytest.mark.parametrize("lock", [None, "", "# nothing\n"])
def test_a_project_without_packages_has_pythons_own_alone(tmp_path: Path, lock: str | None) -> None:
    assert environment_of(project(tmp_path, "p", lock), tmp_path / "environments") == OWN
    assert not (tmp_path / "environments").exists()


@pytest.mark.parametrize(
    "line",
    [
        "rates",
        "rates>=1",
        "-e .",
        "-r ../other.txt",
        "--extra-something https://evil.example/simple",
        "rates @ file:///tmp/rates.whl",
        "../rates",
        "https://evil.example/rates.whl",
        "rates==1.5 --global-option=x",
    ],
)
def test_a_lock_pins_and_does_nothing_else(tmp_path: Path, line: str) -> None:
    with pytest.raises(DependenciesUnusable, match="does not pin"):
        environment_of(project(tmp_path, "p", f"{line}\n"), tmp_path / "environments")
