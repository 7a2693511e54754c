#!/bin/sh
# Run once by the postgres image, as its superuser, when the data directory is new: the three roles and their database.
set -eu
for role in owner app staff; do
    printf "CREATE ROLE rolebridge_%s LOGIN NOSUPERUSER NOBYPASSRLS PASSWORD '%s';\n" \
        "$role" "$(cat "/run/secrets/${role}_password")"
done | psql --quiet --set ON_ERROR_STOP=1 --username postgres --dbname postgres
psql --quiet --set ON_ERROR_STOP=1 --username postgres --dbname postgres \
    --command "CREATE DATABASE rolebridge OWNER rolebridge_owner"
psql --quiet --set ON_ERROR_STOP=1 --username postgres --dbname rolebridge --file /rolebridge/database_roles.sql
