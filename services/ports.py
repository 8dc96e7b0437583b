"""What Daybook needs of systems outside it; each port has one contract suite over its adapters."""

from collections.abc import AsyncIterable, AsyncIterator
from typing import Protocol

from services.objects import ObjectFound, ObjectOpened


class ObjectStore(Protocol):
    """Keeps files by key; keys are `services.objects.object_key`, which begin with the tenant.

    Raises ObjectStoreUnreachable and ObjectStoreDenied, and ValueError for what is no key.
    """

    @property
    def address(self) -> str:
        """Where it is, for people: no secret is in it."""

    async def put(self, key: str, content: bytes | AsyncIterable[bytes]) -> None:
        """Keep an object, in place of one that is there; nobody ever sees half of it.

        What is streamed takes bounded memory; what ends in an error leaves what was there.
        """

    async def open(self, key: str) -> ObjectOpened:
        """Read an object in chunks, which must be read or closed; raises ObjectNotFound."""

    async def head(self, key: str) -> ObjectFound | None:
        """The object's size, or None when there is none."""

    def below(self, prefix: str) -> AsyncIterator[ObjectFound]:
        """The objects below a folder of keys, in the order of their keys."""

    async def delete(self, key: str) -> None:
        """Remove an object; one that is not there is as good as removed."""
