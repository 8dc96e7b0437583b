"""The file of a configured workflow, `workflows/<name>.yaml`, as its published schema has it."""

from typing import Annotated, Any

import msgspec
from msgspec import Meta

# Looking ahead, since Python's `$` takes a line end as well.
NAME = r"^[A-Za-z0-9](?![\s\S]*[^A-Za-z0-9_-])"
NAME_LETTERS_MAX = 80
SECONDS_MAX = 3_600


class Retry(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How often a script that failed is run again, and how long to wait before."""

    attempts: Annotated[int, Meta(ge=1, le=20, description="in all; 1 is no retry")] = 1
    backoff_seconds: Annotated[
        int, Meta(ge=0, le=SECONDS_MAX, description="before the second attempt; then doubled")
    ] = 1


class ActivityDefinition(
    msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True
):
    """An activity: a script with its parameters, and the activities that follow from it."""

    id: Annotated[
        str, Meta(pattern=NAME, max_length=NAME_LETTERS_MAX, description="unique in the file")
    ]
    script: Annotated[
        str,
        Meta(
            description="`@daybook-billing/<group>/<name>`, or `./activities/.../<name>.py` of the"
            " project",
            min_length=1,
            max_length=400,
        ),
    ]
    params: Annotated[
        dict[str, Any],
        Meta(
            description="literals, `$input.field`, or `$activities.<id>.output.field` of an"
            " ancestor; `$$` stands for a dollar sign at the beginning"
        ),
    ] = {}
    applicability: Annotated[
        tuple[Any, ...],
        Meta(description="one that is null, false, 0 or empty skips the activity and those below"),
    ] = ()
    activities: "tuple[ActivityDefinition, ...]" = ()
    retry: Retry = Retry()
    non_retryable: Annotated[
        bool, Meta(description="never run again: not after a failure, nor after a lost worker")
    ] = False
    timeout_seconds: Annotated[
        int, Meta(ge=1, le=SECONDS_MAX, description="of one run of the script")
    ] = 60


class WorkflowDefinition(
    msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True
):
    """A billing workflow: a tree of activities, worked on depth first, one at a time."""

    id: Annotated[str, Meta(pattern=NAME, max_length=NAME_LETTERS_MAX)]
    activities: Annotated[tuple[ActivityDefinition, ...], Meta(min_length=1)]
    description: str = ""
