"""Recorded histories are replayed: a workflow that began with an older release still goes on."""

from pathlib import Path
from typing import Final

import pytest
from temporalio import workflow
from temporalio.client import WorkflowHistory
from temporalio.worker import Replayer

from services.sagas.converter import PLAIN
from services.sagas.messages import Encounters
from services.sagas.table import SAGAS
from services.sagas.worker import CONFIGURED, RUNNER, WORKFLOWS

HISTORIES: Final = Path(__file__).parents[1] / "golden" / "histories"
_NAMES: Final = sorted(path.stem for path in HISTORIES.glob("*.json"))


def _history(name: str) -> WorkflowHistory:
    return WorkflowHistory.from_json(name, (HISTORIES / f"{name}.json").read_text())


@workflow.defn(name="ChargeFromEncounter", sandboxed=False)
class _Changed:
    """A careless change: it waits before it charges."""

    @workflow.run
    async def run(self, work: Encounters) -> None:
        """Wait, and nothing else."""
        await workflow.sleep(len(work.encounter_ids))


@pytest.mark.parametrize("name", _NAMES)
async def test_a_recorded_history_replays(name: str) -> None:
    replayer = Replayer(
        workflows=(*WORKFLOWS, *CONFIGURED),
        data_converter=PLAIN,
        workflow_runner=RUNNER,
    )
    await replayer.replay_workflow(_history(name))


def test_every_saga_has_histories() -> None:
    assert {name.partition("_")[0].rstrip("s") for name in _NAMES} == {*SAGAS, "aging"}


async def test_a_careless_change_is_found() -> None:
    replayer = Replayer(workflows=[_Changed], data_converter=PLAIN)
    with pytest.raises(workflow.NondeterminismError):
        await replayer.replay_workflow(_history("encounter_parked_and_resumed"))
