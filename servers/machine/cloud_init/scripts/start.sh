#!/bin/sh
# Starts Docker, now and at each boot. It returns when the daemon answers.
set -eu
systemctl daemon-reload
systemctl enable docker.service
systemctl start docker.service
tries=0
until docker version; do
    tries=$((tries + 1))
    [ "$tries" -lt 60 ] || exit 1
    sleep 1
done
