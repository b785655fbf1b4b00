// SPDX-License-Identifier: GPL-2.0-only
#define _GNU_SOURCE
#include "kernel_log.h"

int open_log(void)
{
	int log = open("/dev/kmsg", O_RDONLY | O_NONBLOCK);

	must(log >= 0);
	must(lseek(log, 0, SEEK_END) == 0);
	return log;
}

/* What a machine that is slow or stands still has the kernel say, as in vm/judge. */
static bool of_the_machine(const char *record)
{
	static const char *const begins[] = {
		"hrtimer: ", "clocksource: ", "tsc: ", "sched_clock: ", "random: ",
		"sched: RT throttling activated", "sched: DL replenish lagged too much", NULL
	};
	const char *text = strchr(record, ';');
	unsigned int i;

	for (i = 0; text && begins[i]; i++) {
		if (!strncmp(text + 1, begins[i], strlen(begins[i])))
			return true;
	}
	return false;
}

unsigned int new_lines(int log)
{
	unsigned int lines = 0;
	char record[8192];
	ssize_t bytes;

	while ((bytes = read(log, record, sizeof(record) - 1)) > 0) {
		record[bytes] = '\0';
		if (of_the_machine(record))
			continue;
		printf("# kernel log: %s", record);
		lines++;
	}
	return lines;
}
