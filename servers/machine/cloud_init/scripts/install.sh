#!/bin/sh
# Installs Docker from the distribution, if the image doesn't have it.
set -eu
if command -v dockerd; then
    exit 0
fi
if ! command -v apt-get; then
    echo "This image has neither Docker nor apt-get. Use Debian, Ubuntu, or an image" \
        "that has Docker."
    exit 1
fi
export DEBIAN_FRONTEND=noninteractive
apt() {
    apt-get -q -o DPkg::Lock::Timeout=600 -o Acquire::Retries=3 "$@"
}
# At first boot the network may still be starting.
tries=0
until apt -o APT::Update::Error-Mode=any update; do
    tries=$((tries + 1))
    [ "$tries" -lt 6 ] || exit 1
    sleep "$((tries * 5))"
done
apt install -y --no-install-recommends docker.io apparmor ca-certificates iptables
# Since Debian 13, the client is a package of its own.
command -v docker || apt install -y --no-install-recommends docker-cli
