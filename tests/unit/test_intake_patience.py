"""Messages wait for another system a few times and in bounded number, whoever else waits."""

from services.intake.patience import TIMES_MAX, Patience
from services.intake.reading import Arrived


def arrived(sequence: int, delivered: int = 1) -> Arrived:
    return Arrived("intake.demo.some.v1", {}, b"{}", sequence, delivered)


class Clock:
    """Seconds that a test moves on."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


def test_a_message_waits_until_it_came_too_often() -> None:
    patience = Patience()
    answers = [patience.lets_wait(arrived(1, times)) for times in range(1, TIMES_MAX + 1)]
    assert answers == [True] * (TIMES_MAX - 1) + [False]


def test_no_more_wait_than_the_stream_bears() -> None:
    patience = Patience(messages_max=3)
    assert [patience.lets_wait(arrived(number)) for number in range(5)] == [True] * 3 + [False] * 2
    assert patience.lets_wait(arrived(0, 2))  # one that waits already takes no other's place
    patience.settled(arrived(1))
    assert patience.lets_wait(arrived(9))
    assert not patience.lets_wait(arrived(10))


def test_what_went_to_another_process_is_forgotten() -> None:
    clock = Clock()
    patience = Patience(messages_max=2, clock=clock)
    assert patience.lets_wait(arrived(1))
    clock.seconds = 50
    assert patience.lets_wait(arrived(2))
    assert not patience.lets_wait(arrived(3))
    clock.seconds = 61
    assert patience.lets_wait(arrived(3))
    assert not patience.lets_wait(arrived(4))
