#!/usr/bin/env bash
# Second half of deploy/rehearse.sh, in namespaces of its own: what it starts and mounts ends with it.
set -euo pipefail
root=$1 place=$2
here=deploy/rehearsal
python=.venv/bin/python
say() { printf '\n== %s\n' "$*"; }
ip link set lo up
mount --make-rprivate /
mount -t proc proc /proc
echo 0 >/proc/sys/net/ipv4/ip_unprivileged_port_start # of this network alone: nginx plays AWS on 443 without rights
mount -t proc proc "$root/proc"
mount -t tmpfs -o mode=755 tmpfs "$root/dev"
for name in null zero random urandom; do
    touch "$root/dev/$name" && mount --bind "/dev/$name" "$root/dev/$name"
done
ln -s /proc/self/fd "$root/dev/fd"
mkdir -m 1777 "$root/dev/shm" && mount -t tmpfs -o mode=1777 tmpfs "$root/dev/shm"

say "Names and certificates of this rehearsal"
names=$($python "$here/customer.py" names)
{ echo "127.0.0.1 localhost access.rehearsal.test mail.rehearsal.test"; echo "127.0.0.1 $names"; } >"$root/etc/hosts"
tls=$root/etc/rolebridge/tls
mkdir -p "$tls" "$root/srv/run"
openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj "/CN=Rehearsal CA" -keyout "$place/ca.key" -out "$place/ca.pem" 2>/dev/null
openssl req -newkey rsa:2048 -nodes -subj "/CN=access.rehearsal.test" -keyout "$tls/key.pem" -out "$place/request.pem" 2>/dev/null
openssl x509 -req -in "$place/request.pem" -CA "$place/ca.pem" -CAkey "$place/ca.key" -CAcreateserial -days 2 \
    -out "$tls/certificate.pem" -extfile <(echo "subjectAltName=DNS:access.rehearsal.test,DNS:mail.rehearsal.test,DNS:*.amazonaws.com,DNS:*.us-east-1.amazonaws.com") 2>/dev/null
cp "$place/ca.pem" "$root/usr/local/share/ca-certificates/rehearsal.crt"
chroot "$root" update-ca-certificates >/dev/null 2>&1

say "Outside: AWS (the sandbox) and a mail server"
$python -m integrations.sandbox --port 4566 >"$place/sandbox.log" 2>&1 &
$python "$here/mail_server.py" 2525 "$tls" "$place/mails" >"$place/mail.log" 2>&1 &
$python "$here/customer.py" vendor

say "Inside: PostgreSQL, pgbouncer in transaction mode, Redis"
cp "$here/inside.sh" "$root/srv/run/inside.sh"
cp deploy/nginx/rolebridge.conf "$root/srv/run/"
chroot "$root" chown -R rolebridge:rolebridge /srv/run /etc/rolebridge /var/log/nginx
# With no rights and none to be had: the bounding set is empty and no setuid program gives any.
inside() {
    setpriv --bounding-set -all,+setuid,+setgid,+sys_chroot --no-new-privs \
        chroot --userspec=rolebridge:rolebridge "$root" env -i HOME=/srv/rolebridge \
        PATH=/srv/rolebridge/.venv/bin:/usr/lib/postgresql/15/bin:/usr/sbin:/usr/bin:/bin bash /srv/run/inside.sh "$@"
}
inside services
inside database

say "preflight before anything takes traffic"
inside manage preflight

say "Two web processes, two workers, beat, nginx"
for port in 8000 8001; do inside web $port; done
for number in 1 2; do inside worker $number; done
inside beat
inside proxy
export CUSTOMER_CA=$place/ca.pem CUSTOMER_MAILS=$place/mails
echo "127.0.0.1 access.rehearsal.test" >"$place/hosts" && cat /etc/hosts >>"$place/hosts" && mount --bind "$place/hosts" /etc/hosts

say "What nginx takes of TLS, scanned by sslscan"
$python -m scripts.scan_tls access.rehearsal.test:8443

say "The main job, through nginx"
$python "$here/customer.py" job || { tail -n 30 "$root"/srv/run/*.log; exit 1; }

say "Each process is replaced while customers browse and verify"
$python "$here/customer.py" browse &
browsing=$!
sleep 2
for port in 8000 8001; do inside again web $port; done
for number in 1 2; do inside again worker $number; done
wait $browsing || { grep -hE '"level": "(ERROR|CRITICAL)"' "$root"/srv/run/*.log | tail -n 20; exit 1; }
say "Who runs all this"
# shellcheck disable=SC2009 # whole command lines are shown, with who runs them
ps -e -o uid:12,args --no-headers | grep -E "gunicorn|celery|postgres -D|pgbouncer|redis-server|nginx: master" | grep -v grep | sed 's#/srv/rolebridge/.venv/bin/##' | cut -c1-110 | sort | uniq -c
say "Rehearsed: nothing was lost"
