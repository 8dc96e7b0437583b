"""What several activities share: any folder of the project can be imported from."""

NOT_BILLED = frozenset({"NOSHOW"})


def billable(code: str) -> bool:
    """Whether a service is billed at all."""
    return code not in NOT_BILLED
