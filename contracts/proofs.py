"""Proofs of RFC 9162, section 2.1, as runs of leaves: which hashes an inclusion or a consistency
proof consists of, each the root over leaves `first` to `behind` (from 0, the last one excluded).

Whoever has the tree fetches the hashes; whoever is shown them checks with the checker, which shares
no code with this.
"""

from typing import NamedTuple

from contracts.log import node


class Span(NamedTuple):
    """A run of leaves whose root is one hash of a proof."""

    first: int
    behind: int


class Subtree(NamedTuple):
    """A whole subtree: the leaves from `number << height` on, 2^height of them."""

    height: int
    number: int


def inclusion_spans(index: int, size: int) -> list[Span]:
    """PATH(index, D[size]): what stands beside the leaf and beside each tree above it, upwards.

    Raises ValueError for a leaf that is not in a tree of that size.
    """
    if not 0 <= index < size:
        raise ValueError(f"leaf {index} is not in a tree of {size} leaves")
    spans = []
    first, behind = 0, size
    while behind - first > 1:
        middle = first + _split(behind - first)
        if index < middle:
            spans.append(Span(middle, behind))
            behind = middle
        else:
            spans.append(Span(first, middle))
            first = middle
    return spans[::-1]


def consistency_spans(first_size: int, second_size: int) -> list[Span]:
    """PROOF(first_size, D[second_size]); empty for the same size, and for a tree without leaves.

    Raises ValueError when the second tree is smaller.
    """
    if not 0 <= first_size <= second_size:
        raise ValueError(f"a tree of {second_size} leaves does not go on from {first_size}")
    if first_size in (0, second_size):
        return []
    spans = []
    first, behind, is_known = 0, second_size, True
    while first_size != behind:
        middle = first + _split(behind - first)
        if first_size <= middle:
            spans.append(Span(middle, behind))
            behind = middle
        else:
            spans.append(Span(first, middle))
            first, is_known = middle, False
    if not is_known:  # else it is the root of the first tree, which the verifier has
        spans.append(Span(first, behind))
    return spans[::-1]


def subtrees(span: Span) -> list[Subtree]:
    """The whole subtrees of a span of a proof, from the left: larger ones first."""
    found = []
    first = span.first
    while first < span.behind:
        height = (span.behind - first).bit_length() - 1
        found.append(Subtree(height, first >> height))
        first += 1 << height
    return found


def span_root(roots: list[bytes]) -> bytes:
    """The root over a span from the roots of its subtrees."""
    *left, joined = roots
    for root in reversed(left):
        joined = node(root, joined)
    return joined


def _split(size: int) -> int:
    """The largest power of two below a size."""
    return 1 << (size - 1).bit_length() - 1
