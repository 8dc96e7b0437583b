"""FHIR R4: the embedded store's rules, and what our events look like as resources."""
