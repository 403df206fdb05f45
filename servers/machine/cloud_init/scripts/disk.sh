#!/bin/sh
# Mounts the instance's own disk where Docker keeps its data. It only takes a disk that
# is empty, or that it formatted itself. Without one, the data stays on the root disk.
set -eu
folder=/var/lib/docker
mkdir -p "$folder"
if mountpoint -q "$folder"; then
    exit 0
fi

is_empty() { # DEVICE
    [ "$(lsblk -no NAME "$1" | wc -l)" -eq 1 ] || return 1
    [ -z "$(lsblk -no MOUNTPOINT "$1" | tr -d '[:space:]')" ] || return 1
    code=0
    blkid -p "$1" >/dev/null 2>&1 || code=$?
    [ "$code" -eq 2 ]
}

disk=$(blkid -L sf-docker || true)
if [ -z "$disk" ]; then
    # Local disks before attached volumes, and large ones before small ones.
    for device in $(lsblk -bdnpo NAME,TYPE,RO,SIZE,MODEL | awk '
        $2 == "disk" && $3 == 0 && $4 >= 2 ^ 30 && $1 !~ "/(zram|loop|ram|fd)" {
            print tolower($0) ~ /instance.storage|nvme_card|ephemeral/, $4, $1
        }' | sort -k1,1nr -k2,2nr | cut -d" " -f3); do
        if is_empty "$device"; then
            disk=$device
            mkfs.ext4 -q -E lazy_itable_init=1,lazy_journal_init=1 -L sf-docker "$disk"
            break
        fi
    done
fi
if [ -z "$disk" ]; then
    echo "There is no empty local disk, so Docker's data stays on the root disk."
    exit 0
fi
mount -o noatime,discard "$disk" "$folder" || mount -o noatime "$disk" "$folder"
echo "Docker's data is on $disk."
