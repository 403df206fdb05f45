#!/bin/sh
# Deletes images that no container has used for some hours: prune HOURS KEPT_IMAGE...
# Docker doesn't know when an image was last used. So a file for each image is touched
# as long as a container uses it, and the age of the file tells.
set -eu
hours=$1
shift
seen=/var/lib/serverfleet/images
mkdir -p "$seen"
used=" $(docker ps -aq | xargs -r docker inspect -f '{{.Image}}' | tr '\n' ' ')"
for image in "$@"; do
    used="$used $(docker image inspect -f '{{.Id}}' "$image" 2>/dev/null || true)"
done
present=$(docker image ls -aq --no-trunc | sort -u)
for id in $present; do
    case "$used " in
    *" $id "*) touch "$seen/$id" ;;
    *) [ -e "$seen/$id" ] || touch "$seen/$id" ;;
    esac
done
find "$seen" -type f -mmin "+$((hours * 60))" | while read -r file; do
    id=${file##*/}
    # Without --force, an image that a container or another image needs stays.
    docker image ls --no-trunc --format '{{.ID}} {{.Repository}}:{{.Tag}}' |
        awk -v id="$id" '$1 == id { print ($2 ~ /<none>/) ? $1 : $2 }' |
        xargs -r docker image rm >/dev/null 2>&1 || true
    docker image inspect "$id" >/dev/null 2>&1 || rm -f "$file"
done
docker image prune --force --filter "until=${hours}h" >/dev/null
docker builder prune --force --filter "until=${hours}h" >/dev/null 2>&1 || true
