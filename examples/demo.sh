#!/bin/sh
# SPDX-License-Identifier: MIT
#
# The demo, called by "make demo": boot a VM in which the program "index"
# (examples/index/) indexes the kernel headers that the module was built against.
# First make the expected results here, by examples/index/reference.sh.
set -eu

cd "$(dirname "$0")/.."
out=build/demo

# Debian keeps headers common to all flavours of a kernel in another directory.
headers=$(vm/kernel headers)
common=$(sed -n 's|^include \(/.*\)/Makefile$|\1|p' "$headers/Makefile")
tree=${common:-$headers}

echo "demo: reference: grep, find and sort over $tree"
rm -rf "$out"
mkdir -p "$out/tree"
(cd "$tree" && find arch include -type f -name '*.h') >"$out/list"
(cd "$tree" && cpio --quiet -pd "$OLDPWD/$out/tree") <"$out/list"
sh examples/index/reference.sh "$out/tree" "$out/reference"

echo "demo: boot a VM with $(wc -l <"$out/list") files, $(du -sm --apparent-size "$out/tree" | cut -f 1) MB"
exec vm/run --log build/vm/demo.log --file "$out/tree:/tree" \
	--file "$out/reference:/reference" -- index /tree /reference
