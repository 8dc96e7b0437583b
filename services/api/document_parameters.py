"""Parameters as a reader of the document needs them: one type, one description, whole bounds."""

from typing import Any, Final

_NULL: Final = {"type": "null"}
_USUAL: Final = ("deprecated", "allowEmptyValue", "allowReserved")


def plain_parameter(parameter: dict[str, Any]) -> dict[str, Any]:
    """A parameter of Litestar's without what says nothing.

    What may be left out is no null: nobody can send one in a query or a header, and generated
    clients would offer it.
    """
    schema = {key: value for key, value in parameter["schema"].items() if key != "description"}
    kinds = [kind for kind in schema.pop("oneOf", ()) if kind != _NULL]
    if len(kinds) == 1:
        schema = kinds[0] | schema
    for bound in ("minimum", "maximum"):
        if bound in schema:
            schema[bound] = int(schema[bound])
    kept = {key: value for key, value in parameter.items() if value or key not in _USUAL}
    return kept | {"schema": schema}
