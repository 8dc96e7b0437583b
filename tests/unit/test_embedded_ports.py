"""Ports: those of last time, then the usual ones, then any that is free."""

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from services.embedded.ports import FREE_PORTS, LOOPBACK, HeldPorts, choose_ports, is_free


@pytest.fixture
def taken() -> Iterator[int]:
    with socket.socket() as listener:
        listener.bind((LOOPBACK, 0))
        listener.listen()
        yield listener.getsockname()[1]


@pytest.fixture
def free() -> int:
    return next(port for port in reversed(FREE_PORTS) if is_free(port))


def test_the_port_of_last_time_is_preferred(free: int) -> None:
    assert choose_ports(("nats",), remembered={"nats": free}, usual=True) == {"nats": free}


def test_a_port_that_somebody_listens_on_is_not_chosen(taken: int) -> None:
    chosen = choose_ports(("nats",), remembered={"nats": taken}, usual=False)["nats"]
    assert chosen in FREE_PORTS
    assert is_free(chosen)


def test_the_usual_port_is_next(free: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("services.embedded.ports.USUAL_PORTS", {"nats": free})
    assert choose_ports(("nats",), remembered={}, usual=True) == {"nats": free}
    assert choose_ports(("nats",), remembered={}, usual=False)["nats"] in FREE_PORTS


def test_two_servers_never_share_a_port(free: int) -> None:
    chosen = choose_ports(("nats", "api"), remembered={"nats": free, "api": free}, usual=False)
    assert chosen["nats"] == free
    assert chosen["api"] != free


def test_two_stacks_that_start_at_once_choose_different_ports(tmp_path: Path, free: int) -> None:
    first, second = HeldPorts(tmp_path), HeldPorts(tmp_path)

    def choose(held: HeldPorts) -> int:
        return choose_ports(("api",), remembered={"api": free}, usual=False, take=held.take)["api"]

    assert (choose(first), choose(first)) == (free, free)  # nobody listens there yet
    assert choose(second) != free
    first.release()
    assert choose(second) == free
    second.release()
