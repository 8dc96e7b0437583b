# Recipes for working on Daybook; `just` alone lists them. `uv run just …` needs nothing but uv.

# The uv that runs us, when one does: it may lie outside the PATH.
uv := quote(env("UV", "uv"))
run := uv + " run"

# Compiled once, modules are read from then on. Where a machine switches that off, every process of
# every test compiles what it imports: a second or two each.
export PYTHONDONTWRITEBYTECODE := ""

# Arguments reach a recipe as they were given, spaces and all.
set positional-arguments

_list:
    @{{ quote(just_executable()) }} --justfile {{ quote(justfile()) }} --list --unsorted

# Install everything and the hooks of git
[group('run')]
setup:
    {{ run }} --all-groups pre-commit install

# Run everything on this machine until Ctrl-C
[group('run')]
up *ARGS:
    {{ run }} daybook up "$@"

# Bill a clinic's day from end to end, then stop
[group('run')]
demo *ARGS:
    {{ run }} daybook demo "$@"

# Build a read model again from the log and switch to it
[group('run')]
rebuild NAME *ARGS:
    {{ run }} daybook rebuild "$@"

# Measure this machine (`just bench --quick` takes under a minute)
[group('run')]
bench *ARGS:
    {{ run }} python -m services.bench "$@"

# All checks, the same at the desk and in CI
[group('check')]
check: _format lint types imports _drift test

# The tests, or those that are named; three files at a time, since they wait much
[group('check')]
test *ARGS:
    {{ run }} pytest --numprocesses 3 --dist loadfile --no-loadscope-reorder "$@"

# Ask the API whatever its document allows, for that many seconds
[group('check')]
schemathesis SECONDS="600":
    {{ run }} env DAYBOOK_SCHEMATHESIS_SECONDS="$1" pytest -q tests/http/test_schemathesis.py

# What ruff finds
[group('check')]
lint:
    {{ run }} ruff check

# What mypy finds, strict
[group('check')]
types:
    {{ run }} mypy

# Whether imports point down
[group('check')]
imports:
    {{ run }} lint-imports

# The files of deploy/ against the servers they are for, and by docker where it is there
[group('check')]
deploy-check:
    {{ run }} pytest -q tests/architecture tests/bus tests/postgres -k "deploy or runbook"
    {{ run }} python deploy/compose_config.py

# Lay out the code and sort its imports
[group('change')]
fmt:
    {{ run }} ruff check --select I --fix
    {{ run }} ruff format

# Write contracts/schemas from the contracts and the routes of the API
[group('change')]
contracts:
    {{ run }} python -m contracts.publish
    {{ run }} python -m services.api.publish

# Pin every dependency in pyproject.toml (`just lock --upgrade` for the newest)
[group('change')]
lock *ARGS:
    {{ run }} --no-project python deploy/lock.py "$@"

_format:
    {{ run }} ruff format --check

_drift:
    {{ run }} pytest -q tests/golden/test_schemas.py
