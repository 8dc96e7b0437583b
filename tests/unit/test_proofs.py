"""Proofs of the tree: the examples of the RFCs, and what two other implementations make."""

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from pymerkle import InmemoryTree  # type: ignore[import-untyped]  # it ships no types

from contracts import log
from contracts.proofs import Span, consistency_spans, inclusion_spans, span_root, subtrees
from services.audit.checker import Refused, check_consistency, root_of_inclusion

# The entries and roots that the reference implementation of RFC 6962 is tested with
# (google/certificate-transparency, cpp/merkletree/merkle_tree_test.cc).
ENTRIES = (
    *("", "00", "10", "2021", "3031", "40414243", "5051525354555657"),
    "606162636465666768696a6b6c6d6e6f",
)
ROOTS = (
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
)
GOLDEN = Path(__file__).parent.parent / "golden" / "tlog" / "aics-tlog.json"


def leaves_of(entries: Sequence[bytes]) -> list[bytes]:
    return [hashlib.sha256(b"\x00" + entry).digest() for entry in entries]


REFERENCE = leaves_of([bytes.fromhex(entry) for entry in ENTRIES])
NUMBERED = leaves_of([f"entry {number}".encode() for number in range(300)])


def root_over(leaves: Sequence[bytes], span: Span) -> bytes:
    return span_root(
        [
            log.tree_root(leaves[part.number << part.height : (part.number + 1) << part.height])
            for part in subtrees(span)
        ]
    )


def inclusion(leaves: Sequence[bytes], index: int, size: int) -> list[bytes]:
    return [root_over(leaves, span) for span in inclusion_spans(index, size)]


def consistency(leaves: Sequence[bytes], first: int, second: int) -> list[bytes]:
    return [root_over(leaves, span) for span in consistency_spans(first, second)]


def test_the_trees_of_the_reference_implementation_have_its_roots() -> None:
    for size, root in enumerate(ROOTS, 1):
        assert root_over(REFERENCE, Span(0, size)).hex() == root


@pytest.mark.parametrize(
    ("index", "path"),
    [
        (0, [(1, 2), (2, 4), (4, 7)]),  # b, h, l in the figure of the RFC
        (3, [(2, 3), (0, 2), (4, 7)]),  # c, g, l
        (4, [(5, 6), (6, 7), (0, 4)]),  # f, j, k
        (6, [(4, 6), (0, 4)]),  # i, k
    ],
)
def test_paths_are_those_of_the_example_of_rfc_9162(
    index: int, path: list[tuple[int, int]]
) -> None:
    """Section 2.1.5: the tree of seven leaves."""
    assert [tuple(span) for span in inclusion_spans(index, 7)] == path


@pytest.mark.parametrize(
    ("first", "proof"),
    [
        (3, [(2, 3), (3, 4), (0, 2), (4, 7)]),  # c, d, g, l
        (4, [(4, 7)]),  # l
        (6, [(4, 6), (6, 7), (0, 4)]),  # i, j, k
    ],
)
def test_consistency_proofs_are_those_of_the_example_of_rfc_9162(
    first: int, proof: list[tuple[int, int]]
) -> None:
    assert [tuple(span) for span in consistency_spans(first, 7)] == proof


def test_every_proof_of_small_trees_is_accepted_and_any_other_root_is_not() -> None:
    for size in range(1, 40):
        root = root_over(NUMBERED, Span(0, size))
        for index in range(size):
            path = inclusion(NUMBERED, index, size)
            assert root_of_inclusion(NUMBERED[index], index, size, path) == root
            assert root_of_inclusion(NUMBERED[index + 1], index, size, path) != root
        for first in range(size + 1):
            before = root_over(NUMBERED, Span(0, first)) if first else log.EMPTY_ROOT
            proof = consistency(NUMBERED, first, size)
            check_consistency(first, size, before, root, proof)
            with pytest.raises(Refused):
                check_consistency(first, size, NUMBERED[0][::-1], root, proof)


@pytest.mark.parametrize("change", ["longer", "shorter", "another"])
def test_a_proof_of_another_form_is_refused(change: str) -> None:
    root, before = root_over(NUMBERED, Span(0, 13)), root_over(NUMBERED, Span(0, 6))
    path, proof = inclusion(NUMBERED, 5, 13), consistency(NUMBERED, 6, 13)
    for each in (path, proof):
        if change == "longer":
            each.append(NUMBERED[0])
        elif change == "shorter":
            each.pop()
        else:
            each[0] = NUMBERED[99]
    with pytest.raises(Refused):
        check_consistency(6, 13, before, root, proof)
    if change == "another":
        assert root_of_inclusion(NUMBERED[5], 5, 13, path) != root
    else:
        with pytest.raises(Refused):
            root_of_inclusion(NUMBERED[5], 5, 13, path)


@pytest.mark.parametrize(("index", "size"), [(-1, 4), (4, 4), (0, 0)])
def test_a_leaf_outside_the_tree_has_no_proof(index: int, size: int) -> None:
    with pytest.raises(ValueError, match="is not in a tree"):
        inclusion_spans(index, size)
    with pytest.raises(Refused):
        root_of_inclusion(NUMBERED[0], index, size, [])


def test_a_tree_does_not_go_on_from_a_larger_one() -> None:
    with pytest.raises(ValueError, match="does not go on"):
        consistency_spans(5, 4)
    with pytest.raises(Refused):
        check_consistency(5, 4, NUMBERED[0], NUMBERED[1], [])


@pytest.fixture(scope="module")
def recorded() -> Any:
    """What `aics-tlog` makes of the numbered entries (tests/golden/record_tlog.py)."""
    return json.loads(GOLDEN.read_text())


def test_another_implementation_makes_the_same_proofs(recorded: Any) -> None:
    for index, size, proof in recorded["inclusion"]:
        assert [each.hex() for each in inclusion(NUMBERED, index, size)] == proof
    for first, second, proof in recorded["consistency"]:
        assert [each.hex() for each in consistency(NUMBERED, first, second)] == proof


def test_a_library_accepts_our_proofs_as_its_own() -> None:
    tree = InmemoryTree(algorithm="sha256")
    for size in range(1, 70):
        tree.append_entry(f"entry {size - 1}".encode())
        index = size // 3
        theirs = tree.prove_inclusion(index + 1, size).path
        ours = inclusion(NUMBERED, index, size)
        assert NUMBERED[index] in theirs  # its paths begin at the leaf
        assert [each for each in theirs if each != NUMBERED[index]] == sorted(
            ours, key=theirs.index
        )
