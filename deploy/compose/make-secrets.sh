#!/bin/sh
# Makes the secrets that compose.yaml reads, and a certificate for trying it out, in deploy/compose/secrets/. What is
# there stays as it is.
set -eu
umask 077
cd "$(dirname "$0")"
mkdir -p secrets
random() { head -c 32 /dev/urandom | od -An -tx1 | tr -d ' \n'; }
keep() { [ -s "secrets/$1" ] || printf '%s' "$2" >"secrets/$1"; }
keep secret_key "$(random)"
keep secret_key_fallbacks ''  # earlier keys, while it is changed
keep postgres_password "$(random)"
for role in owner app staff; do
    keep "${role}_password" "$(random)"
    keep "${role}_url" "postgresql://rolebridge_$role:$(cat "secrets/${role}_password")@postgres:5432/rolebridge"
done
if [ ! -s secrets/key.pem ]; then
    openssl req -x509 -newkey rsa:2048 -nodes -days 30 -subj "/CN=${1:-localhost}" \
        -addext "subjectAltName=DNS:${1:-localhost}" -keyout secrets/key.pem -out secrets/certificate.pem 2>/dev/null
fi
# The image's user reads them: compose mounts a file with the mode that it has.
chmod 755 secrets && chmod 644 secrets/*
echo "The secrets are in $(pwd)/secrets. Write the sending mail server's address to secrets/email_url."
