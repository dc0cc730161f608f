#!/usr/bin/env bash
# Puts comment.md under a pull request: one comment, updated in place. Needs gh, GH_TOKEN, GITHUB_REPOSITORY and AKU_PR.
set -euo pipefail

repo=${GITHUB_REPOSITORY:?owner/name}
number=${AKU_PR:?the number of the pull request}
id=$(gh api "repos/$repo/issues/$number/comments" --paginate --jq '.[] | select(.body | startswith("<!-- aku -->")) | .id' | head -n 1)
if [ -n "$id" ]; then
    gh api --method PATCH "repos/$repo/issues/comments/$id" -F body=@comment.md >/dev/null
else
    gh api --method POST "repos/$repo/issues/$number/comments" -F body=@comment.md >/dev/null
fi
