#!/bin/sh
# Create or update Temporal's tables: its databases are there (databases.sql), SQL_* say where.
set -eu

schema=/etc/temporal/schema/postgresql/v12
for kind in temporal visibility; do
    case $kind in
        temporal) database=temporal ;;
        visibility) database=temporal_visibility ;;
    esac
    temporal-sql-tool --db "$database" setup-schema -v 0.0
    temporal-sql-tool --db "$database" update-schema -d "$schema/$kind/versioned"
done
