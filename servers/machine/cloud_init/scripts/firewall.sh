#!/bin/sh
# Keeps containers from the metadata service of the cloud, where anyone can read the
# user data and its keys: firewall [ADDRESS...]. With addresses or networks it also
# closes Docker's port to all others.
#
# What a container sends arrives on an interface; what this instance sends itself does
# not. So the raw table's PREROUTING stops containers alone, before Docker's own rules
# and whether Docker runs or not.
set -eu

protect_metadata() { # COMMAND ADDRESS...
    tables=$1
    shift
    "$tables" -w 30 -t raw -N SERVERFLEET 2>/dev/null ||
        "$tables" -w 30 -t raw -F SERVERFLEET
    "$tables" -w 30 -t raw -A SERVERFLEET -m addrtype --dst-type LOCAL -j RETURN
    for address in "$@"; do
        # Some clouds have their name servers and clocks at such an address.
        "$tables" -w 30 -t raw -A SERVERFLEET -d "$address" -p udp --dport 53 -j RETURN
        "$tables" -w 30 -t raw -A SERVERFLEET -d "$address" -p tcp --dport 53 -j RETURN
        "$tables" -w 30 -t raw -A SERVERFLEET -d "$address" -p udp --dport 123 -j RETURN
        "$tables" -w 30 -t raw -A SERVERFLEET -d "$address" -j DROP
    done
    "$tables" -w 30 -t raw -C PREROUTING -j SERVERFLEET 2>/dev/null ||
        "$tables" -w 30 -t raw -I PREROUTING -j SERVERFLEET
}

close_docker() { # COMMAND ADDRESS...
    tables=$1
    shift
    "$tables" -w 30 -N SERVERFLEET 2>/dev/null || "$tables" -w 30 -F SERVERFLEET
    "$tables" -w 30 -A SERVERFLEET -i lo -j RETURN
    for address in "$@"; do
        "$tables" -w 30 -A SERVERFLEET -s "$address" -j RETURN
    done
    "$tables" -w 30 -A SERVERFLEET -j DROP
    "$tables" -w 30 -C INPUT -p tcp --dport 2376 -j SERVERFLEET 2>/dev/null ||
        "$tables" -w 30 -I INPUT -p tcp --dport 2376 -j SERVERFLEET
}

closed=$#
four=""
six=""
for address in "$@"; do
    case $address in
    *:*) six="$six $address" ;;
    *) four="$four $address" ;;
    esac
done

# AWS, Azure, DigitalOcean, Google Cloud, Hetzner, OpenStack, Scaleway and others use a
# link-local address; Alibaba Cloud, Azure's agent and Oracle Cloud also have others.
protect_metadata iptables 169.254.0.0/16 168.63.129.16 100.100.100.200 192.0.0.192
# shellcheck disable=SC2086 # addresses, separated by spaces
[ "$closed" -eq 0 ] || close_docker iptables $four
if [ -e /proc/net/if_inet6 ]; then
    # AWS, Google Cloud, Scaleway, Linode, Oracle Cloud and Alibaba Cloud
    protect_metadata ip6tables \
        fd00:ec2::/32 fd20:ce::254 fd00:42::/32 fd00:a9fe:a9fe::/48 \
        fd00:c1::a9fe:a9fe fd00:100::100:200
    # shellcheck disable=SC2086
    [ "$closed" -eq 0 ] || close_docker ip6tables $six
fi
