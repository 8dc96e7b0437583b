"""The statements of this package, by the name of their file."""

from importlib.resources import files


def sql(name: str) -> str:
    """The text of a statement."""
    return (files("services.statements") / "sql" / f"{name}.sql").read_text(encoding="utf-8")
