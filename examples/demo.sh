#!/bin/sh
# SPDX-License-Identifier: MIT
#
# The main job, called by "make demo": boot a VM in which the program "index"
# (examples/index/) indexes the kernel headers that the module was built against.
# First make the expected results here, by grep, find and sort.
set -eu

cd "$(dirname "$0")/.."
out=build/demo
sought=io_uring_cmd_done
export LC_ALL=C

# Debian keeps headers common to all flavours of a kernel in another directory.
headers=$(vm/kernel headers)
common=$(sed -n 's|^include \(/.*\)/Makefile$|\1|p' "$headers/Makefile")
tree=${common:-$headers}

echo "demo: reference: grep, find and sort over $tree"
rm -rf "$out"
mkdir -p "$out/tree" "$out/reference"
(cd "$tree" && find arch include -type f -name '*.h') >"$out/list"
(cd "$tree" && cpio --quiet -pd "$OLDPWD/$out/tree") <"$out/list"
cd "$out/tree"
grep -raoE '[A-Za-z_][A-Za-z0-9_]*' . | sort -u -t : -k 2,2 -k 1,1 |
	sha256sum >../reference/index.sha256
find . -type f | sort | sha256sum >../reference/files.sha256
grep -rlw "$sought" . | sort >../reference/lookup
cd ../../..

echo "demo: boot a VM with $(wc -l <"$out/list") files, $(du -sm --apparent-size "$out/tree" | cut -f 1) MB"
exec vm/run --log build/vm/demo.log --file "$out/tree:/tree" \
	--file "$out/reference:/reference" -- index /tree /reference
