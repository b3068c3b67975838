#!/usr/bin/env bash
# Installs Prometheus and Alertmanager from the distribution where that is possible; says what is missing where it is not.
# Never fails: the stack runs without them, and says so.
set -u

missing=()
command -v prometheus > /dev/null || missing+=(prometheus)
command -v alertmanager > /dev/null || command -v prometheus-alertmanager > /dev/null || missing+=(prometheus-alertmanager)
[ ${#missing[@]} -eq 0 ] && exit 0

say_missing() {
  echo "setup: missing: ${missing[*]} ($1); install with: sudo apt-get install --no-install-recommends ${missing[*]}" >&2
  exit 0
}

command -v apt-get > /dev/null || say_missing "no apt-get here"
[ "$(id -u)" -eq 0 ] || say_missing "installing needs root"

# Debian starts a service as soon as its package is in; 101 from this file tells it not to. We run our own, on loopback.
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
  printf '#!/bin/sh\nexit 101\n' > "$policy" && chmod 755 "$policy"
  trap 'rm -f "$policy"' EXIT
fi

echo "setup: installing ${missing[*]} with apt-get"
export DEBIAN_FRONTEND=noninteractive
install() { apt-get -qq -o DPkg::Lock::Timeout=120 install -y --no-install-recommends "${missing[@]}" > /dev/null 2>&1; }
install || { apt-get -qq update > /dev/null 2>&1 && install; } || say_missing "apt-get failed"
