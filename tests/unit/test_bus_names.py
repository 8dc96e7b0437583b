"""What readers in other languages compute too: partitions, subjects and schema addresses."""

import pytest

from contracts.bus import partition_of, schema_of, source_of, subject_of


@pytest.mark.parametrize(
    ("key", "partitions", "partition"),
    [
        # The first four bytes of `printf %s acc_1 | sha256sum`, big-endian, modulo the partitions.
        ("acc_1", 16, 0xD20DE105 % 16),
        ("acc_1", 1, 0),
        ("", 16, 0xE3B0C442 % 16),
        ("Zürich", 16, 0x4251685E % 16),
    ],
)
def test_a_partition_is_a_stable_hash(key: str, partitions: int, partition: int) -> None:
    assert partition_of(key, partitions) == partition


def test_every_partition_is_used() -> None:
    assert {partition_of(f"acc_{number}", 16) for number in range(500)} == set(range(16))


def test_subjects_sources_and_schemas_are_as_specified() -> None:
    type_ = "billing.charge.captured.v2"
    assert subject_of("demo", 7, type_) == "billing.demo.7.charge.captured.v2"
    assert source_of("demo") == "/daybook/demo"
    assert schema_of(type_) == "https://daybook.dev/schemas/billing.charge.captured.v2.json"
