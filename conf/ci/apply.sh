#!/usr/bin/env bash
# Applies the plan that was reviewed, or refuses: the pods are looked at again, and what changed since ends with exit 5.
#
#   AKU_PLAN      the saved plan           (default: plan.json)
#   AKU_APPROVE   what a person said yes to, words apart: "deletes-rows=altibase-sts/2"
#   AKU_POLICY    the policy it is judged by once more
set -euo pipefail

plan=${AKU_PLAN:-plan.json}
yes=(--yes)
read -ra said <<<"${AKU_APPROVE:-}"
for a in "${said[@]}"; do yes+=(--approve "$a"); done
[ -z "${AKU_POLICY:-}" ] || yes+=(--policy "$AKU_POLICY")
exec aku apply "$plan" "${yes[@]}"
