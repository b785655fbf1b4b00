// SPDX-License-Identifier: MIT
/*
 * Compares checksums of the index and of the list of files with the reference.
 */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"

#define SUM		"/tmp/index.sum"

static void read_sum(const char *path, char sum[SUM_LENGTH + 1])
{
	FILE *file = fopen(path, "re");

	if (!file || fread(sum, 1, SUM_LENGTH, file) != SUM_LENGTH)
		die(path, file ? -EIO : -errno);
	sum[SUM_LENGTH] = '\0';
	for (int i = 0; i < SUM_LENGTH; i++)
		if (!isxdigit((unsigned char)sum[i]))
			die(path, -EBADMSG);
	fclose(file);
}

void read_reference(struct reference *reference, const char *dir)
{
	char path[PATH_MAX];

	reference->dir = dir;
	snprintf(path, sizeof(path), "%s/index.sha256", dir);
	read_sum(path, reference->index);
	snprintf(path, sizeof(path), "%s/files.sha256", dir);
	read_sum(path, reference->files);
}

static void expect(const char *what, const char *sum, const char *expected)
{
	if (!strcmp(sum, expected))
		return;
	fflush(stdout);
	fprintf(stderr, "%s: SHA-256 is %s, should be %s\n", what, sum, expected);
	die(what, 0);
}

static void sum_index(const struct index *index, char sum[SUM_LENGTH + 1])
{
	FILE *pipe = popen("sha256sum >" SUM, "we");
	int ret;

	if (!pipe)
		die("sha256sum", -errno);
	ret = index_dump(index, pipe);
	if (pclose(pipe) || ret < 0)
		die("sha256sum", ret);
	read_sum(SUM, sum);
}

static void sum_list(const char *list, char sum[SUM_LENGTH + 1])
{
	char command[PATH_MAX];

	snprintf(command, sizeof(command), "LC_ALL=C sort %s | sha256sum >" SUM, list);
	if (system(command))
		die(command, 0);
	read_sum(SUM, sum);
}

/* Checks that the record of every file came exactly once, in whichever way. */
void check_done(const struct job *job, const struct done *done,
		const struct reference *reference)
{
	char sum[SUM_LENGTH + 1];

	if (done->files != job->nr_paths)
		die("files without a record", 0);
	sum_list(job->list, sum);
	expect("list of files", sum, reference->files);
	sum_index(&done->index, sum);
	expect("index", sum, reference->index);
}
