# SPDX-License-Identifier: LGPL-2.1-only OR MIT
# Programs by the number of arenas and rings that they have open.
karenactl list | awk 'NR > 1 { print $2 }' | sort | uniq -c | sort -rn
