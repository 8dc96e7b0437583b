"""Commands that list: they say what they leave out, and ids can be copied from a pipe."""

import json
from datetime import UTC, datetime

import pytest

from contracts.ids import RejectionId, RemittanceId
from services.intake.rejected import RejectedSummary
from services.listed import Listed, listed
from services.sagas.parked_encounters import ParkedEncounter
from services.sagas.parked_remittances import ParkedClaim, ParkedRemittance
from tests.fixtures.command_line import command

ID = "0123456789abcdefghjkmnpqrs"
DETAIL = "Expected `int`, got `str` - at `$.services[0].quantity`: write a number from 1 to 9999"
REJECTED = RejectedSummary(
    rejection_id=RejectionId(f"rej_{ID}"),
    status="open",
    code="VALIDATION_FAILED",
    detail=DETAIL,
    message_type="clinical.encounter.closed.v1",
    source="/clinic",
    message_id="urn:uuid:6a1f9d1e-0f0a-4d8e-9c57-0a3a4b1c2d3e",
    received_at=datetime(2026, 3, 2, tzinfo=UTC),
)
ENCOUNTER = ParkedEncounter(encounter_id=f"enc_{ID}", problems=[DETAIL])
CLAIM = ParkedClaim(claim=1, named=f"inv_{ID}", paid="154024.00 GEL", detail=DETAIL)
REMITTANCE = ParkedRemittance(
    remittance_id=RemittanceId(f"rem_{ID}"),
    payer="Vita",
    remittance_ref="R-2026-03",
    claims=[CLAIM],
)
LISTS = [
    ("intake rejected list", "intake", REJECTED, f"rej_{ID}", REJECTED.message_id),
    ("encounter list", "encounters", ENCOUNTER, f"enc_{ID}", DETAIL),
    ("remittance list", "remittances", REMITTANCE, f"rem_{ID}", "154024.00 GEL"),
]


def test_a_page_tells_how_many_are_behind_it_and_where_the_next_begins() -> None:
    assert listed("ab", ["1", "2"], 2) == Listed(items=["a", "b"], more=0, next=None)
    assert listed("ab", ["1", "2"], 5) == Listed(items=["a", "b"], more=3, next="2")
    assert listed("", [], 0) == Listed(items=[], more=0, next=None)


@pytest.mark.parametrize(("words", "module", "item", "id_", "whole"), LISTS)
def test_a_list_says_what_it_leaves_out_and_cuts_nothing(
    words: str, module: str, item: object, id_: str, whole: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[object] = []

    async def found(*arguments: object) -> Listed[object]:
        asked.extend(arguments[-2:])
        return Listed(items=[item], more=7, next=id_)

    monkeypatch.setattr(f"services.cli.{module}._list", found)
    shown = command(*words.split(), "--limit", "1", "--after", "rej_1", env={"COLUMNS": "80"})
    assert asked == [1, "rej_1"]
    _, row = shown.stdout.splitlines()
    assert id_ in row
    assert whole in row
    assert DETAIL in row
    assert f"7 more: --after {id_}" in shown.stderr
    content = json.loads(command(*words.split(), "--json").stdout)
    assert (content["more"], content["next"], len(content["items"])) == (7, id_, 1)


@pytest.mark.parametrize(
    "nonsense", ["--all --status open", "--status lost", "--limit 0", "--after x"]
)
def test_what_makes_no_sense_to_list_is_refused(nonsense: str) -> None:
    assert command("intake", "rejected", "list", *nonsense.split()).exit_code == 2
