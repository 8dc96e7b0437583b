"""Parameters as a reader of the document needs them: one type, one description, whole bounds."""

from typing import Any, Final

_NULL: Final = {"type": "null"}
_USUAL: Final = ("deprecated", "allowEmptyValue", "allowReserved")
# Of the visit that the examples of bodies are about.
_EXAMPLES: Final[dict[tuple[str, str], Any]] = {
    ("path", "account_id"): "acc_715e062ft5gndvyptv5c1cbg89",
    ("path", "bill_id"): "bill_72vz4aapfdg878914r5437598h",
    ("path", "customer_id"): "cust-1",
    ("path", "period"): "2025-09",
    ("path", "adjustment_id"): "adj_5sgbk5p3nkhdmbz7jptq592vmb",
    ("path", "charge_id"): "chg_5sgbk5p3nkhdmbz7jptq592vmb",
    ("path", "credit_allocation_id"): "crd_5sgbk5p3nkhdmbz7jptq592vmb",
    ("path", "gl_export_id"): "gle_72vz4aapfdg878914r5437598h",
    ("path", "invoice_id"): "inv_778anwfj35hn19q7b5eb5t2jrw",
    ("path", "payment_id"): "pay_42rjrpda0kh15amb6erfr44qh0",
    ("path", "payment_method_id"): "pmt_5n5vxxq0r0ha8v4adsvavbdcvj",
    ("path", "price_list_id"): "prl_72vz4aapfdg878914r5437598h",
    ("path", "refund_id"): "rfd_5sgbk5p3nkhdmbz7jptq592vmb",
    ("path", "run_id"): "run_715e062ft5gndvyptv5c1cbg89-1",
    ("path", "workflow_run_id"): "wfr_715e062ft5gndvyptv5c1cbg89",
    ("header", "Idempotency-Key"): "till-1/77",
    ("header", "X-Idempotency-Key"): "meter-7/2025-09-03",
    ("header", "If-Match"): 'W/"7-1204"',
    ("query", "account_id"): "acc_715e062ft5gndvyptv5c1cbg89",
    ("query", "payment_id"): "pay_42rjrpda0kh15amb6erfr44qh0",
    ("query", "after"): "acc_715e062ft5gndvyptv5c1cbg89-1",
    ("query", "facility"): "north",
    ("query", "language"): "prs",
    ("query", "from"): "2026-01-01",
    ("query", "date_from"): "2026-01-01",
    ("query", "to"): "2026-01-31",
    ("query", "date_to"): "2026-01-31",
    ("query", "as_of"): "2026-01-31",
    ("query", "on"): "2026-01-31",
}


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
    example = _EXAMPLES.get((parameter["in"], parameter["name"]))
    if isinstance(example, str):  # a month is the beginning of a day
        example = example[: schema.get("maxLength")]
    return kept | {"schema": schema} | ({} if example is None else {"example": example})
