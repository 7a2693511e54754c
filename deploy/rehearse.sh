#!/usr/bin/env bash
# The production set-up, rehearsed on a bare Debian without a container engine.
#
#     deploy/rehearse.sh            as root, on Linux with debootstrap and sslscan; 10 to 15 minutes
#
# Makes a Debian in a temporary folder and installs into it, as a user without rights, what is in requirements.txt. Then,
# in namespaces of their own (network, processes, mounts), runs PostgreSQL, pgbouncer in transaction mode, Redis, nginx
# with TLS, two web and two worker processes and beat, all of Debian's and ours as that user, and plays the main job
# through nginx. AWS is the sandbox, outside of that Debian; there it is reached by AWS's own names over TLS, so that no
# setting of production is another one. Everything ends with this script: the namespaces take processes and mounts along.
#
# REHEARSAL_BASE may name a folder with a Debian made before, which saves the first minutes; it is copied.
set -euo pipefail
cd "$(dirname "$0")/.."

PACKAGES=ca-certificates,openssl,postgresql,pgbouncer,redis-server,nginx-light,python3,python3-venv
[ "$(id -u)" = 0 ] || { echo "debootstrap and namespaces need root." >&2; exit 1; }
for program in debootstrap unshare openssl sslscan; do
    command -v "$program" >/dev/null || { echo "$program is missing. On Debian: apt-get install $program" >&2; exit 1; }
done
[ -x .venv/bin/python ] || { echo "Run \`make .venv/installed\` first: the sandbox and the customer need it." >&2; exit 1; }

place=$(mktemp -d /var/tmp/rolebridge-rehearsal-XXXXXX)
trap 'rm -rf --one-file-system "$place"' EXIT
root=$place/debian
say() { printf '\n== %s\n' "$*"; }

say "A bare Debian"
if [ -n "${REHEARSAL_BASE:-}" ]; then
    cp -a "$REHEARSAL_BASE" "$root"
else
    debootstrap --variant=minbase --include="$PACKAGES" bookworm "$root" >"$place/debootstrap.log" ||
        { tail -20 "$place/debootstrap.log" >&2; exit 1; }
fi
chroot "$root" useradd --create-home --home-dir /srv/rolebridge --shell /usr/sbin/nologin rolebridge

say "What requirements.txt names, with its hashes, and this commit"
mkdir -p "$root/srv/wheels"
# Markers are judged by the Python that downloads, which may be a later 3.11 than Debian's.
sed "s/ ; python_full_version < '3\.11\.[0-9]*'/ /" requirements.txt >"$place/requirements.txt"
.venv/bin/python -m pip download -qq --disable-pip-version-check --require-hashes --only-binary :all: \
    --no-deps --dest "$root/srv/wheels" --requirement "$place/requirements.txt"
git ls-files -z -- . ':!tests' ':!benchmarks' ':!docs' | tar --create --null --files-from - | tar --extract --directory "$root/srv/rolebridge"
chroot "$root" chown -R rolebridge:rolebridge /srv/rolebridge
in_debian() { chroot --userspec=rolebridge:rolebridge "$root" env -i HOME=/srv/rolebridge PATH=/usr/bin:/bin "$@"; }
in_debian sh -c 'cd && python3 -m venv .venv && .venv/bin/pip install --quiet --disable-pip-version-check --no-index \
    --find-links /srv/wheels --require-hashes --requirement requirements.txt && .venv/bin/python -m scripts.collect_static' |
    tail -1

say "The rest happens in namespaces of its own"
timeout --kill-after 10 900 unshare --net --mount --pid --fork --kill-child bash deploy/rehearsal/run.sh "$root" "$place"
