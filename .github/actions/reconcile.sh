#!/usr/bin/env bash
# After a merge: asks the controller to look now, waits until it is done, and shows what is held, in the job's summary.
# KUBECONFIG_CONTENT comes from a secret; the file is readable by this user alone and goes with the job.
set -euo pipefail
umask 077
export KUBECONFIG="$RUNNER_TEMP/tenantctl.kubeconfig"
trap 'rm -f "$KUBECONFIG"' EXIT
printf '%s\n' "$KUBECONFIG_CONTENT" > "$KUBECONFIG"
unset KUBECONFIG_CONTENT
code=0
tenantctl reconcile --all --wait --declared --timeout "${TIMEOUT_SECONDS:-1800}" || code=$?
tenantctl plan --output github
exit "$code"
