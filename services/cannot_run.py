"""What keeps Daybook from running and somebody who runs it can mend."""


class CannotRun(Exception):
    """Its text is one line that says what, where and what to do; programs end with it."""
