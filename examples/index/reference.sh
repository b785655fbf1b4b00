#!/bin/sh
# SPDX-License-Identifier: MIT
#
# reference.sh TREE DIR: write into DIR the results that the program "index" must
# reach for the files below TREE, found by grep, find and sort.
set -eu

sought=io_uring_cmd_done
export LC_ALL=C
mkdir -p "$2"
out=$(cd "$2" && pwd)
cd "$1"
grep -raoE '[A-Za-z_][A-Za-z0-9_]*' . | sort -u -t : -k 2,2 -k 1,1 |
	sha256sum >"$out/index.sha256"
find . -type f | sort | sha256sum >"$out/files.sha256"
grep -rlw "$sought" . | sort >"$out/lookup"
