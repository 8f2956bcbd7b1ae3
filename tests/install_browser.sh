#!/bin/sh
# Finds or installs the browser that the page tests drive. Never fails: the tests say themselves,
# with the reason, that they were skipped.
set -u
for name in chromium chromium-browser google-chrome; do
  command -v "$name" >/dev/null 2>&1 && exit 0
done
if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null 2>&1; then
  echo "No Chromium here, and only root on Debian or Ubuntu can have it installed: page tests will be skipped."
  exit 0
fi
echo "Installing Chromium for the page tests ..."
export DEBIAN_FRONTEND=noninteractive
if ! { apt-get update -qq && apt-get install -y -qq --no-install-recommends chromium; } >/tmp/listener-chromium.log 2>&1; then
  echo "Chromium could not be installed (see /tmp/listener-chromium.log): page tests will be skipped."
fi
exit 0
