#!/bin/sh
# Pulls images: pull IMAGE...
set -u
for image in "$@"; do
    tries=0
    until docker pull --quiet "$image"; do
        tries=$((tries + 1))
        if [ "$tries" -ge 5 ]; then
            echo "The image $image could not be pulled."
            exit 1
        fi
        sleep "$((tries * 3))"
    done
done
