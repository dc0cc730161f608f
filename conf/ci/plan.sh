#!/usr/bin/env bash
# Plans, judges and writes what a reviewer reads. Used by the recipes beside it; runs anywhere with aku in the path.
#
#   AKU_GOAL       start, end, clean, reconcile, recover or forget   (default: reconcile)
#   AKU_GOAL_ARGS  more of the command line, e.g. "--ordinal 2" or "3"
#   AKU_PLAN       the plan is saved here                             (default: plan.json)
#   AKU_POLICY     a policy file; without it every rule warns
#
# Writes $AKU_PLAN and comment.md, and prints changes=yes|no. Exit 0 also when there are changes: that is what a pipeline is for.
set -euo pipefail

plan=${AKU_PLAN:-plan.json}
read -ra more <<<"${AKU_GOAL_ARGS:-}"
policy=()
[ -z "${AKU_POLICY:-}" ] || policy=(--policy "$AKU_POLICY")

code=0
aku plan "${AKU_GOAL:-reconcile}" "${more[@]}" "${policy[@]}" --exit-code -o "$plan" >plan.txt || code=$?
case $code in
    0) changes=no ;;
    2) changes=yes ;;
    *)
        cat plan.txt
        exit "$code"
        ;;
esac
{
    printf '<!-- aku -->\n'
    aku show "$plan" --format md
} >comment.md
printf 'changes=%s\n' "$changes"
