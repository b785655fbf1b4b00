# SPDX-License-Identifier: LGPL-2.1-only OR MIT
# The ten objects that take the most memory.
karenactl list --json | grep -o '"name":"[^"]*"\|"memory":[0-9]*' | paste - - | sort -t : -k 3 -rn | head
