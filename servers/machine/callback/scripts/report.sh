#!/bin/sh
# Tells the service that calls ServerFleet that the boot has begun. From then on, it
# watches the boot itself.
unit=serverfleet-callback.service
systemctl is-active --quiet "$unit" && exit 0
systemctl daemon-reload >/dev/null 2>&1
systemctl start --no-block "$unit" >/dev/null 2>&1
