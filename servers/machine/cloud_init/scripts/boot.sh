#!/bin/sh
# Sets this instance up. ServerFleet wrote it, and it runs once, as root. It stops at
# the first step that fails.
umask 077
state=/var/lib/serverfleet
mkdir -p "$state"
exec >>/var/log/serverfleet.log 2>&1
# The image may have been taken of an instance that booted before.
rm -f "$state/booted" "$state/steps" "$state/step" "$state/agent-started"

run() { # NAME COMMAND...
    name=$1
    shift
    began=$(date +%s)
    echo "== $name"
    printf %s "$name" >"$state/step"
    code=0
    (umask 022 && exec "$@") || code=$?
    printf '%s\t%s\t%s\t%s\n' "$began" "$(date +%s)" "$code" "$name" >>"$state/steps"
    if [ "$code" -ne 0 ]; then
        echo "== This step failed with the exit code $code: $name"
        exit 1
    fi
}

