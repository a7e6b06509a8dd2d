#!/usr/bin/env bash
# Installs this project from the action's own checkout: the tenantctl and the action are always of one version.
set -euo pipefail
environment="$RUNNER_TEMP/tenantctl"
python3 -m venv "$environment"
"$environment/bin/pip" install --quiet --disable-pip-version-check "$(dirname "$0")/../.."
echo "$environment/bin" >> "$GITHUB_PATH"
"$environment/bin/tenantctl" version
