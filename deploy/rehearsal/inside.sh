#!/usr/bin/env bash
# What the operator does inside the rehearsal's Debian, as the user `rolebridge`. `inside.sh STEP [ARGUMENT]`.
set -euo pipefail
run=/srv/run
cd /srv/rolebridge
secret() { # the same at each call
    [ -s "$run/$1" ] || (umask 077 && head -c 32 /dev/urandom | od -An -tx1 | tr -d ' \n' >"$run/$1")
    cat "$run/$1"
}
patiently() { # until the command succeeds
    for _ in $(seq 300); do "$@" >/dev/null 2>&1 && return; sleep 0.2; done
    echo "Never ready: $*" >&2
    tail -n 30 "$run"/*.log >&2
    return 1
}
settings() {
    # shellcheck disable=SC2155 # a secret that cannot be made ends this at the next use
    export ROLEBRIDGE_MODE=production SECRET_KEY="$(secret secret_key)" BASE_URL=https://access.rehearsal.test:8443 \
        DATABASE_URL="postgresql://rolebridge_app:$(secret app_password)@127.0.0.1:6432/rolebridge" \
        DATABASE_STAFF_URL="postgresql://rolebridge_staff:$(secret staff_password)@127.0.0.1:6432/rolebridge" \
        CELERY_BROKER_URL=redis://127.0.0.1:6379/0 CACHE_URL=redis://127.0.0.1:6379/1 \
        EMAIL_URL=smtp+tls://portal:rehearsal@mail.rehearsal.test:2525 EMAIL_FROM=portal@rehearsal.test \
        VENDOR_ACCOUNT_ID=111111111111 WORKER_GRACE_SECONDS=5 DATABASE_POOL_SIZE=10 \
        AWS_CA_BUNDLE=/etc/ssl/certs/ca-certificates.crt AWS_EC2_METADATA_DISABLED=true \
        AWS_CONTAINER_CREDENTIALS_FULL_URI=http://127.0.0.1:4566/_sandbox/credentials/111111111111/rolebridge/worker
}
start() { # NAME COMMAND…: in the background, with its log and process id in $run
    local name=$1
    shift
    nohup "$@" >>"$run/$name.log" 2>&1 </dev/null &
    echo $! >"$run/$name.pid"
}
web_answers() { python3 -c "import urllib.request as r; r.urlopen('http://127.0.0.1:$1/livez', timeout=3)"; }
worker_is_ready() { grep -q " ready." "$run/$1.log"; }
all_end() { for process in "$@"; do [ ! -e "/proc/$process" ] || return 1; done; }
upstream() { # STATE-OF-8000 STATE-OF-8001: which web servers nginx sends requests to
    printf 'server 127.0.0.1:8000%s;\nserver 127.0.0.1:8001%s;\n' "$1" "$2" >"$run/rolebridge-upstream.conf"
}
reload_nginx() { # until the processes that know the list of before have answered what they took
    local nginx before
    nginx=$(cat "$run/nginx.pid")
    before=$(cat "/proc/$nginx/task/$nginx/children") # their process ids
    nginx -p "$run" -c "$run/nginx.conf" -s reload
    # shellcheck disable=SC2086 # one word each
    patiently all_end $before
}

case $1 in
services)
    initdb --pgdata "$run/postgres" --auth scram-sha-256 --username postgres --pwfile <(secret postgres_password) >"$run/initdb.log"
    start postgres postgres -D "$run/postgres" -c unix_socket_directories="$run" -c max_connections=60
    start redis redis-server --bind 127.0.0.1 --port 6379 --dir "$run" --appendonly yes --maxmemory-policy noeviction
    {
        printf '[databases]\nrolebridge = host=127.0.0.1 port=5432\n[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = 6432\n'
        printf 'unix_socket_dir =\nauth_type = scram-sha-256\nauth_file = %s/users\npool_mode = transaction\ndefault_pool_size = 15\n' "$run"
    } >"$run/pgbouncer.ini"
    printf '"rolebridge_app" "%s"\n"rolebridge_staff" "%s"\n' "$(secret app_password)" "$(secret staff_password)" >"$run/users"
    start pgbouncer pgbouncer "$run/pgbouncer.ini"
    patiently pg_isready --host 127.0.0.1
    ;;
database)
    export PGPASSWORD PGHOST=127.0.0.1 PGUSER=postgres
    PGPASSWORD=$(secret postgres_password)
    for role in owner app staff product; do
        psql --quiet --dbname postgres --command \
            "CREATE ROLE rolebridge_$role LOGIN NOSUPERUSER NOBYPASSRLS PASSWORD '$(secret ${role}_password)'"
    done
    psql --quiet --dbname postgres --command "CREATE DATABASE rolebridge OWNER rolebridge_owner"
    psql --quiet --dbname rolebridge --file tenants/database_roles.sql
    settings
    DATABASE_OWNER_URL="postgresql://rolebridge_owner:$(secret owner_password)@127.0.0.1:5432/rolebridge" \
        python manage.py migrate 2>&1 | tail -1
    # AWS stands behind nginx here, and preflight asks for it.
    bash "$0" nginx
    ;;
nginx)
    upstream "" ""
    cat >"$run/nginx.conf" <<CONF
pid $run/nginx-own.pid;
error_log $run/nginx-error.log;
events {}
http {
    access_log off; # of AWS; rolebridge.conf says where its own is
    client_body_temp_path $run/nginx-body;
    proxy_temp_path $run/nginx-proxy;
    fastcgi_temp_path $run/nginx-fastcgi;
    uwsgi_temp_path $run/nginx-uwsgi;
    scgi_temp_path $run/nginx-scgi;
    include rolebridge.conf;
    server { # AWS, by its own names
        listen 443 ssl;
        server_name *.amazonaws.com;
        ssl_certificate /etc/rolebridge/tls/certificate.pem;
        ssl_certificate_key /etc/rolebridge/tls/key.pem;
        location / {
            proxy_pass http://127.0.0.1:4566;
            proxy_http_version 1.1;
            proxy_set_header Connection "";
            proxy_set_header Host \$host;
            proxy_request_buffering on;
        }
    }
}
CONF
    start nginx nginx -p "$run" -c "$run/nginx.conf" -g 'daemon off;'
    ;;
manage)
    settings
    shift
    python manage.py "$@"
    ;;
web)
    settings
    WEB_CONCURRENCY=1 WEB_BIND=127.0.0.1:$2 start "web$2" gunicorn --config deploy/gunicorn.conf.py portal.wsgi
    patiently web_answers "$2"
    ;;
worker)
    settings
    : >"$run/worker$2.log"
    start "worker$2" celery --app portal worker --pool threads --concurrency 16 --hostname "worker$2@rehearsal" \
        --queues verifications,scheduled_verifications,maintenance,webhooks --loglevel INFO \
        --without-gossip --without-mingle --without-heartbeat
    patiently worker_is_ready "worker$2"
    ;;
beat)
    settings
    start beat celery --app portal beat --schedule "$run/beat-schedule" --loglevel INFO
    ;;
proxy)
    patiently python3 -c "import socket; socket.create_connection(('127.0.0.1', 8443), 2)"
    ;;
again) # PROCESS ARGUMENT: told to stop, waited for, and started anew; a web server once nginx sends it nothing more
    case $2$3 in
    web8000) upstream " down" "" && reload_nginx ;;
    web8001) upstream "" " down" && reload_nginx ;;
    esac
    kill -TERM "$(cat "$run/$2$3.pid")"
    patiently all_end "$(cat "$run/$2$3.pid")"
    bash "$0" "$2" "$3"
    [ "$2" != web ] || { upstream "" "" && reload_nginx; }
    ;;
esac
