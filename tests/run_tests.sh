#!/usr/bin/env bash
# All tests: tests/run_tests.sh. One kind: tests/run_tests.sh unit|integration|performance|slow [pytest arguments].
set -euo pipefail
scripts=$(cd "$(dirname "$0")/../scripts" && pwd)

case ${1:-all} in
    all) exec "$scripts/test" ;;
    unit | integration | performance | slow)
        marker=$1
        shift
        exec "$scripts/test" -m "$marker" "$@"
        ;;
    *) exec "$scripts/test" "$@" ;;
esac
