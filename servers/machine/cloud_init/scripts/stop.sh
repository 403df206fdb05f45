#!/bin/sh
# Stops the Docker of the image, which was started before its settings were written.
systemctl daemon-reload
for unit in docker.socket docker.service; do
    if systemctl is-active --quiet "$unit"; then
        systemctl stop "$unit" || exit 1
    fi
done
