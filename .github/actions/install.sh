#!/usr/bin/env bash
# Installs this project from the action's own checkout: the tenantctl and the action are always of one version.
set -euo pipefail
environment="$RUNNER_TEMP/tenantctl"
# -I: nothing of the checked-out repository is imported; a venv.py there would be run instead
python3 -I -m venv "$environment"
"$environment/bin/pip" install --quiet --disable-pip-version-check "$(dirname "$0")/../.."
echo "$environment/bin" >> "$GITHUB_PATH"
"$environment/bin/tenantctl" version
