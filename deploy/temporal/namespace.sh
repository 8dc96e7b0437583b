#!/bin/sh
# Create the namespace of our workflows, unless it is there; TEMPORAL_ADDRESS says where.
set -eu

# A closed workflow's history is kept for a month, as long as the intake can be repeated.
temporal operator namespace describe --namespace "$DAYBOOK_TEMPORAL_NAMESPACE" > /dev/null 2>&1 ||
    temporal operator namespace create --namespace "$DAYBOOK_TEMPORAL_NAMESPACE" --retention 720h
