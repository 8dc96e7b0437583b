"""Settings choose the adapters; one that cannot work says what to set."""

from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest

from services.adapters.choice import Ports
from services.adapters.codes import PostgresCodes
from services.adapters.sandbox_gateway import SandboxGateway
from services.adapters.stripe import Stripe
from services.adapters.terminology import Terminology
from services.cannot_run import CannotRun
from services.licences import UNLIMITED, Module
from services.settings import Settings

NO_POOL: Any = None  # adapters keep it for later


def ports(undo: AsyncExitStack, **settings: str) -> Ports:
    named = {f"DAYBOOK_{name.upper()}": value for name, value in settings.items()}
    return Ports(Settings.from_environment(named), undo)


async def test_without_settings_everything_is_embedded() -> None:
    async with AsyncExitStack() as undo:
        chosen = ports(undo)
        assert [type(each) for each in chosen.code_validators(NO_POOL)] == [PostgresCodes]
        assert isinstance(chosen.payment_gateway(NO_POOL), SandboxGateway)
        assert chosen.licences() is UNLIMITED


async def test_other_systems_are_used_where_they_are_set(tmp_path: Path) -> None:
    file = tmp_path / "licences.json"
    file.write_text('{"*": ["core"]}')
    async with AsyncExitStack() as undo:
        chosen = ports(
            undo,
            terminology_url="https://tx.example/r4",
            terminology_systems="http://snomed.info/sct",
            payment_gateway="stripe",
            stripe_key="sk_test_1",
            licence_file=str(file),
        )
        validators = chosen.code_validators(NO_POOL)
        assert [type(each) for each in validators] == [PostgresCodes, Terminology]
        assert isinstance(chosen.payment_gateway(NO_POOL), Stripe)
        await chosen.licences().require("demo", Module.CORE)
        assert ports(undo, licence_url="https://l.example").licences() is not UNLIMITED


async def test_what_is_set_by_half_is_said_at_the_start() -> None:
    async with AsyncExitStack() as undo:
        with pytest.raises(CannotRun, match="DAYBOOK_TERMINOLOGY_SYSTEMS"):
            ports(undo, terminology_url="https://tx.example").code_validators(NO_POOL)
        with pytest.raises(CannotRun, match="DAYBOOK_STRIPE_KEY"):
            ports(undo, payment_gateway="stripe").payment_gateway(NO_POOL)
        with pytest.raises(CannotRun, match="DAYBOOK_LICENCE_URL"):
            ports(undo, licence_url="http://licences.example").licences()
        with pytest.raises(ValueError, match="one of sandbox, stripe"):
            ports(undo, payment_gateway="paypal")
